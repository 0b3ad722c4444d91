"""Zero-shot scores from stored embeddings: the `score` stage."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unseen.base.errors import UserError
from unseen.base.tabular import write_rows
from unseen.results.nearest import ranks
from unseen.results.predictions import write_predictions
from unseen.results.protocol_names import FULL, IN_METRICS
from unseen.results.protocols import (
    MEASURES,
    NEAREST,
    accuracies,
    count_right,
    measure,
)
from unseen.results.test_set import (
    Truth,
    check_test_set,
    class_distances,
    classes_of_clips,
    read_classes,
    read_truth,
    read_videos,
)
from unseen.results.test_splits import Protocol, Protocols, read_protocols

METRICS_COLUMNS = (
    "protocol",
    "split",
    "classes",
    "videos",
    "rejected",
    "missing",
    "snippets",
    *MEASURES,
    "resampled",
)
PER_CLASS_COLUMNS = (
    "class",
    "snippets",
    "videos",
    "rejected",
    "missing",
    "right1",
    "right5",
    "top1",
    "top5",
    "predicted",
)
CONFUSIONS_COLUMNS = ("class", "predicted", "videos", "percent")


@dataclass(frozen=True)
class Outputs:
    """Where the scores go."""

    predictions: Path
    metrics: Path
    per_class: Path | None = None
    confusions: Path | None = None


def score(
    video_embeddings: Path,
    class_embeddings: Path,
    labels: Path,
    rejected: Path,
    missing: Path,
    outputs: Outputs,
    *,
    sources: Path | None = None,
    protocols: Protocols = Protocols(),
    seed: int = 0,
    permute: int | None = None,
    seen_allowed: bool = False,
) -> str:
    """Score one run on one test set, write the files, and return a line that sums them up.

    `permute` deals the class embeddings out anew among the classes, by that seed, which gives
    chance on average whatever the model is: a check of the scoring. `sources` (`clip_id,source`) tells which clips were
    cut from one video; the interval is then that over sources. `protocols` are evaluated beside the
    paper's two. `seen_allowed` marks every row of
    the metrics in a further column, `seen`.
    """
    videos = read_videos(video_embeddings)
    classes, vectors = read_classes(class_embeddings)
    order = np.arange(len(classes))
    if permute is not None:
        order = np.random.default_rng(permute).permutation(order)
    classes_of = classes_of_clips(labels)
    check_test_set(video_embeddings, videos, rejected, missing)
    truth = read_truth(videos.clip_ids, classes_of, classes, rejected, missing, sources)

    distances = class_distances(video_embeddings, videos, classes, vectors, order)
    widest = distances[videos.snippets]
    write_predictions(outputs.predictions, videos.clip_ids, truth.readable, classes, widest)
    if not classes_of:
        raise UserError(
            f"{labels} names no class, so there is nothing to score: say `labels: none` under the "
            f"data set, and ask for its predictions, results/predictions/<run>/<dataset>.csv"
        )
    further = read_protocols(protocols, classes, truth.clip_ids)
    metrics = measure(distances, truth, len(classes), seed, further)
    write_metrics(outputs.metrics, metrics, seen_allowed)
    if outputs.per_class:
        write_rows(outputs.per_class, PER_CLASS_COLUMNS, per_class_rows(classes, distances, truth))
    if outputs.confusions:
        write_rows(
            outputs.confusions, CONFUSIONS_COLUMNS, confusion_rows(classes, widest, truth.readable)
        )
    return summary(classes, metrics, truth, further)


# Writing


def write_metrics(path: Path, rows: Iterable[dict[str, Any]], seen_allowed: bool) -> None:
    """Write `metrics/{run}/{dataset}.csv`."""
    columns = [*METRICS_COLUMNS, *(["seen"] if seen_allowed else [])]
    common = {"seen": "allowed"} if seen_allowed else {}
    write_rows(
        path,
        columns,
        (row | {key: _percent(row[key]) for key in MEASURES} | common for row in rows),
    )


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def per_class_rows(
    classes: Sequence[str], distances: dict[int, np.ndarray], truth: Truth
) -> list[dict[str, Any]]:
    """Protocol 2 a class: how many of its videos are right, and how many videos it is `predicted`
    for, for each number of snippets."""
    rejected = np.bincount(truth.rejected, minlength=len(classes)).tolist()
    missing = np.bincount(truth.missing, minlength=len(classes)).tolist()
    labelled = truth.readable >= 0
    rows = []
    for snippets, matrix in distances.items():
        order = ranks(matrix[labelled], truth.readable[labelled])
        predicted = np.bincount(matrix.argmin(axis=1), minlength=len(classes)).tolist()
        for index, name in enumerate(classes):
            own = order[truth.readable[labelled] == index]
            right = count_right(own)
            percents = accuracies(right, len(own), rejected[index], len(classes))
            rows.append(
                {
                    "class": name,
                    "snippets": snippets,
                    "videos": len(own),
                    "rejected": rejected[index],
                    "missing": missing[index],
                    "right1": right[0],
                    "right5": right[1],
                    "top1": _percent(percents["top1"]),
                    "top5": _percent(percents["top5"]),
                    "predicted": predicted[index],
                }
            )
    return rows


def confusion_rows(
    classes: Sequence[str], distances: np.ndarray, truth: np.ndarray
) -> list[dict[str, Any]]:
    """Pairs of true and wrongly predicted class, the commonest first; percent of the true class."""
    predicted = distances.argmin(axis=1)
    sizes = Counter(truth.tolist())
    pairs = Counter(
        (true, guess)
        for true, guess in zip(truth.tolist(), predicted.tolist(), strict=True)
        if true not in (guess, -1)
    )
    return [
        {
            "class": classes[true],
            "predicted": classes[guess],
            "videos": count,
            "percent": f"{100 * count / sizes[true]:.2f}",
        }
        for (true, guess), count in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    ]


def summary(
    classes: Sequence[str],
    metrics: Sequence[dict[str, Any]],
    truth: Truth,
    further: Sequence[Protocol] = (),
) -> str:
    """The closing lines of a score: the counts, protocol 2 with its interval, and what is odd."""
    bounds = {row["split"]: row for row in metrics if row["protocol"] == IN_METRICS[FULL]}
    whole, low, high = bounds["all"], bounds["low"], bounds["high"]
    lines = [
        f"{whole['videos']} videos, {whole['rejected']} rejected, {whole['missing']} missing, "
        f"{len(classes)} classes, {whole['snippets']} snippets: top-1 {whole['top1']:.2f}% "
        f"(95% interval over {low['resampled']}: {low['top1']:.2f} to {high['top1']:.2f}), "
        f"chance {100 / len(classes):.2f}%"
    ]
    if len(classes) < NEAREST:
        lines.append(
            f"note: {len(classes)} classes are fewer than {NEAREST}: top-{NEAREST} stays empty"
        )
    elif len(classes) // 2 < NEAREST:
        lines.append(
            f"note: half of {len(classes)} classes are fewer than {NEAREST}: "
            f"top-{NEAREST} of protocol 1 stays empty"
        )
    without = sorted(set(range(len(classes))) - set(truth.readable.tolist()))
    if without:
        lines.append(
            f"note: no readable video of {', '.join(classes[index] for index in without)}: "
            f"still a candidate for the others"
        )
    for protocol in further:
        lines += [f"note: {protocol.name}: {note}" for note in protocol.notes]
    return "\n".join(lines)
