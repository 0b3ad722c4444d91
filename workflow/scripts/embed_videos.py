"""Embed the videos of a run's test sets with its trained network."""

import argparse
from pathlib import Path

import torch

from unseen.base.arguments import group_by_name, json_value, named_path
from unseen.base.errors import run
from unseen.network.inference import embed_videos
from unseen.videos.rejected import check_rejected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, fromfile_prefix_chars="@")
    add = parser.add_argument
    several = {"type": named_path, "action": "extend", "nargs": "+", "required": True}
    add("--model", type=Path, required=True, metavar="FILE")
    add("--test", metavar="DATASET=H5", help="a test set and its output", **several)
    add("--shards", metavar="DATASET=FILE", help="the test sets' clip stores", **several)
    add("--limit", type=float, default=100, help="allowed share of rejected clips in percent")
    add(
        "--class-texts",
        type=named_path,
        action="extend",
        nargs="+",
        default=[],
        metavar="DATASET=H5",
        help="of a model whose classes depend on the video",
    )
    add("--settings", type=json_value, required=True, metavar="JSON")
    add("--device", choices=["auto", "cpu", "cuda"], default="auto")
    add("--threads", type=int, default=2)
    add("--workers", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    shards = group_by_name(options.shards)
    check_rejected(shards, options.limit)
    embed_videos(
        options.model,
        shards,
        dict(options.test),
        **options.settings,
        device=options.device,
        workers=options.workers,
        class_texts=dict(options.class_texts),
    )


if __name__ == "__main__":
    run(main)
