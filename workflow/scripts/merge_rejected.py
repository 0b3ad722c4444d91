"""Gather the rejected clips of a data set's shards, and stop when they are too many."""

import argparse
from pathlib import Path

from unseen.base import errors
from unseen.videos.rejected import merge_rejected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="shards, HDF5")
    parser.add_argument("--limit", type=float, default=5.0, help="allowed share in percent")
    parser.add_argument("--dataset", required=True, help="name for messages")
    parser.add_argument("--output", type=Path, required=True, help="table to write, CSV")
    parser.add_argument("--sources", type=Path, help="receives the digest of the source files")
    args = parser.parse_args()
    merge_rejected(args.shards, args.output, args.limit, args.dataset, args.sources)


if __name__ == "__main__":
    errors.run(main)
