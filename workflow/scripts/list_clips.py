"""List a data set's clips: files on disk, in the publisher's layout, to manifests and labels."""

import argparse
from pathlib import Path

from unseen.base.errors import run
from unseen.datasets import LAYOUTS, LayoutOptions, list_clips

TRIMMED = {"true": True, "false": False, "auto": "auto"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help="its name in the configuration")
    parser.add_argument("--layout", choices=LAYOUTS, required=True)
    parser.add_argument("--root", type=Path, required=True, help="the folder with the files")
    parser.add_argument("--annotations", type=Path, help="the publisher's annotation file")
    parser.add_argument("--subsets", nargs="+", help="subsets of the annotations to take")
    parser.add_argument(
        "--trimmed", choices=TRIMMED, default="auto", help="are files cut to clips?"
    )
    parser.add_argument("--media", choices=["auto", "videos", "photographs"], default="auto")
    parser.add_argument("--exclude", nargs="*", default=[], help="classes to leave out")
    parser.add_argument("--unlabelled", action="store_true", help="folders are no classes")
    parser.add_argument("--shards", type=int, required=True, help="parts of the clip store")
    parser.add_argument("--manifests", type=Path, required=True, help="folder: <shard>.csv")
    parser.add_argument("--labels", type=Path, required=True, help="output: clip_id,class")
    parser.add_argument("--missing", type=Path, required=True, help="output: clip_id,class")
    parser.add_argument("--class-names", type=Path, required=True, help="output: a class a line")
    parser.add_argument("--source-videos", type=Path, help="output: clip_id,source")
    arguments = parser.parse_args()
    list_clips(
        arguments.dataset,
        arguments.layout,
        arguments.root,
        LayoutOptions(
            annotations=arguments.annotations,
            subsets=tuple(arguments.subsets) if arguments.subsets else None,
            trimmed=TRIMMED[arguments.trimmed],
            media=arguments.media,
            exclude=tuple(arguments.exclude),
            labelled=not arguments.unlabelled,
        ),
        shards=arguments.shards,
        manifests=arguments.manifests,
        labels=arguments.labels,
        missing=arguments.missing,
        class_names=arguments.class_names,
        source_videos=arguments.source_videos,
    )


if __name__ == "__main__":
    run(main)
