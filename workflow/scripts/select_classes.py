"""Select a subset of a run's training classes for the sweeps of Figures 4 to 6."""

import argparse
from pathlib import Path

from unseen.base.arguments import json_value
from unseen.base.errors import run
from unseen.classes.subsets import write_subset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kept", type=Path, required=True, help="the run's kept classes")
    parser.add_argument("--class-embeddings", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--subset", type=json_value, required=True, help="JSON: classes, repeat, clusters"
    )
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    print(
        write_subset(
            options.kept, options.class_embeddings, options.subset, options.seed, options.output
        )
    )


if __name__ == "__main__":
    run(main)
