"""Classify a test set's videos by a classifier with named classes: probabilities, no answers."""

import argparse
from pathlib import Path

import torch

from unseen.base.arguments import json_value
from unseen.base.errors import run
from unseen.network.inference import classify_videos
from unseen.videos.rejected import check_rejected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, fromfile_prefix_chars="@")
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--classifier", metavar="NAME", help="a published one")
    source.add_argument("--model", type=Path, metavar="FILE", help="that of a run")
    add("--settings", type=json_value, required=True, metavar="JSON")
    add("--dataset", required=True, metavar="NAME")
    add("--shards", type=Path, nargs="+", required=True, metavar="H5")
    add("--limit", type=float, default=100, help="allowed share of rejected clips in percent")
    add("--output", type=Path, required=True)
    add("--device", choices=["auto", "cpu", "cuda"], default="auto")
    add("--threads", type=int, default=2)
    add("--workers", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    check_rejected({options.dataset: options.shards}, options.limit)
    settings = options.settings
    classify_videos(
        options.classifier or options.model,
        options.shards,
        options.output,
        input_settings=settings.pop("input"),
        **settings,
        device=options.device,
        workers=options.workers,
    )


if __name__ == "__main__":
    run(main)
