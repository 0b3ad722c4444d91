"""Write the model of an image-text or video-text model's folder, without any training."""

import argparse
from pathlib import Path

from unseen.base.arguments import json_value
from unseen.base.errors import run
from unseen.network.dual import make_dual_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--folder", type=Path, required=True, help="in Hugging Face's layout")
    add("--input", type=json_value, default={}, metavar="JSON", help="replaces parts of its own")
    add("--output", type=Path, required=True)
    options = parser.parse_args()
    print(make_dual_model(options.folder, options.output, input_settings=options.input))


if __name__ == "__main__":
    run(main)
