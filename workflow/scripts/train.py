"""Train a run's network and write `model.safetensors`, `log.csv` and TensorBoard events."""

import os
import sys
from pathlib import Path

from unseen.base.errors import run
from unseen.network.processes import launch
from unseen.network.stage_arguments import argument_parser, settings_of, sources_of
from unseen.network.training import train


def main() -> int | None:
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--features", type=Path, metavar="H5", help="stored features of a frozen network"
    )
    parser.add_argument("--log", type=Path, required=True, metavar="CSV")
    parser.add_argument("--processes", type=int, default=1, help="one a GPU, under torchrun")
    parser.add_argument("--nodes", type=int, default=1, help="over which the processes spread")
    parser.add_argument("--digest", default="", help="names the caller's code and settings")
    parser.add_argument(
        "--resume",
        choices=["auto", "required"],
        default="auto",
        help="required refuses to start without a checkpoint of the same code, settings and inputs",
    )
    options = parser.parse_args()
    if options.processes > 1 and "LOCAL_RANK" not in os.environ:
        return launch(options.processes, options.nodes, sys.argv)
    return train(
        sources_of(options),
        settings_of(options),
        weights=options.weights,
        features=options.features,
        output=options.output,
        log=options.log,
        digest=options.digest,
        must_resume=options.resume == "required",
    )


if __name__ == "__main__":
    run(main)
