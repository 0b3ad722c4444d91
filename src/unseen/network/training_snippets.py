"""The stream of snippets that training sees: which come in an epoch, and as what input."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unseen.network.settings import TrainingSettings
from unseen.videos.clip_store import ClipStore
from unseen.videos.loading import SnippetBatch, TrainingLoader, to_network_input


def training_loader(
    store: ClipStore,
    clips: npt.NDArray[np.int64],
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
        frame_rate=settings.frame_rate,
    )


def stream_epoch(epoch: int, settings: TrainingSettings) -> int:
    """The epoch whose snippets come: under a frozen encoder the first `feature_epochs` return."""
    return epoch % settings.feature_epochs if settings.freeze and settings.feature_epochs else epoch


def input_maker(
    settings: TrainingSettings, device: torch.device, dtype: torch.dtype
) -> Callable[[SnippetBatch, int], Tensor]:
    """A function from a batch and its epoch to the network's input (B, 3, L, crop, crop) of
    `dtype`: on the device, augmented, channels last.

    Crop and flip are drawn from the seed, the epoch and the batch's clips.
    """

    def make(batch: SnippetBatch, epoch: int) -> Tensor:
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

    return make
