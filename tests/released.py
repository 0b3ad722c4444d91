"""A file of weights as the paper's authors released theirs."""

import argparse

import numpy as np
import torch

from unseen.network.initial_weights import AUTHORS_BACKBONE


def authors_checkpoint(source: torch.nn.Module) -> dict:
    """The published layout: an indexed backbone and a regressor behind `module.`, and options."""
    state = {}
    for key, value in source.state_dict().items():
        part, rest = key.removeprefix("visual_encoder.").split(".", 1)
        if key.startswith("visual_encoder."):
            state[f"module.model.{AUTHORS_BACKBONE.index(part)}.{rest}"] = value
        else:
            state[f"module.regressor.{key.rpartition('.')[2]}"] = value
    return {
        "state_dict": state,
        "opts": argparse.Namespace(lr=1e-3, network="r2plus1d_18"),
        "accuracy": np.float64(37.6),
        "epoch": np.int64(149),
    }
