"""The model file: a network's weights, and what is needed to name the class of any video."""

from pathlib import Path
from typing import Any

import torch

from unseen.base.errors import UserError
from unseen.base.files import write_digest
from unseen.network.torch_files import read_torch_file, save
from unseen.network.zero_shot_network import ZeroShotNetwork, build_network


def write_model(path: Path, network: ZeroShotNetwork, description: dict[str, Any]) -> None:
    """Write a network and its `description` (tensors and plain values) to `path`, and the digest
    beside it.

    The same weights give the same bytes wherever they are written.
    """
    state = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    save(path, {"state_dict": state, "network": network.settings, **description})
    write_digest(path)


def load_model(
    path: Path, device: torch.device | str = "cpu"
) -> tuple[ZeroShotNetwork, dict[str, Any]]:
    """The network of a `model.pt`, ready for inference on `device`, and all that the file holds."""
    content = read_torch_file(path)
    if not isinstance(content, dict) or not {"state_dict", "network"} <= set(content):
        raise UserError(f"{path} is no model of this pipeline")
    network = build_network(**content["network"])
    network.load_state_dict(content["state_dict"])
    network.to(device).to(memory_format=torch.channels_last_3d)
    return network.eval().requires_grad_(False), content
