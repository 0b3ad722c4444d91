"""What a run trains on: which stored clips, with which classes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unseen.base.errors import UserError
from unseen.base.tabular import read_rows
from unseen.classes.class_embedding_file import read_class_embeddings
from unseen.classes.subsets import select_clips
from unseen.videos.clip_store import ClipStore
from unseen.videos.shard_format import open_shard

Labels = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]
ClipName = tuple[str, str]
"""Data set and clip id."""


@dataclass(frozen=True)
class TrainingSources:
    """A run's files by data set: shards, labels and class embeddings; the kept classes, and a CSV
    (`dataset,clip_id`) of clips that are left out."""

    shards: Mapping[str, Sequence[Path]]
    labels: Mapping[str, Path]
    class_embeddings: Mapping[str, Path]
    kept: Path | None = None
    without: Path | None = None


@dataclass(frozen=True)
class TrainingSet:
    """C classes and the stored clips that show them.

    `class_embeddings` (C, D) float32; `names` of all M stored clips; `labels` (M,) int64 each one's
    class, -1 for those that are not trained on.
    """

    classes: list[str]
    class_embeddings: Vectors
    names: list[ClipName]
    labels: Labels

    @property
    def clips(self) -> Labels:
        """(N,) int64 positions of the clips to train on."""
        return np.flatnonzero(self.labels >= 0)

    @property
    def embedding_dim(self) -> int:
        """D."""
        return int(self.class_embeddings.shape[1])

    def __str__(self) -> str:
        return (
            f"{len(self.clips)} of {len(self.names)} stored clips, {len(self.classes)} classes"
            f" ({len(np.unique(self.labels[self.clips]))} of them with clips)"
        )


def stored_clips(shards: Mapping[str, Sequence[Path]]) -> list[ClipName]:
    """The names of all stored clips, in the order of `open_store`."""
    return [
        (dataset, clip_id)
        for dataset, paths in shards.items()
        for clip_id in ClipStore(paths).clip_ids
    ]


def open_store(shards: Mapping[str, Sequence[Path]]) -> ClipStore:
    """One store over the shards of all data sets."""
    return ClipStore([path for paths in shards.values() for path in paths])


def stored_short_side(shards: Mapping[str, Sequence[Path]]) -> int | None:
    """The short side in pixels to which clips were scaled; of several data sets the first's.

    Clips of photographs are squares of this side.
    """
    for paths in shards.values():
        with open_shard(paths[0]) as (file, _):
            settings: dict[str, int] = json.loads(file.attrs["settings"])
            return settings.get("short_side", settings.get("size"))
    return None


def select_training_set(
    names: list[ClipName],
    sources: TrainingSources,
    *,
    subset: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> TrainingSet:
    """Give the stored clips `names` their classes and leave out those whose class is not kept.

    With a `subset` only its `fraction` of them stays, drawn from `seed` and its `repeat`. Raises
    UserError for a kept class without embedding.
    """
    embeddings = _class_embeddings(sources.class_embeddings)
    classes = _kept_classes(sources.kept, embeddings)
    number = {name: index for index, name in enumerate(classes)}
    class_of = {dataset: _class_of_clips(path) for dataset, path in sources.labels.items()}
    labels = np.array(
        [number.get(_class(class_of.get(dataset, {}), clip) or "", -1) for dataset, clip in names],
        dtype=np.int64,
    )
    if sources.without:
        rows = read_rows(sources.without, ["dataset", "clip_id"])
        left_out = {(row["dataset"], row["clip_id"]) for row in rows}
        labels[[name in left_out for name in names]] = -1
    if subset and "fraction" in subset:
        labels = _fraction(names, labels, subset, seed)
    return TrainingSet(classes, np.stack([embeddings[name] for name in classes]), names, labels)


def _class_embeddings(paths: Mapping[str, Path]) -> dict[str, Vectors]:
    """Each class's vector. Two data sets may share a class, if they embed it alike."""
    embeddings: dict[str, Vectors] = {}
    for dataset, path in paths.items():
        for name, vector in zip(*read_class_embeddings(path), strict=True):
            if not np.allclose(embeddings.setdefault(name, vector), vector, atol=1e-5):
                raise UserError(
                    f"class {name!r} of {dataset} has other words than the class of that name in "
                    f"another training set; give both the same words in config/classes"
                )
    return embeddings


def _kept_classes(kept: Path | None, embeddings: Mapping[str, Vectors]) -> list[str]:
    if kept is None:
        return sorted(embeddings)
    classes = sorted(kept.read_text(encoding="utf-8").splitlines())
    missing = [name for name in classes if name not in embeddings]
    if missing:
        raise UserError(f"{kept}: class {missing[0]!r} has no class embedding")
    if not classes:
        raise UserError(f"{kept}: no training class is kept; lower overlap.threshold")
    return classes


def _class_of_clips(path: Path) -> dict[str, str]:
    return {row["clip_id"]: row["class"] for row in read_rows(path, ["clip_id", "class"])}


def _class(classes: Mapping[str, str], clip_id: str) -> str | None:
    """A clip's class; the clips `<photograph>#k` of a photograph take the photograph's."""
    return classes.get(clip_id) or classes.get(clip_id.rpartition("#")[0])


def _fraction(
    names: list[ClipName], labels: Labels, subset: Mapping[str, Any], seed: int
) -> Labels:
    """Labels (M,) of which only those of a random fraction of the clips stay."""
    positions = {"/".join(names[clip]): clip for clip in np.flatnonzero(labels >= 0).tolist()}
    chosen = select_clips(
        list(positions), subset["fraction"], seed=seed, repeat=subset.get("repeat", 0)
    )
    kept = np.full_like(labels, -1)
    for name in chosen:
        kept[positions[name]] = labels[positions[name]]
    return kept
