"""Draw one of the paper's figures as CSV, SVG and PNG, and keep its version."""

import argparse
from pathlib import Path

from unseen.base import arguments
from unseen.base.errors import run
from unseen.results import versions
from unseen.results.figures import FIGURES, draw_figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", type=int, choices=FIGURES, required=True)
    parser.add_argument("--data", type=arguments.json_value, required=True, help="what it shows")
    parser.add_argument("--output", type=Path, required=True, help="the .csv; others go beside it")
    arguments.add_version_options(parser)
    options = parser.parse_args()
    headline = draw_figure(options.figure, options.data, options.output)
    files = [options.output.with_suffix(ending) for ending in (".csv", ".svg", ".png")]
    versions.record(
        options.output.stem, files, arguments.parts(options), headline, options.versions
    )
    print(*files, sep="\n")


if __name__ == "__main__":
    run(main)
