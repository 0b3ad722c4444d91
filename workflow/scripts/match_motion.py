"""Embed a test set by the training clips that move alike: a simple opponent without a network."""

import argparse
from functools import partial
from pathlib import Path

from unseen.base.arguments import group_by_name, named_path
from unseen.base.errors import run
from unseen.network.labelled_clips import TrainingSources
from unseen.network.motion import match_motion
from unseen.videos.rejected import check_rejected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    several = partial(parser.add_argument, type=named_path, nargs="+", required=True)
    several("--shards", metavar="DATASET=FILE", help="the training clips")
    several("--labels", metavar="DATASET=CSV")
    several("--class-embeddings", metavar="DATASET=H5")
    parser.add_argument("--kept", type=Path, required=True, help="the classes to learn from")
    parser.add_argument("--without", type=Path, help="clips to leave out (CSV)")
    parser.add_argument("--test", type=Path, nargs="+", required=True, help="the test clips")
    parser.add_argument("--output", type=Path, required=True, help="video embeddings (HDF5)")
    limit = {"type": float, "default": 100, "help": "allowed share of rejected clips in percent"}
    parser.add_argument("--limit", **limit)
    options = parser.parse_args()
    shards = group_by_name(options.shards)
    check_rejected(shards, options.limit)
    sources = TrainingSources(
        shards=shards,
        labels=dict(options.labels),
        class_embeddings=dict(options.class_embeddings),
        kept=options.kept,
        without=options.without,
    )
    print(match_motion(sources, options.test, options.output))


if __name__ == "__main__":
    run(main)
