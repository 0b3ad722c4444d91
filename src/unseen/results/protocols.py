"""Accuracies by protocol: ten random halves of the classes (1), all classes (2) with intervals, and
those of `test_splits`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from unseen.results.nearest import ranks
from unseen.results.protocol_names import FULL, HALF, IN_METRICS
from unseen.results.test_set import Truth
from unseen.results.test_splits import Protocol, Split

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
    distances: dict[int, np.ndarray],
    truth: Truth,
    classes: int,
    seed: int,
    further: Sequence[Protocol] = (),
) -> list[dict[str, Any]]:
    """The rows of the metrics: every protocol for each number of snippets (key of `distances`)."""
    rows: list[dict[str, Any]] = []
    drawn = [Split(str(split), half) for split, half in enumerate(halves(classes))]
    for snippets, matrix in distances.items():
        rows += _over_splits(IN_METRICS[HALF], snippets, drawn, matrix, truth)
        everything = Split("all", np.arange(classes))
        (whole,) = _over_splits(IN_METRICS[FULL], snippets, [everything], matrix, truth)
        rows.append(whole)
        rows += [whole | row for row in _interval(matrix, truth, seed)]
        for protocol in further:
            rows += _over_splits(protocol.name, snippets, protocol.splits, matrix, truth)
    return rows


def _over_splits(
    protocol: str, snippets: int, splits: Sequence[Split], distances: np.ndarray, truth: Truth
) -> list[dict[str, Any]]:
    """A row a split, then of several their mean and standard deviation."""
    common = {"protocol": protocol, "snippets": snippets}
    rows = [common | {"split": split.name} | _subset(distances, truth, split) for split in splits]
    return rows if len(rows) == 1 else [*rows, *(common | row for row in _mean_and_sd(rows))]


def _subset(distances: np.ndarray, truth: Truth, split: Split) -> dict[str, Any]:
    """Counts and accuracies where the candidates are the classes of a split alone, and the videos
    its own."""
    chosen = split.classes
    readable, rejected = (np.isin(one, chosen) for one in (truth.readable, truth.rejected))
    missing = int(np.isin(truth.missing, chosen).sum())
    if split.clips is not None:
        listed = np.array([clip in split.clips for clip in truth.clip_ids], bool)
        missing = len(split.clips) - int(listed.sum())
        readable = readable & listed[: len(readable)]
        rejected = rejected & listed[len(readable) :]
    true = np.searchsorted(chosen, truth.readable[readable])
    order = ranks(distances[np.ix_(readable, chosen)], true)
    lost = int(rejected.sum())
    counts = {
        "classes": len(chosen),
        "videos": len(order),
        "rejected": lost,
        "missing": missing,
    }
    return counts | accuracies(count_right(order), len(order), lost, len(chosen))


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
    """Mean and sample standard deviation over the splits that have videos."""
    sizes = {row["classes"] for row in splits}
    classes = sizes.pop() if len(sizes) == 1 else _average(splits, "classes")
    mean: dict[str, Any] = {"split": "mean", "classes": classes}
    deviation: dict[str, Any] = {"split": "sd", "classes": classes}
    for column in ("videos", "rejected", "missing"):
        mean[column] = _average(splits, column)
    for column in MEASURES:
        values = [row[column] for row in splits if row[column] is not None]
        mean[column] = float(np.mean(values)) if values else None
        deviation[column] = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return [mean, deviation]


def _average(splits: Sequence[dict[str, Any]], column: str) -> float:
    return round(float(np.mean([row[column] for row in splits])), 1)


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
