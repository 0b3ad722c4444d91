"""The model file of a run of any method, read."""

from pathlib import Path
from typing import Any

import torch

from unseen.network import convex, dual, model_file
from unseen.network.model_file import ModelContent
from unseen.network.zero_shot_network import ZeroShotNetwork, build_network


def load_model(
    path: Path, device: torch.device | str = "cpu"
) -> tuple[ZeroShotNetwork, ModelContent]:
    """`model_file.load_model` for models of every method."""
    return model_file.load_model(path, device, build=build_any_network)


def build_any_network(**settings: Any) -> ZeroShotNetwork:
    """The network of a model file of any method, its weights still to come."""
    builders = {convex.METHOD: convex.build_convex, dual.METHOD: dual.build_dual}
    build = builders.get(settings.get("method", ""), build_network)
    return build(**settings)
