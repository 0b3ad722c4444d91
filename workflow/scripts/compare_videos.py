"""Find the training clips whose source is in a test set too, by YouTube id or by content."""

import argparse
from functools import partial
from pathlib import Path

from unseen.base.arguments import group_by_name, named_path
from unseen.base.errors import run
from unseen.videos.shared_videos import compare_videos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, fromfile_prefix_chars="@")
    several = partial(parser.add_argument, nargs="+", required=True)
    several("--shards", type=named_path, metavar="DATASET=FILE", help="the clip stores")
    several("--sources", type=named_path, metavar="DATASET=CSV", help="clip_id,source")
    several("--train", metavar="DATASET", help="the training sets")
    several("--tests", metavar="DATASET", help="the test sets")
    parser.add_argument("--output", type=Path, required=True, help="CSV, a row a training clip")
    options = parser.parse_args()
    print(
        compare_videos(
            group_by_name(options.shards),
            dict(options.sources),
            train=options.train,
            tests=options.tests,
            output=options.output,
        )
    )


if __name__ == "__main__":
    run(main)
