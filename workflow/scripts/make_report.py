"""Make the report: all results on one HTML page, with the test videos in a folder beside it."""

import argparse
from pathlib import Path

from unseen.base.arguments import json_value
from unseen.base.errors import run
from unseen.results.report import make_report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=json_value, required=True, help="JSON: what it shows")
    parser.add_argument("--template", type=Path, required=True, help="the page's HTML")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    make_report(options.data, options.template, options.output)
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
