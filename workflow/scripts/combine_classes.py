"""Place a run's test videos among words by the probabilities of its classifier's classes."""

import argparse
from pathlib import Path

from unseen.base.arguments import named_path
from unseen.base.errors import run
from unseen.network.combining import combine_classes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    several = {"type": named_path, "nargs": "+", "required": True, "metavar": "DATASET=H5"}
    add("--model", type=Path, required=True, metavar="FILE")
    add("--test", help="a test set and its output", **several)
    add("--probabilities", help="the test sets' probabilities", **several)
    options = parser.parse_args()
    combine_classes(options.model, dict(options.probabilities), dict(options.test))


if __name__ == "__main__":
    run(main)
