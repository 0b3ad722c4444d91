"""The file of predictions: each video's true class, if known, and its nearest classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from unseen.base.tabular import write_rows
from unseen.results.protocols import NEAREST

PREDICTIONS_COLUMNS = (
    "clip_id",
    "class",
    *(f"top{k}" for k in range(1, NEAREST + 1)),
    *(f"distance{k}" for k in range(1, NEAREST + 1)),
)


def write_predictions(
    path: Path,
    clip_ids: Sequence[str],
    truth: np.ndarray,
    classes: Sequence[str],
    distances: np.ndarray,
    further: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write each video's true class (empty if unknown) and its five nearest classes.

    `truth` (N,) are places in `classes` (C) or -1, `distances` (N, C); `further` columns are N
    cells each.
    """
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :NEAREST]
    rows = []
    for place, (clip, true, near) in enumerate(zip(clip_ids, truth, nearest, strict=True)):
        row: dict[str, str] = {"clip_id": clip, "class": classes[true] if true >= 0 else ""}
        for rank, index in enumerate(near, 1):
            row[f"top{rank}"] = classes[index]
            row[f"distance{rank}"] = f"{distances[place, index]:.6f}"
        rows.append(row | {name: cells[place] for name, cells in (further or {}).items()})
    write_rows(path, [*PREDICTIONS_COLUMNS, *(further or {})], rows)
