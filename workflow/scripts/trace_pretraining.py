"""Which classes a run's initial weights have seen, and which of them lie near its test classes."""

import argparse
from pathlib import Path

from unseen.base.arguments import json_value, named_path
from unseen.base.errors import run
from unseen.classes.pretraining import Training, trace_pretraining


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainings", type=json_value, required=True, help="JSON: a list of them")
    parser.add_argument("--unknown", nargs="*", default=[], help="weights that nothing is known of")
    parser.add_argument("--tests", type=named_path, nargs="*", default=[], metavar="NAME=H5")
    parser.add_argument("--threshold", type=float, required=True, help="cosine distance")
    parser.add_argument("--overlap", type=Path, required=True, help="CSV, a row a class")
    parser.add_argument("--state", type=Path, required=True, help="none, a number, or not known")
    arguments = parser.parse_args()
    print(
        trace_pretraining(
            [Training.of(told) for told in arguments.trainings],
            arguments.unknown,
            dict(arguments.tests),
            threshold=arguments.threshold,
            overlap=arguments.overlap,
            state=arguments.state,
        )
    )


if __name__ == "__main__":
    run(main)
