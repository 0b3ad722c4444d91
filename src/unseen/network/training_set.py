"""What a run trains on: which stored clips, with which classes, in which order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from unseen.base.errors import UserError
from unseen.base.tabular import read_rows
from unseen.classes.class_embeddings import read_class_embeddings
from unseen.classes.subsets import select_clips
from unseen.network.settings import TrainingSettings
from unseen.videos.clip_store import ClipStore
from unseen.videos.loading import SnippetBatch, TrainingLoader, to_network_input

ClipName = tuple[str, str]
"""Data set and clip id."""


@dataclass(frozen=True)
class TrainingSources:
    """A run's files by data set: shards, labels and class embeddings; and the kept classes."""

    shards: Mapping[str, Sequence[Path]]
    labels: Mapping[str, Path]
    class_embeddings: Mapping[str, Path]
    kept: Path | None = None


@dataclass(frozen=True)
class TrainingSet:
    """C classes and the stored clips that show them.

    `class_embeddings` (C, D) float32; `names` of all M stored clips; `labels` (M,) int64 each one's
    class, -1 for those that are not trained on.
    """

    classes: list[str]
    class_embeddings: np.ndarray
    names: list[ClipName]
    labels: np.ndarray

    @property
    def clips(self) -> np.ndarray:
        """(N,) int64 positions of the clips to train on."""
        return np.flatnonzero(self.labels >= 0)

    @property
    def embedding_dim(self) -> int:
        """D."""
        return self.class_embeddings.shape[1]

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


def stored_short_side(
    shards: Mapping[str, Sequence[Path]], features: Path | None = None
) -> int | None:
    """The short side in pixels to which clips were scaled; of several data sets the first's.

    Clips of photographs are squares of this side.
    """
    if features is not None:
        with h5py.File(features) as file:
            return int(file.attrs["short_side"])
    for paths in shards.values():
        with h5py.File(paths[0]) as file:
            settings = json.loads(file.attrs["settings"])
            return settings.get("short_side", settings.get("size"))
    return None


def select_training_set(
    names: list[ClipName], sources: TrainingSources, settings: TrainingSettings
) -> TrainingSet:
    """Give the stored clips `names` their classes and leave out those whose class is not kept.

    With `settings.subset` only a fraction of them stays. Raises UserError for a kept class without
    embedding.
    """
    embeddings = _class_embeddings(sources.class_embeddings)
    classes = _kept_classes(sources.kept, embeddings)
    number = {name: index for index, name in enumerate(classes)}
    class_of = {dataset: _class_of_clips(path) for dataset, path in sources.labels.items()}
    labels = np.array(
        [number.get(_class(class_of.get(dataset, {}), clip), -1) for dataset, clip in names],
        dtype=np.int64,
    )
    if settings.subset and "fraction" in settings.subset:
        labels = _fraction(names, labels, settings)
    return TrainingSet(classes, np.stack([embeddings[name] for name in classes]), names, labels)


def _class_embeddings(paths: Mapping[str, Path]) -> dict[str, np.ndarray]:
    """Each class's vector. Two data sets may share a class, if they embed it alike."""
    embeddings: dict[str, np.ndarray] = {}
    for dataset, path in paths.items():
        for name, vector in zip(*read_class_embeddings(path), strict=True):
            if not np.allclose(embeddings.setdefault(name, vector), vector, atol=1e-5):
                raise UserError(
                    f"class {name!r} of {dataset} has other words than the class of that name in "
                    f"another training set; give both the same words in config/classes"
                )
    return embeddings


def _kept_classes(kept: Path | None, embeddings: Mapping[str, np.ndarray]) -> list[str]:
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


def _fraction(names: list[ClipName], labels: np.ndarray, settings: TrainingSettings) -> np.ndarray:
    """Labels (M,) of which only those of a random fraction of the clips stay."""
    positions = {"/".join(names[clip]): clip for clip in np.flatnonzero(labels >= 0).tolist()}
    subset = dict(settings.subset)
    chosen = select_clips(
        list(positions), subset["fraction"], seed=settings.seed, repeat=subset.get("repeat", 0)
    )
    kept = np.full_like(labels, -1)
    for name in chosen:
        kept[positions[name]] = labels[positions[name]]
    return kept


def training_loader(
    store: ClipStore,
    clips: np.ndarray,
    settings: TrainingSettings,
    rank: int = 0,
    world_size: int = 1,
) -> TrainingLoader:
    """The loader of a run; each of `world_size` processes takes its share of the batch."""
    return TrainingLoader(
        store,
        clips,
        frames=settings.frames,
        batch_size=settings.batch_size // world_size,
        clips_per_epoch=settings.clips_per_epoch,
        seed=settings.seed,
        workers=settings.workers,
        rank=rank,
        world_size=world_size,
    )


def stream_epoch(epoch: int, settings: TrainingSettings) -> int:
    """The epoch whose snippets come: under a frozen encoder the first `feature_epochs` return."""
    return epoch % settings.feature_epochs if settings.freeze and settings.feature_epochs else epoch


def snippet_input(
    batch: SnippetBatch,
    settings: TrainingSettings,
    epoch: int,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """(B, 3, L, crop, crop) of `dtype`: a training batch on the device, augmented, channels last.

    Crop and flip are drawn from the seed, the epoch and the batch's clips.
    """
    snippets = to_network_input(
        batch,
        crop=settings.crop,
        training=True,
        generator_seed=(settings.seed, epoch),
        device=device,
        dtype=dtype,
        flip=settings.flip,
    )
    return snippets.contiguous(memory_format=torch.channels_last_3d)
