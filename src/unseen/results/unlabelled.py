"""Predictions for videos that nothing is scored on: the `predict_classes` stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unseen.classes.pretraining import Training, classes_of_training, seen_classes
from unseen.results.nearest import cosine_distances
from unseen.results.predictions import write_predictions
from unseen.results.test_set import (
    check_test_set,
    class_distances,
    classes_of_clips,
    project_classes,
    read_classes,
    read_truth,
    read_videos,
)
from unseen.results.unsure import usual_distance, usual_share


@dataclass(frozen=True)
class Known:
    """What a run knows already.

    `trained` are the classes that it was trained on or combines, in the way that it embeds
    classes: a prediction is unsure beside them. Which of the classes to choose from it has seen
    tell all `trainings` behind it, by `meanings`, these classes' embeddings by what words mean, and
    `threshold` (Eq. 3).
    """

    trained: Training | None
    is_convex: bool
    trainings: Sequence[Training]
    meanings: Path
    threshold: float


def predict_classes(
    video_embeddings: Path,
    class_embeddings: Path,
    labels: Path,
    rejected: Path,
    missing: Path,
    output: Path,
    known: Known,
) -> str:
    """Write the nearest classes of each video and return a line that sums them up.

    Columns as in the predictions of a test set, then `unsure`, whether the best class is no nearer
    than classes usually are (empty where a run has no training classes to tell by), and `seen`,
    whether the best class is one that the run or its initial weights were trained on.
    """
    videos = read_videos(video_embeddings)
    classes, vectors = read_classes(class_embeddings)
    check_test_set(video_embeddings, videos, rejected, missing)
    truth = read_truth(videos.clip_ids, classes_of_clips(labels), classes, rejected, missing)
    order = np.arange(len(classes))
    distances = class_distances(video_embeddings, videos, classes, vectors, order)[videos.snippets]
    seen = seen_classes(known.trainings, known.meanings, known.threshold)
    best = distances.argmin(axis=1)
    usual = _usual(known, video_embeddings, videos.embeddings[videos.snippets], len(classes))
    unsure = [
        "" if far is None else _flag(row[place] >= far)
        for row, place, far in zip(distances, best, usual, strict=True)
    ]
    columns = {"unsure": unsure, "seen": [_flag(classes[place] in seen) for place in best]}
    write_predictions(output, videos.clip_ids, truth.readable, classes, distances, columns)
    lines = [
        f"{len(videos.clip_ids)} videos predicted among {len(classes)} classes, "
        f"{unsure.count('true')} of them unsure",
        *(f"seen before: {name} = {same}" for name, same in sorted(seen.items())),
    ]
    return "\n".join(lines)


def _flag(value: object) -> str:
    return str(bool(value)).lower()


def _usual(
    known: Known, video_embeddings: Path, embeddings: np.ndarray, requested: int
) -> list[float | None]:
    """How near classes usually are to each video (N)."""
    sets: Mapping[str, tuple[list[str], np.ndarray]] = (
        classes_of_training(known.trained) if known.trained else {}
    )
    rows = {name: row for names, rows in sets.values() for name, row in zip(names, rows, strict=True)}
    if not rows:
        return [None] * len(embeddings)
    trained = project_classes(video_embeddings, np.stack(list(rows.values())))
    share = usual_share(requested, is_convex=known.is_convex)
    return [usual_distance(row, share) for row in cosine_distances(embeddings, trained)]
