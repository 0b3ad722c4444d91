"""Videos to features and embeddings: everything that scoring needs, so that it needs no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from unseen.clipstore import ClipStore
from unseen.devices import autocast, pick_device, pick_dtype
from unseen.errors import UserError
from unseen.loading import SnippetBatch, to_network_input, video_batches
from unseen.models import load_model
from unseen.networks import ZeroShotNetwork
from unseen.progress import progress_bar
from unseen.provenance import atomic, write_digest


def embed_videos(
    model: Path,
    shards: Mapping[str, Sequence[Path]],
    outputs: Mapping[str, Path],
    *,
    snippets: int,
    scheme: str,
    batch_size: int,
    device: str = "auto",
    dtype: str = "auto",
    workers: int = 2,
) -> None:
    """Embed the stored videos of each data set in `outputs` and write its file, with the digest
    beside it.

    `snippets` is T, `scheme` one of `sampling.SCHEMES`, `batch_size` the snippets that the network
    takes at a time. A file holds, for N videos, `clip_id` (N,), `features` (N, T, F) float32,
    `embedding` (N, D) of the averaged features and `embedding_1` (N, D) of the single snippet that
    the scheme takes.
    """
    picked = pick_device(device)
    network, content = load_model(model, picked)
    if network.semantic_encoder is None:
        raise UserError(f"{model} is a plain classifier: it has no embedding of videos to score")
    encoder = _Encoder(network, content["input"], pick_dtype(dtype, picked), picked)
    for dataset, output in outputs.items():
        store = ClipStore(shards.get(dataset, []))
        with atomic(output) as temporary, h5py.File(temporary, "w", libver="v110") as file:
            _write(file, encoder, store, dataset, snippets, scheme, batch_size, workers)
        write_digest(output)


class _Encoder:
    """A network with what it needs to know of its input."""

    def __init__(
        self,
        network: ZeroShotNetwork,
        input_settings: Mapping,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.network, self.input_settings = network, input_settings
        self.dtype, self.device = dtype, device
        self.frames = input_settings["frames"]

    @torch.inference_mode()
    def features(self, batch: SnippetBatch) -> Tensor:
        """(B, F) float32 of a batch's centre crops."""
        snippets = to_network_input(
            batch,
            crop=self.input_settings["crop"],
            training=False,
            device=self.device,
            dtype=self.dtype,
            mean=self.input_settings["mean"],
            std=self.input_settings["std"],
        )
        snippets = snippets.contiguous(memory_format=torch.channels_last_3d)
        with autocast(self.device, self.dtype):
            return self.network.visual_encoder(snippets).float()

    @torch.inference_mode()
    def embed(self, features: np.ndarray) -> np.ndarray:
        """Features (N, F) to embeddings (N, D)."""
        return (
            self.network.semantic_encoder(torch.from_numpy(features).to(self.device)).cpu().numpy()
        )


def _write(
    file: h5py.File,
    encoder: _Encoder,
    store: ClipStore,
    dataset: str,
    snippets: int,
    scheme: str,
    batch_size: int,
    workers: int,
) -> None:
    shape = (len(store), snippets, encoder.network.feature_dim)
    file.attrs.update(snippets=snippets, scheme=scheme)
    ids = np.array(store.clip_ids, dtype=object)
    file.create_dataset("clip_id", data=ids, dtype=h5py.string_dtype(), track_times=False)
    features = file.create_dataset("features", shape, np.float32, track_times=False)
    means = np.zeros(shape[::2], np.float32)
    singles = np.zeros_like(means)
    middle = snippets // 2 if scheme == "linear" and snippets % 2 else None
    passes = len(store) * (snippets + (middle is None))
    with progress_bar(total=passes, desc=f"embedding {dataset}", unit="snippet") as bar:

        def batches(count: int):
            for clips, batch in video_batches(
                store,
                np.arange(len(store)),
                frames=encoder.frames,
                snippets=count,
                scheme=scheme,
                workers=workers,
                batch_size=batch_size,
            ):
                yield clips, encoder.features(batch).cpu().numpy().reshape(len(clips), count, -1)
                bar.update(len(batch))

        for clips, values in batches(snippets):
            features[clips[0] : clips[-1] + 1] = values
            means[clips] = values.mean(axis=1)
            if middle is not None:
                singles[clips] = values[:, middle]
        if middle is None:
            for clips, values in batches(1):
                singles[clips] = values[:, 0]
    for name, averaged in (("embedding", means), ("embedding_1", singles)):
        file.create_dataset(name, data=encoder.embed(averaged), track_times=False)
