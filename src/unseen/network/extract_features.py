"""The frozen baseline's features: what a fixed visual encoder makes of the snippets that training
would see.

The stream of snippets is that of the training itself, epoch by epoch and batch by batch, so that
f_s trained on the stored features is f_s trained through the frozen network.
"""

import json
from pathlib import Path

import h5py
import numpy as np
import torch

from unseen.base.devices import arithmetic, pick_device, pick_dtype
from unseen.base.hdf5 import new_hdf5
from unseen.base.progress import progress_bar
from unseen.network.initial_weights import start_network
from unseen.network.labelled_clips import (
    TrainingSources,
    open_store,
    select_training_set,
    stored_clips,
    stored_short_side,
)
from unseen.network.settings import TrainingSettings
from unseen.network.training_snippets import input_maker, stream_epoch, training_loader
from unseen.network.zero_shot_network import encode_snippets


@torch.no_grad()
def extract_features(
    sources: TrainingSources, settings: TrainingSettings, weights: str, output: Path
) -> None:
    """Write the features of a run's snippets, as `FeatureLoader` reads them, and the digest beside
    them."""
    torch.set_num_threads(settings.threads)
    device = pick_device(settings.device)
    dtype = pick_dtype(settings.dtype, device)
    names = stored_clips(sources.shards)
    selected = select_training_set(names, sources, subset=settings.subset, seed=settings.seed)
    network, _ = start_network(
        settings.network_settings, embedding_dim=None, weights=weights, seed=settings.seed
    )
    network.to(device).to(memory_format=torch.channels_last_3d).eval()
    loader = training_loader(open_store(sources.shards), selected.clips, settings)
    make_input = input_maker(settings, device, dtype)
    epochs = len({stream_epoch(epoch, settings) for epoch in range(settings.epochs)})
    shape = (epochs, loader.clips_per_epoch)
    with new_hdf5(output) as file:
        file.attrs["short_side"] = stored_short_side(sources.shards)
        file.attrs["arithmetic"] = json.dumps(arithmetic(device, dtype))
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
                    found = encode_snippets(network, make_input(batch, epoch), dtype)
                    features[epoch, rows] = found.cpu().numpy()
                    clips[epoch, rows] = batch.clips
                    first += len(batch)
                    bar.update(len(batch))
