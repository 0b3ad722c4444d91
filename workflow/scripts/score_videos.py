"""Score a run on a test set: nearest classes, evaluation protocols, confusions."""

import argparse
from pathlib import Path

from unseen.base.arguments import json_value, named_path
from unseen.base.errors import run
from unseen.classes.pretraining import Training
from unseen.results.scoring import Outputs, score
from unseen.results.test_splits import Protocols, Seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeddings", type=Path, required=True, help="video embeddings (HDF5)")
    parser.add_argument("--class-embeddings", type=Path, required=True, help="HDF5 of the test set")
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--rejected", type=Path, required=True)
    parser.add_argument("--missing", type=Path, required=True)
    parser.add_argument("--sources", type=Path, help="which clips are of one video: clip_id,source")
    parser.add_argument("--lists", type=named_path, metavar="LAYOUT=FOLDER", help="test lists")
    parser.add_argument(
        "--splits", type=named_path, nargs="*", default=[], metavar="NAME=CSV", help="of classes"
    )
    parser.add_argument("--trainings", type=json_value, help="JSON: what the run has seen")
    parser.add_argument("--meanings", type=Path, help="HDF5 to find seen classes by")
    parser.add_argument("--threshold", type=float, help="cosine distance")
    parser.add_argument("--predictions", type=Path, required=True)
    parser.add_argument("--metrics", type=Path, required=True)
    parser.add_argument("--per-class", type=Path)
    parser.add_argument("--confusions", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--permute", type=int, metavar="SEED", help="a control: shuffle the words")
    parser.add_argument("--allow-seen", action="store_true", help="say so in every row")
    arguments = parser.parse_args()
    seen = None
    if arguments.trainings is not None:
        trainings = [Training.of(told) for told in arguments.trainings]
        seen = Seen(trainings, arguments.meanings, arguments.threshold)
    print(
        score(
            arguments.embeddings,
            arguments.class_embeddings,
            arguments.labels,
            arguments.rejected,
            arguments.missing,
            Outputs(
                arguments.predictions,
                arguments.metrics,
                arguments.per_class,
                arguments.confusions,
            ),
            sources=arguments.sources,
            protocols=Protocols(arguments.lists, dict(arguments.splits), seen),
            seed=arguments.seed,
            permute=arguments.permute,
            seen_allowed=arguments.allow_seen,
        )
    )


if __name__ == "__main__":
    run(main)
