"""The frozen baseline's features: what a fixed visual encoder makes of the snippets that training
would see.

The stream of snippets is that of the training itself, epoch by epoch and batch by batch, so that
f_s trained on the stored features is f_s trained through the frozen network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from unseen.base.devices import autocast, pick_device, pick_dtype
from unseen.base.files import atomic, write_digest
from unseen.base.progress import progress_bar
from unseen.network.model_file import start_network
from unseen.network.networks import ZeroShotNetwork
from unseen.network.settings import TrainingSettings
from unseen.network.training_set import (
    ClipName,
    TrainingSources,
    open_store,
    select_training_set,
    snippet_input,
    stored_clips,
    stored_short_side,
    stream_epoch,
    training_loader,
)


def extract_features(
    sources: TrainingSources, settings: TrainingSettings, weights: str, output: Path
) -> None:
    """Write the features of a run's snippets, and the digest beside them.

    `features` (E, N, F) float32 of E epochs of N snippets, `clips` (E, N) int64 their positions
    among `dataset` and `clip_id` (M,).
    """
    torch.set_num_threads(settings.threads)
    device = pick_device(settings.device)
    dtype = pick_dtype(settings.dtype, device)
    names = stored_clips(sources.shards)
    selected = select_training_set(names, sources, settings)
    network, _ = start_network(
        settings.network_settings, embedding_dim=None, weights=weights, seed=settings.seed
    )
    network.to(device, memory_format=torch.channels_last_3d).eval()
    loader = training_loader(open_store(sources.shards), selected.clips, settings)
    epochs = len({stream_epoch(epoch, settings) for epoch in range(settings.epochs)})
    shape = (epochs, loader.clips_per_epoch)
    with atomic(output) as temporary, h5py.File(temporary, "w", libver="v110") as file:
        file.attrs["short_side"] = stored_short_side(sources.shards)
        for column, name in enumerate(("dataset", "clip_id")):
            values = [clip[column] for clip in names]
            file.create_dataset(name, data=values, dtype=h5py.string_dtype(), track_times=False)
        features = file.create_dataset(
            "features", (*shape, network.feature_dim), np.float32, track_times=False
        )
        clips = file.create_dataset("clips", shape, np.int64, track_times=False)
        with progress_bar(total=epochs * shape[1], desc="features", unit="snippet") as bar:
            for epoch in range(epochs):
                first = 0
                for batch in loader.epoch(epoch):
                    rows = slice(first, first + len(batch))
                    snippets = snippet_input(batch, settings, epoch, device, dtype)
                    features[epoch, rows] = frozen_features(network, snippets, dtype).cpu().numpy()
                    clips[epoch, rows] = batch.clips
                    first += len(batch)
                    bar.update(len(batch))
    write_digest(output)


@torch.no_grad()
def frozen_features(network: ZeroShotNetwork, snippets: Tensor, dtype: torch.dtype) -> Tensor:
    """Features (B, F) float32 of snippets (B, 3, L, H, W), without gradients."""
    with autocast(snippets.device, dtype):
        return network.visual_encoder(snippets).float()


@dataclass(frozen=True)
class FeatureBatch:
    """`features` (B, F) float32 of snippets of the clips at positions `clips` (B,) int64."""

    features: Tensor
    clips: np.ndarray

    def __len__(self) -> int:
        return len(self.clips)


class FeatureLoader:
    """Batches of stored features, in the order in which a `TrainingLoader` gives the snippets."""

    def __init__(self, path: Path, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        self.path, self.batch_size = path, batch_size
        self.rank, self.world_size = rank, world_size
        with h5py.File(path) as file:
            self.epochs, self.clips_per_epoch = file["clips"].shape
            self.feature_dim = file["features"].shape[2]

    @property
    def names(self) -> list[ClipName]:
        """Data set and id of each clip of the store that the features come from."""
        with h5py.File(self.path) as file:
            return list(
                zip(*(file[name].asstr()[:] for name in ("dataset", "clip_id")), strict=True)
            )

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-self.clips_per_epoch // (self.batch_size * self.world_size))

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
