"""Render the demo's data sets: a small world in the layouts of the published sets."""

import argparse
from pathlib import Path

from unseen.base.errors import run
from unseen.demo import render_demo, write_class_lists
from unseen.demo.world import CLASSES, SIZES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="receives one folder a data set")
    parser.add_argument("--seed", type=int, default=0, help="of all pictures")
    parser.add_argument("--size", choices=SIZES, default="demo")
    parser.add_argument("--datasets", nargs="+", default=list(CLASSES), metavar="DATASET")
    parser.add_argument("--workers", type=int, default=1, help="processes that render")
    parser.add_argument(
        "--class-lists", type=Path, help="write the sets' class lists there instead"
    )
    arguments = parser.parse_args()
    if arguments.class_lists:
        write_class_lists(arguments.class_lists)
    else:
        render_demo(
            arguments.output,
            seed=arguments.seed,
            size=arguments.size,
            datasets=arguments.datasets,
            workers=arguments.workers,
        )


if __name__ == "__main__":
    run(main)
