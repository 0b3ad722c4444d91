"""Predict a run's nearest classes for videos of a data set that it is not scored on."""

import argparse
from pathlib import Path

from unseen.base.arguments import json_value
from unseen.base.errors import run
from unseen.classes.pretraining import Training
from unseen.results.unlabelled import Known, predict_classes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeddings", type=Path, required=True, help="video embeddings (HDF5)")
    parser.add_argument("--class-embeddings", type=Path, required=True, help="HDF5 of the data set")
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--rejected", type=Path, required=True)
    parser.add_argument("--missing", type=Path, required=True)
    parser.add_argument("--trained", type=json_value, help="JSON: the run's own classes")
    parser.add_argument("--convex", action="store_true", help="they are combined, not trained on")
    parser.add_argument("--trainings", type=json_value, required=True, help="JSON: a list of them")
    parser.add_argument("--meanings", type=Path, required=True, help="HDF5 to find seen classes by")
    parser.add_argument("--threshold", type=float, required=True, help="cosine distance")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    known = Known(
        Training.of(arguments.trained) if arguments.trained else None,
        arguments.convex,
        [Training.of(told) for told in arguments.trainings],
        arguments.meanings,
        arguments.threshold,
    )
    print(
        predict_classes(
            arguments.embeddings,
            arguments.class_embeddings,
            arguments.labels,
            arguments.rejected,
            arguments.missing,
            arguments.output,
            known,
        )
    )


if __name__ == "__main__":
    run(main)
