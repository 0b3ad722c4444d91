"""Embed each class of a data set as one unit vector, by its words or by its name as a phrase."""

import argparse
from pathlib import Path

from unseen.base.errors import run
from unseen.classes.embed_classes import embed_classes, encode_classes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=Path, required=True, help="class list (TSV)")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--vectors", type=Path, help="HDF5 of select_vectors")
    source.add_argument("--encoder", type=Path, help="folder with a sentence encoder")
    parser.add_argument(
        "--missing-words", choices=["error", "drop_word", "drop_class"], default="error"
    )
    parser.add_argument("--raw-words", action="store_true", help="average vectors as they stand")
    parser.add_argument("--random", type=int, metavar="SEED", help="random vectors, a control")
    parser.add_argument("--output", type=Path, required=True, help="HDF5: classes, embeddings")
    arguments = parser.parse_args()
    if arguments.encoder:
        print(encode_classes(arguments.classes, arguments.encoder, arguments.output))
    else:
        print(
            embed_classes(
                arguments.classes,
                arguments.vectors,
                arguments.output,
                missing_words=arguments.missing_words,
                raw_words=arguments.raw_words,
                random=arguments.random,
            )
        )


if __name__ == "__main__":
    run(main)
