"""Zero-shot scores from stored embeddings: nearest class (Eq. 1), evaluation protocols 1 and 2."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from unseen.classes.class_embeddings import read_class_embeddings
from unseen.base.errors import UserError
from unseen.base.tabular import read_rows, write_rows

SPLITS = 10
NEAREST = 5
RESAMPLES = 10_000
INTERVAL_PERCENT = (2.5, 97.5)
DISTANCE_DECIMALS = 9
"""Distances that agree to this many decimals are a tie."""

MEASURES = ("top1", "top5", "top1_readable", "top5_readable")
METRICS_COLUMNS = (
    "protocol",
    "split",
    "classes",
    "videos",
    "rejected",
    "missing",
    "snippets",
    *MEASURES,
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
)
CONFUSIONS_COLUMNS = ("class", "predicted", "videos", "percent")
PREDICTIONS_COLUMNS = (
    "clip_id",
    "class",
    *(f"top{k}" for k in range(1, NEAREST + 1)),
    *(f"distance{k}" for k in range(1, NEAREST + 1)),
)


@dataclass(frozen=True)
class Videos:
    """A run's embeddings of a test set: (N, D) arrays by the number of snippets behind them."""

    clip_ids: list[str]
    embeddings: dict[int, np.ndarray]

    @property
    def snippets(self) -> int:
        """T, the larger number of snippets."""
        return max(self.embeddings)


@dataclass(frozen=True)
class Truth:
    """What a test set should have been called: an index into the sorted classes for each clip.

    `readable` (N,) belongs to the embedded videos, with -1 for a video without a label; `rejected`
    and `missing` to the clips that have no embedding.
    """

    readable: np.ndarray
    rejected: np.ndarray
    missing: np.ndarray


@dataclass(frozen=True)
class Outputs:
    """Where the scores go; without `metrics` only the predictions are written."""

    predictions: Path
    metrics: Path | None = None
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
    seed: int = 0,
    permute: int | None = None,
    seen_allowed: bool = False,
) -> str:
    """Score one run on one test set, write the files, and return a line that sums them up.

    `permute` deals the class embeddings out anew among the classes, by that seed: a control that
    tells what the words' meaning contributes. `seen_allowed` marks every row of the metrics in a
    further column, `seen`.
    """
    videos = read_videos(video_embeddings)
    classes, vectors = read_classes(class_embeddings)
    vectors = project_classes(video_embeddings, vectors)
    if permute is not None:
        vectors = vectors[np.random.default_rng(permute).permutation(len(classes))]
    classes_of = _classes_of(labels)
    _check_test_set(video_embeddings, videos, rejected, missing)
    truth = read_truth(videos.clip_ids, classes_of, classes, rejected, missing)

    distances = {
        snippets: cosine_distances(embedding, vectors)
        for snippets, embedding in videos.embeddings.items()
    }
    widest = distances[videos.snippets]
    write_predictions(outputs.predictions, videos.clip_ids, truth.readable, classes, widest)
    if outputs.metrics is None:
        return f"{len(videos.clip_ids)} videos predicted among {len(classes)} classes"
    if not classes_of:
        raise UserError(
            f"{labels} names no class, so there is nothing to score: "
            f"only the predictions can be made"
        )
    metrics = measure(distances, truth, len(classes), seed)
    write_metrics(outputs.metrics, metrics, seen_allowed)
    if outputs.per_class:
        write_rows(outputs.per_class, PER_CLASS_COLUMNS, per_class_rows(classes, distances, truth))
    if outputs.confusions:
        write_rows(
            outputs.confusions, CONFUSIONS_COLUMNS, confusion_rows(classes, widest, truth.readable)
        )
    return summary(classes, metrics, truth)


# Reading


def read_videos(path: Path) -> Videos:
    """The embeddings of a test set, from one snippet and from all snippets."""
    with h5py.File(path) as store:
        clip_ids = store["clip_id"].asstr()[:].tolist()
        snippets = store["features"].shape[1]
        embeddings = {1: store["embedding_1"][:], snippets: store["embedding"][:]}
    for embedding in embeddings.values():
        broken = np.flatnonzero(~np.isfinite(embedding).all(axis=1))
        if broken.size:
            raise UserError(
                f"{path}: the embedding of {clip_ids[broken[0]]} is not finite: "
                f"the training has diverged; try a smaller learning_rate"
            )
    return Videos(clip_ids, embeddings)


def project_classes(path: Path, vectors: np.ndarray) -> np.ndarray:
    """Class embeddings (C, D) in the videos' space: unchanged, or through the run's class encoder.

    A run of the contrastive loss with projection heads keeps the class side's two layers, a ReLU
    between them, beside its video embeddings.
    """
    with h5py.File(path) as store:
        if "class_encoder" not in store:
            return vectors
        layers = {name: value[:] for name, value in store["class_encoder"].items()}
    hidden = np.maximum(vectors @ layers["weight_0"].T + layers["bias_0"], 0)
    projected = hidden @ layers["weight_1"].T + layers["bias_1"]
    return projected / np.linalg.norm(projected, axis=1, keepdims=True)


def read_classes(path: Path) -> tuple[list[str], np.ndarray]:
    """The classes sorted by code point, and their embeddings (C, D) in that order."""
    names, vectors = read_class_embeddings(path)
    if len(names) < 2:
        raise UserError(f"{path} holds {len(names)} classes: at least 2 are needed to score")
    order = sorted(range(len(names)), key=names.__getitem__)
    return [names[index] for index in order], vectors[order]


def read_truth(
    clip_ids: Sequence[str],
    classes_of: dict[str, str],
    classes: Sequence[str],
    rejected: Path,
    missing: Path,
) -> Truth:
    """The true classes of embedded, rejected and missing clips; no labelled clip may be lost."""
    rejected_ids = [row["clip_id"] for row in read_rows(rejected, ["clip_id"])]
    missing_classes = [row["class"] for row in read_rows(missing, ["class"])]
    names = [_class_of(clip, classes_of) for clip in clip_ids]
    rejected_names = [_class_of(clip, classes_of) for clip in rejected_ids]
    _check_complete(classes_of, [*clip_ids, *rejected_ids])

    index_of = {name: index for index, name in enumerate(classes)}
    unknown = sorted({*filter(None, [*names, *rejected_names])} - index_of.keys())
    if unknown:
        raise UserError(
            f"labels name the class {unknown[0]}, which has no class embedding: "
            f"add it to the class list of the data set, or exclude it there"
        )
    return Truth(
        np.array([index_of.get(name, -1) for name in names], dtype=int),
        np.array([index_of[name] for name in rejected_names if name], dtype=int),
        np.array([index_of[name] for name in missing_classes if name in index_of], dtype=int),
    )


def _classes_of(labels: Path) -> dict[str, str]:
    """The class of each labelled clip."""
    rows = read_rows(labels, ["clip_id", "class"])
    return {row["clip_id"]: row["class"] for row in rows if row["class"]}


def _class_of(clip_id: str, classes_of: dict[str, str]) -> str | None:
    """A clip's class; a photograph's clips, `<photograph>#<number>`, have the photograph's."""
    return classes_of.get(clip_id) or classes_of.get(clip_id.rpartition("#")[0])


def _check_test_set(path: Path, videos: Videos, rejected: Path, missing: Path) -> None:
    if not videos.clip_ids:
        raise UserError(
            f"{path} holds no video: the test set is empty ({len(read_rows(rejected))} rejected, "
            f"see {rejected}; {len(read_rows(missing))} missing)"
        )


def _check_complete(classes_of: dict[str, str], clip_ids: Iterable[str]) -> None:
    """Every labelled clip is embedded or rejected."""
    known = {name for clip in clip_ids for name in (clip, clip.rpartition("#")[0])}
    lost = [clip for clip in classes_of if clip not in known]
    if lost:
        raise UserError(
            f"{len(lost)} labelled clips are neither embedded nor rejected, {lost[0]} the first: "
            f"labels and embeddings belong to different states of the data set"
        )


# Scoring


def cosine_distances(embeddings: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """(N, C) cosine distances, in 0..2, between (N, D) and (C, D); to a zero vector it is 1."""
    cosines = _unit(embeddings) @ _unit(vectors).T
    return np.round(1 - cosines, DISTANCE_DECIMALS)


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


def ranks(distances: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(N,) how many classes are nearer than the true one; of two in a tie the first is nearer."""
    columns = np.arange(distances.shape[1])
    own = np.take_along_axis(distances, truth[:, None], axis=1)
    before = (distances == own) & (columns < truth[:, None])
    return ((distances < own) | before).sum(axis=1)


def halves(classes: int) -> list[np.ndarray]:
    """Protocol 1: ten random halves of the classes, as sorted indices into their sorted list."""
    return [
        np.sort(np.random.RandomState(seed).permutation(classes)[: classes // 2])
        for seed in range(SPLITS)
    ]


def measure(
    distances: dict[int, np.ndarray], truth: Truth, classes: int, seed: int
) -> list[dict[str, object]]:
    """The rows of the metrics: both protocols for each number of snippets (key of `distances`)."""
    rows: list[dict[str, object]] = []
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


def _subset(distances: np.ndarray, truth: Truth, chosen: np.ndarray) -> dict[str, object]:
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
    return counts | accuracies(_right(order), len(order), rejected, len(chosen))


def _right(order: np.ndarray) -> tuple[int, int]:
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


def _mean_and_sd(splits: Sequence[dict[str, object]]) -> list[dict[str, object]]:
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


def _interval(distances: np.ndarray, truth: Truth, seed: int) -> list[dict[str, object]]:
    """Rows `low` and `high`: the 95% bootstrap interval of protocol 2's accuracies over videos.

    Drawing videos with replacement is drawing from a multinomial over what became of them: right,
    right among five, wrong, rejected.
    """
    labelled = truth.readable >= 0
    order = ranks(distances[labelled], truth.readable[labelled])
    right1, right5 = _right(order)
    counts = np.array([right1, right5 - right1, len(order) - right5, len(truth.rejected)])
    draws = np.random.default_rng(seed).multinomial(
        counts.sum(), counts / counts.sum(), size=RESAMPLES
    )
    right = draws[:, :2].cumsum(axis=1)
    bounds: list[dict[str, object]] = [{"split": "low"}, {"split": "high"}]
    for suffix, videos in (("", draws.sum(axis=1)), ("_readable", draws[:, :3].sum(axis=1))):
        some = videos > 0
        for place, k in enumerate((1, NEAREST)):
            known = some.any() and distances.shape[1] >= k
            values = 100 * right[some, place] / videos[some]
            for bound, percent in zip(bounds, INTERVAL_PERCENT, strict=True):
                bound[f"top{k}{suffix}"] = float(np.percentile(values, percent)) if known else None
    return bounds


# Writing


def write_metrics(path: Path, rows: Iterable[dict[str, object]], seen_allowed: bool) -> None:
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


def write_predictions(
    path: Path,
    clip_ids: Sequence[str],
    truth: np.ndarray,
    classes: Sequence[str],
    distances: np.ndarray,
) -> None:
    """Write each video's true class (empty if unknown) and its five nearest classes."""
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :NEAREST]
    rows = []
    for clip, true, near, row in zip(clip_ids, truth, nearest, distances, strict=True):
        names = {f"top{k}": classes[index] for k, index in enumerate(near, 1)}
        values = {f"distance{k}": f"{row[index]:.6f}" for k, index in enumerate(near, 1)}
        rows.append({"clip_id": clip, "class": classes[true] if true >= 0 else ""} | names | values)
    write_rows(path, PREDICTIONS_COLUMNS, rows)


def per_class_rows(
    classes: Sequence[str], distances: dict[int, np.ndarray], truth: Truth
) -> list[dict[str, object]]:
    """Protocol 2 a class: how many of its videos are right, for each number of snippets."""
    rejected = np.bincount(truth.rejected, minlength=len(classes)).tolist()
    missing = np.bincount(truth.missing, minlength=len(classes)).tolist()
    labelled = truth.readable >= 0
    rows = []
    for snippets, matrix in distances.items():
        order = ranks(matrix[labelled], truth.readable[labelled])
        for index, name in enumerate(classes):
            own = order[truth.readable[labelled] == index]
            right = _right(own)
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
                }
            )
    return rows


def confusion_rows(
    classes: Sequence[str], distances: np.ndarray, truth: np.ndarray
) -> list[dict[str, object]]:
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


def summary(classes: Sequence[str], metrics: Sequence[dict[str, object]], truth: Truth) -> str:
    """The closing lines of a score: the counts, protocol 2 with its interval, and what is odd."""
    bounds = {row["split"]: row for row in metrics if row["protocol"] == 2}
    whole, low, high = bounds["all"], bounds["low"], bounds["high"]
    lines = [
        f"{whole['videos']} videos, {whole['rejected']} rejected, {whole['missing']} missing, "
        f"{len(classes)} classes, {whole['snippets']} snippets: top-1 {whole['top1']:.2f}% "
        f"(95% interval {low['top1']:.2f} to {high['top1']:.2f}), chance {100 / len(classes):.2f}%"
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
    return "\n".join(lines)
