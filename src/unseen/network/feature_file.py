"""The file of a frozen encoder's features, and its batches in the order of training."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unseen.base.devices import Arithmetic
from unseen.base.hdf5 import open_hdf5, read_texts
from unseen.network.labelled_clips import ClipName


@dataclass(frozen=True)
class FeatureBatch:
    """`features` (B, F) float32 of snippets of the clips at positions `clips` (B,) int64."""

    features: Tensor
    clips: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.clips)


class FeatureLoader:
    """Batches of stored features, in the order in which a `TrainingLoader` gives the snippets.

    The file holds `features` (E, N, F) float32 of E epochs of N snippets, `clips` (E, N) int64,
    their positions among `dataset` and `clip_id` (M,), the short side of the clips in pixels, and
    what the features were computed with.
    `names` are data set and id of each clip. Raises UserError for a damaged file, or another one.
    """

    def __init__(self, path: Path, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        self.path, self.batch_size = path, batch_size
        self.rank, self.world_size = rank, world_size
        with open_hdf5(path, "features") as file:
            self.epochs, self.clips_per_epoch, self.feature_dim = file["features"].shape
            if file["clips"].shape != (self.epochs, self.clips_per_epoch):
                raise ValueError("features and clips differ in shape")
            self.short_side = int(file.attrs["short_side"])
            self.arithmetic: Arithmetic = json.loads(file.attrs["arithmetic"])
            datasets, clip_ids = (read_texts(file, name) for name in ("dataset", "clip_id"))
            self.names: list[ClipName] = list(zip(datasets, clip_ids, strict=True))

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return int(-(-self.clips_per_epoch // (self.batch_size * self.world_size)))

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[FeatureBatch]:
        """The batches of one epoch from `first_step` on."""
        with h5py.File(self.path) as file:
            features, clips = file["features"][epoch], file["clips"][epoch]
        rows = -(-len(clips) // self.world_size) * self.world_size
        own = np.resize(np.arange(len(clips)), rows)[self.rank :: self.world_size]
        for first in range(first_step * self.batch_size, len(own), self.batch_size):
            chosen = own[first : first + self.batch_size]
            yield FeatureBatch(torch.from_numpy(features[chosen]), clips[chosen])

    def close(self) -> None:
        """Nothing stays open between epochs."""
