"""Compare pairs of runs seed by seed: the difference of their accuracies and its interval."""

import argparse
from pathlib import Path

from unseen.base import arguments
from unseen.base.errors import run
from unseen.results import versions
from unseen.results.comparisons import compare_runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=arguments.json_value, required=True, help="JSON: a list")
    parser.add_argument(
        "--metrics", type=arguments.named_path, nargs="+", required=True, metavar="RUN/DATASET=CSV"
    )
    parser.add_argument("--output", type=Path, required=True, help="the .csv; the .md is beside it")
    arguments.add_version_options(parser)
    options = parser.parse_args()
    headline = compare_runs(options.pairs, dict(options.metrics), options.output)
    files = [options.output, options.output.with_suffix(".md")]
    versions.record(
        options.output.stem, files, arguments.parts(options), headline, options.versions
    )
    print(options.output.with_suffix(".md").read_text(), options.output, sep="\n")


if __name__ == "__main__":
    run(main)
