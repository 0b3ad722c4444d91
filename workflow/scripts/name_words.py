"""List a data set's classes and the words that embed each of them."""

import argparse
from pathlib import Path

from unseen.base.errors import run
from unseen.classes.words import name_words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--names", type=Path, help="class names that the data bring, a line each")
    parser.add_argument("--list", type=Path, help="class list of the data set (TSV)")
    parser.add_argument("--known", type=Path, nargs="*", default=[], help="lists to find names in")
    parser.add_argument("--exclude", nargs="*", default=[], help="classes to leave out")
    parser.add_argument("--output", type=Path, required=True, help="TSV: class, words")
    arguments = parser.parse_args()
    print(
        name_words(
            arguments.dataset,
            arguments.output,
            names=arguments.names,
            class_list=arguments.list,
            known=arguments.known,
            exclude=arguments.exclude,
        )
    )


if __name__ == "__main__":
    run(main)
