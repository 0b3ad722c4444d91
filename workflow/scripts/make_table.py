"""Make one of the paper's tables as CSV, Markdown and LaTeX, and keep its version."""

import argparse
from pathlib import Path

from unseen.base import arguments
from unseen.base.errors import run
from unseen.results import versions
from unseen.results.tables import LAYOUTS, make_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=int, choices=LAYOUTS, required=True)
    parser.add_argument("--rows", type=arguments.json_value, required=True, help="measured rows")
    parser.add_argument(
        "--metrics", type=arguments.named_path, nargs="+", required=True, metavar="RUN/DATASET=CSV"
    )
    parser.add_argument(
        "--kept", type=arguments.named_path, nargs="*", default=[], metavar="RUN=TXT"
    )
    parser.add_argument(
        "--pretraining", type=arguments.named_path, nargs="*", default=[], metavar="RUN=TXT"
    )
    parser.add_argument("--published", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="the .csv; others go beside it")
    arguments.add_version_options(parser)
    options = parser.parse_args()
    headline = make_table(
        options.table,
        options.rows,
        dict(options.metrics),
        dict(options.kept),
        dict(options.pretraining),
        options.published,
        options.output,
    )
    files = [options.output.with_suffix(ending) for ending in (".csv", ".md", ".tex")]
    versions.record(
        options.output.stem, files, arguments.parts(options), headline, options.versions
    )
    print(options.output.with_suffix(".md").read_text(), options.output, sep="\n")


if __name__ == "__main__":
    run(main)
