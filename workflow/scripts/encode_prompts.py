"""Embed each class of a data set by a dual model's own text encoder, over prompts."""

import argparse
from pathlib import Path

from unseen.base.errors import run
from unseen.network.dual_texts import encode_prompts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--classes", type=Path, required=True, help="class list (TSV)")
    add("--folder", type=Path, required=True, help="in Hugging Face's layout")
    add("--prompts", nargs="+", metavar="TEXT", help="templates with {}; the family's without any")
    add("--output", type=Path, required=True, help="HDF5: classes, embeddings")
    options = parser.parse_args()
    print(encode_prompts(options.classes, options.folder, options.output, prompts=options.prompts))


if __name__ == "__main__":
    run(main)
