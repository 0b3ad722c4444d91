"""Write the model of a classifier whose classes are combined without any training."""

import argparse
from pathlib import Path

from unseen.base.arguments import json_value, named_path
from unseen.base.errors import run
from unseen.network.convex import make_convex_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--class-embeddings", type=named_path, nargs="+", required=True, metavar="DATASET=H5")
    add("--kept", type=Path, metavar="TXT", help="the classes to combine; all without it")
    add("--model", type=Path, metavar="FILE", help="a run's classifier in place of a published one")
    add("--settings", type=json_value, required=True, metavar="JSON")
    add("--output", type=Path, required=True)
    options = parser.parse_args()
    settings = options.settings
    print(
        make_convex_model(
            options.model or settings["classifier"],
            dict(options.class_embeddings),
            options.output,
            kept=options.kept,
            likeliest=settings["likeliest"],
            centre=settings["centre"],
            input_settings=settings["input"],
        )
    )


if __name__ == "__main__":
    run(main)
