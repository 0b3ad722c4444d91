"""Embed the videos of a run's test sets with its trained network."""

import argparse
from pathlib import Path

import torch

from unseen.base.arguments import group_by_name, named_path
from unseen.base.errors import run
from unseen.network.inference import embed_videos
from unseen.videos.rejected import check_rejected
from unseen.videos.sampling import SCHEMES


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
    add("--snippets", type=int, default=25)
    add("--scheme", choices=SCHEMES, default="linear")
    add("--frame-rate", type=float, help="frames a second; the model's own without it")
    add("--batch-size", type=int, default=25, help="snippets that the network takes at a time")
    add("--device", choices=["auto", "cpu", "cuda"], default="auto")
    add("--dtype", choices=["auto", "bfloat16", "float32"], default="auto")
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
        snippets=options.snippets,
        scheme=options.scheme,
        batch_size=options.batch_size,
        device=options.device,
        dtype=options.dtype,
        workers=options.workers,
        frame_rate=options.frame_rate,
        class_texts=dict(options.class_texts),
    )


if __name__ == "__main__":
    run(main)
