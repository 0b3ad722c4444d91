"""Networks with their weights: started from others', written to `model.pt` and read from it."""

import io
from pathlib import Path
from typing import Any

import torch

from unseen.base.errors import UserError
from unseen.base.files import atomic, write_digest
from unseen.network.networks import ZeroShotNetwork, build_network
from unseen.network.weights import load_weights, read_checkpoint, read_weights


def start_network(
    settings: dict[str, Any],
    *,
    embedding_dim: int | None,
    weights: str | None,
    seed: int,
    replace_head: bool = False,
) -> tuple[ZeroShotNetwork, list[dict[str, Any]]]:
    """A network whose weights are drawn from `seed` or come from `weights`, and the lineage of
    these.

    `settings` are the other arguments of `networks.build_network`, `weights` is a file or
    torchvision's name.
    """
    torch.manual_seed(seed)
    network = build_network(embedding_dim=embedding_dim, **settings)
    if weights is None:
        return network, []
    initial = read_weights(weights, settings["name"])
    load_weights(network, initial, replace_head=replace_head)
    return network, initial.lineage


def write_model(path: Path, network: ZeroShotNetwork, description: dict[str, Any]) -> None:
    """Write a network and its `description` (tensors and plain values) to `path`, and the digest
    beside it.

    The same weights give the same bytes wherever they are written.
    """
    state = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    save(path, {"state_dict": state, "network": network.settings, **description})
    write_digest(path)


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a PyTorch file through a buffer: `torch.save` would put the file's name into it."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with atomic(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_model(
    path: Path, device: torch.device | str = "cpu"
) -> tuple[ZeroShotNetwork, dict[str, Any]]:
    """The network of a `model.pt`, ready for inference on `device`, and all that the file holds."""
    content = read_checkpoint(path)
    if not isinstance(content, dict) or not {"state_dict", "network"} <= set(content):
        raise UserError(f"{path} is no model of this pipeline")
    network = build_network(**content["network"])
    network.load_state_dict(content["state_dict"])
    network.to(device, memory_format=torch.channels_last_3d)
    return network.eval().requires_grad_(False), content
