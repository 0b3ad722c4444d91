"""Check that the shards of the clip store are what they were when they were written."""

import argparse
from pathlib import Path

from unseen.base import errors
from unseen.videos.shards import verify_shards


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path, nargs="*", help="shards, each with a .sha256 beside")
    verify_shards(parser.parse_args().shards)


if __name__ == "__main__":
    errors.run(main)
