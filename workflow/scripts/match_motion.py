"""Embed a test set by the training clips that move alike: a simple opponent without a network."""

import argparse
from pathlib import Path

from unseen.base.errors import run
from unseen.network.motion import match_motion
from unseen.network.stage_arguments import add_sources, sources_of
from unseen.videos.rejected import check_rejected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_sources(parser)
    parser.add_argument("--test", type=Path, nargs="+", required=True, help="the test clips")
    parser.add_argument("--output", type=Path, required=True, help="video embeddings (HDF5)")
    options = parser.parse_args()
    if not (options.shards and options.labels and options.class_embeddings and options.kept):
        parser.error("--shards, --labels, --class-embeddings and --kept are required")
    check_rejected({"the test clips": options.test}, options.limit)
    print(match_motion(sources_of(options), options.test, options.output))


if __name__ == "__main__":
    run(main)
