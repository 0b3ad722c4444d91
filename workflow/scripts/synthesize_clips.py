"""Turn the photographs of a manifest's shard into a shard of Ken Burns clips."""

import argparse
from pathlib import Path

from unseen.base.arguments import json_value
from unseen.base.errors import run
from unseen.videos.kenburns import CROPS
from unseen.videos.photographs import synthesize_shard
from unseen.videos.settings import ClipSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="the photographs to read")
    parser.add_argument("--root", type=Path, required=True, help="folder that their paths start at")
    parser.add_argument("--output", type=Path, required=True, help="the shard to write (.h5)")
    parser.add_argument("--frames", type=int, required=True, help="frames of a clip")
    parser.add_argument("--size", type=int, required=True, help="height and width of a clip")
    parser.add_argument("--clips-per-photo", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--crops", choices=CROPS, default="place_first", help="how crops are drawn")
    parser.add_argument("--settings", type=json_value, required=True, help="how to encode, JSON")
    arguments = vars(parser.parse_args())
    settings = ClipSettings(**arguments.pop("settings"))
    synthesize_shard(**arguments, settings=settings)


if __name__ == "__main__":
    run(main)
