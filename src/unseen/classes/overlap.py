"""Which training classes a run may keep: their distances to the unseen classes (Eq. 3 and 4)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unseen.base.errors import UserError
from unseen.base.files import atomic
from unseen.base.tabular import write_rows
from unseen.classes.class_embedding_file import read_class_embeddings

COLUMNS = ["class", "kept", "distance", "nearest_class", "nearest_dataset"]
DECIMALS = 6
"""Of a distance. Finer differences are rounding in the embeddings: equal words give exactly 0."""
THRESHOLDS = tuple(step / 100 for step in range(31))
"""Thresholds of the table of kept counts: 0 to 0.3."""

Embeddings = tuple[list[str], np.ndarray]
"""Class names (C) and their unit vectors (C, D)."""


@dataclass(frozen=True)
class Neighbour:
    """A training class and the unseen class nearest to it; without unseen sets there is none."""

    name: str
    distance: float | None = None
    nearest_class: str | None = None
    nearest_dataset: str | None = None

    def beyond(self, threshold: float) -> bool:
        """Whether Eq. 3 keeps the class: farther than the threshold from every unseen class."""
        return self.distance is None or self.distance > threshold


def distances(train: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """Cosine distances (C, U) of unit vectors (C, D) to unit vectors (U, D), Eq. 4, rounded."""
    cosines = train.astype(np.float64) @ unseen.astype(np.float64).T
    return np.maximum(np.round(1 - cosines, DECIMALS), 0)


def nearest_unseen(
    train: Mapping[str, Embeddings], unseen: Mapping[str, Embeddings]
) -> list[Neighbour]:
    """Each training class with its nearest unseen class, in the order of the training sets.

    A class name that several training sets share is one class, and the nearest of its embeddings
    counts. Of unseen classes at the same distance the first one counts.

    Raises:
        UserError: Two data sets are embedded in different dimensions.
    """
    _check_dimensions({**train, **unseen})
    names = [name for classes, _ in train.values() for name in classes]
    if not train or not unseen:
        return [Neighbour(name) for name in dict.fromkeys(names)]
    others = [(name, dataset) for dataset, (classes, _) in unseen.items() for name in classes]
    matrix = distances(
        np.concatenate([vectors for _, vectors in train.values()]),
        np.concatenate([vectors for _, vectors in unseen.values()]),
    )
    nearest: dict[str, Neighbour] = {}
    for name, row in zip(names, matrix, strict=True):
        column = int(row.argmin())
        distance = float(row[column])
        known = nearest.get(name)
        if known is None or known.beyond(distance):
            nearest[name] = Neighbour(name, distance, *others[column])
    return list(nearest.values())


def _check_dimensions(datasets: Mapping[str, Embeddings]) -> None:
    sizes = {name: vectors.shape[1] for name, (_, vectors) in datasets.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise UserError(f"class embeddings of different dimensions cannot be compared: {listed}")


def kept_classes(
    neighbours: Iterable[Neighbour], threshold: float, excluded: Collection[str] = ()
) -> list[str]:
    """The classes that training may keep: beyond the threshold (Eq. 3) and not excluded by name."""
    return [n.name for n in neighbours if n.beyond(threshold) and n.name not in excluded]


def borderline_first(neighbours: Iterable[Neighbour], threshold: float) -> list[Neighbour]:
    """Sorted by how near the distance is to the threshold, on either side of it, then by name."""
    return sorted(neighbours, key=lambda n: (abs((n.distance or 0) - threshold), n.name))


def kept_counts(
    neighbours: Sequence[Neighbour],
    thresholds: Sequence[float] = THRESHOLDS,
    excluded: Collection[str] = (),
) -> list[dict[str, float | int]]:
    """For each threshold how many training classes are `kept` and how many `removed`."""
    counts = [len(kept_classes(neighbours, threshold, excluded)) for threshold in thresholds]
    return [
        {"threshold": threshold, "kept": kept, "removed": len(neighbours) - kept}
        for threshold, kept in zip(thresholds, counts, strict=True)
    ]


def read_all(datasets: Mapping[str, Path]) -> dict[str, Embeddings]:
    """The class embeddings of some data sets, by name."""
    return {name: read_class_embeddings(path) for name, path in datasets.items()}


def as_row(neighbour: Neighbour) -> dict[str, Any]:
    """What a table says of a class and the unseen class nearest to it."""
    distance = neighbour.distance
    return {
        "class": neighbour.name,
        "distance": None if distance is None else f"{distance:.{DECIMALS}f}",
        "nearest_class": neighbour.nearest_class,
        "nearest_dataset": neighbour.nearest_dataset,
    }


# The stage


def prune_classes(
    train: Mapping[str, Path],
    unseen: Mapping[str, Path],
    *,
    threshold: float,
    overlap: Path,
    kept: Path,
    counts: Path,
    excluded: Collection[str] = (),
    keep_all: bool = False,
) -> str:
    """Write which training classes a run keeps and why; returns a summary for the log.

    Args:
        train: Class embeddings of the training sets, by name.
        unseen: Class embeddings of the sets whose classes must stay unseen, by name.
        overlap: A row a training class (`COLUMNS`), the borderline first.
        kept: The names of the kept classes, a line each, in the order of the training sets.
        counts: How many classes would be kept at each of `THRESHOLDS`.
        excluded: Training classes to drop whatever their distance (published splits).
        keep_all: Keep every class: nothing can be taken back from weights that have seen it.

    Raises:
        UserError: No class is kept, or the embeddings differ in dimension.
    """
    neighbours = nearest_unseen(read_all(train), read_all(unseen))
    names = (
        [n.name for n in neighbours] if keep_all else kept_classes(neighbours, threshold, excluded)
    )
    if not names:
        raise UserError(
            f"no class of {', '.join(train)} is farther than {threshold} from all classes of"
            f" {', '.join(unseen)}"
        )
    _write_overlap(overlap, neighbours, threshold, set(names))
    with atomic(kept) as temporary:
        temporary.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    write_rows(counts, ["threshold", "kept", "removed"], kept_counts(neighbours, excluded=excluded))
    summary = f"{len(names)} of {len(neighbours)} classes of {', '.join(train)} kept"
    strangers = set(excluded) - {n.name for n in neighbours}
    if strangers:
        summary += f"; excluded names that no class has: {', '.join(sorted(strangers))}"
    return summary


def _write_overlap(
    path: Path, neighbours: Iterable[Neighbour], threshold: float, kept: Collection[str]
) -> None:
    rows = [as_row(n) | {"kept": n.name in kept} for n in borderline_first(neighbours, threshold)]
    write_rows(path, COLUMNS, rows)
