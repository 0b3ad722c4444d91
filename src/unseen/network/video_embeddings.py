"""The file of a test set's video embeddings: the parts that do not depend on how they were had."""

import h5py
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from unseen.network.zero_shot_network import ZeroShotNetwork

Array = npt.NDArray[np.float32]


@torch.inference_mode()
def embed_features(network: ZeroShotNetwork, features: Array, device: torch.device) -> Array:
    """f_s: features (N, F) to embeddings (N, D)."""
    embeddings: Array = network.embed(torch.from_numpy(features).to(device)).cpu().numpy()
    return embeddings


def write_class_encoder(file: h5py.File, network: ZeroShotNetwork) -> None:
    """The layers by which class embeddings come into the videos' space, if there are any."""
    layers = [part for part in network.class_encoder.modules() if isinstance(part, nn.Linear)]
    for number, layer in enumerate(layers):
        for name, value in layer.named_parameters():
            write_array(file, f"class_encoder/{name}_{number}", value.cpu().numpy())


def write_clip_ids(file: h5py.File, ids: list[str]) -> None:
    """The clips' names (N,)."""
    values = np.array(ids, dtype=object)
    file.create_dataset("clip_id", data=values, dtype=h5py.string_dtype(), track_times=False)


def write_array(file: h5py.File, name: str, values: Array) -> None:
    """Numbers, without the time, so that the same ones give the same bytes."""
    file.create_dataset(name, data=values, track_times=False)
