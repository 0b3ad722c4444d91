"""Evaluation protocols 1 (ten random halves of the classes) and 2 (all classes), and intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from unseen.results.nearest import ranks
from unseen.results.test_set import Truth

SPLITS = 10
NEAREST = 5
RESAMPLES = 10_000
INTERVAL_PERCENT = (2.5, 97.5)
MEASURES = ("top1", "top5", "top1_readable", "top5_readable")


def halves(classes: int) -> list[np.ndarray]:
    """Protocol 1: ten random halves of the classes, as sorted indices into their sorted list."""
    return [
        np.sort(np.random.RandomState(seed).permutation(classes)[: classes // 2])
        for seed in range(SPLITS)
    ]


def measure(
    distances: dict[int, np.ndarray], truth: Truth, classes: int, seed: int
) -> list[dict[str, Any]]:
    """The rows of the metrics: both protocols for each number of snippets (key of `distances`)."""
    rows: list[dict[str, Any]] = []
    for snippets, matrix in distances.items():
        splits = [
            {"protocol": 1, "split": split, "snippets": snippets} | _subset(matrix, truth, half)
            for split, half in enumerate(halves(classes))
        ]
        rows += splits
        rows += _mean_and_sd(splits)
        everything = np.arange(classes)
        common = {"protocol": 2, "snippets": snippets}
        whole = common | {"split": "all"} | _subset(matrix, truth, everything)
        rows.append(whole)
        rows += [whole | row for row in _interval(matrix, truth, seed)]
    return rows


def _subset(distances: np.ndarray, truth: Truth, chosen: np.ndarray) -> dict[str, Any]:
    """Counts and accuracies where candidates and videos are those of the chosen classes alone."""
    inside = np.isin(truth.readable, chosen)
    true = np.searchsorted(chosen, truth.readable[inside])
    order = ranks(distances[np.ix_(inside, chosen)], true)
    rejected = int(np.isin(truth.rejected, chosen).sum())
    counts = {
        "classes": len(chosen),
        "videos": len(order),
        "rejected": rejected,
        "missing": int(np.isin(truth.missing, chosen).sum()),
    }
    return counts | accuracies(count_right(order), len(order), rejected, len(chosen))


def count_right(order: np.ndarray) -> tuple[int, int]:
    """How many videos have their class nearest, and among the five nearest."""
    return int((order < 1).sum()), int((order < NEAREST).sum())


def accuracies(
    right: tuple[float, float], readable: int, rejected: int, classes: int
) -> dict[str, float | None]:
    """Percent right at 1 and at 5, over readable and rejected videos, and over the readable alone.

    None where there is no video, and for top-5 where there are fewer than five classes.
    """
    result: dict[str, float | None] = {}
    for suffix, videos in (("", readable + rejected), ("_readable", readable)):
        for k, count in zip((1, NEAREST), right, strict=True):
            known = videos > 0 and classes >= k
            result[f"top{k}{suffix}"] = 100 * count / videos if known else None
    return result


def _mean_and_sd(splits: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and sample standard deviation over the halves that have videos."""
    first = splits[0]
    common = {key: first[key] for key in ("protocol", "classes", "snippets")}
    mean = common | {"split": "mean"}
    deviation = common | {"split": "sd"}
    for column in ("videos", "rejected", "missing"):
        mean[column] = round(float(np.mean([row[column] for row in splits])), 1)
    for column in MEASURES:
        values = [row[column] for row in splits if row[column] is not None]
        mean[column] = float(np.mean(values)) if values else None
        deviation[column] = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return [mean, deviation]


def _interval(distances: np.ndarray, truth: Truth, seed: int) -> list[dict[str, Any]]:
    """Rows `low` and `high`: the 95% bootstrap interval of protocol 2's accuracies over sources.

    Clips of one source are alike, so sources are drawn with replacement, and with each all its
    clips. That is drawing from a multinomial over the kinds of sources: how many of a source's
    clips are right, right among five, wrong, and rejected. `resampled` says what was drawn.
    """
    labelled = truth.readable >= 0
    order = ranks(distances[labelled], truth.readable[labelled])
    outcomes = np.concatenate(
        [np.digitize(order, [1, NEAREST]), np.full(len(truth.rejected), 3, dtype=int)]
    )
    sources = truth.sources[np.concatenate([labelled, np.ones(len(truth.rejected), bool)])]
    names, numbers = np.unique(sources, return_inverse=True)
    tally = np.zeros((len(names), 4), dtype=int)
    np.add.at(tally, (numbers, outcomes), 1)
    kinds, counts = np.unique(tally, axis=0, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(names), counts / len(names), size=RESAMPLES)
    draws = draws @ kinds
    right = draws[:, :2].cumsum(axis=1)
    what = "videos" if len(names) == len(outcomes) else "sources"
    bounds: list[dict[str, Any]] = [
        {"split": split, "resampled": f"{len(names)} {what}"} for split in ("low", "high")
    ]
    for suffix, videos in (("", draws.sum(axis=1)), ("_readable", draws[:, :3].sum(axis=1))):
        some = videos > 0
        for place, k in enumerate((1, NEAREST)):
            known = some.any() and distances.shape[1] >= k
            values = 100 * right[some, place] / videos[some]
            for bound, percent in zip(bounds, INTERVAL_PERCENT, strict=True):
                bound[f"top{k}{suffix}"] = float(np.percentile(values, percent)) if known else None
    return bounds
