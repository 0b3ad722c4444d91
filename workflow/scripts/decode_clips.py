"""Decode the clips of one manifest part into a shard of the clip store."""

import argparse
import json
from pathlib import Path

from unseen.base import errors
from unseen.videos.decode_shard import decode_shard
from unseen.videos.settings import clip_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="clips to decode, CSV")
    parser.add_argument("--root", type=Path, required=True, help="folder of the manifest's paths")
    parser.add_argument("--output", type=Path, required=True, help="shard to write, HDF5")
    parser.add_argument("--settings", type=json.loads, default={}, help="`clips:` keys as JSON")
    parser.add_argument("--workers", type=int, default=1, help="ffmpeg processes at a time")
    args = parser.parse_args()
    decode_shard(args.manifest, args.root, args.output, clip_settings(args.settings), args.workers)


if __name__ == "__main__":
    errors.run(main)
