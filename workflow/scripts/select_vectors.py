"""Cache the vectors of all words that the class lists need, out of a large file of word vectors."""

import argparse
from pathlib import Path

from unseen.base.errors import run
from unseen.classes.embed_classes import select_vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=Path, required=True, help="see read_vectors")
    parser.add_argument("--classes", type=Path, nargs="+", required=True, help="class lists (TSV)")
    parser.add_argument("--output", type=Path, required=True, help="HDF5")
    arguments = parser.parse_args()
    print(select_vectors(arguments.vectors, arguments.classes, arguments.output))


if __name__ == "__main__":
    run(main)
