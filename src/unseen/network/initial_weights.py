"""Initial weights: an earlier run's, torchvision's by name, or a file from elsewhere, read safely.

They come in four layouts: this project's model file; the authors' checkpoints (the backbone as an
indexed sequence `model`, the head as `regressor`, both behind `module.`); the Sports-1M weights of
C3D (`conv1` to `fc8`); and torchvision's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor

from unseen.base.errors import UserError
from unseen.network.model_file import Training, as_model
from unseen.network.weight_files import read_weight_file, torchvision_weights
from unseen.network.zero_shot_network import ZeroShotNetwork, build_network

State = Mapping[str, Tensor]

CLASSIFIERS = ("fc", "head", "classifier", "fc7", "fc8")
"""First parts of the names of other networks' classifiers, which nothing here uses."""
AUTHORS_BACKBONE = ("stem", "layer1", "layer2", "layer3", "layer4")
_PLACES = {str(place): name for place, name in enumerate(AUTHORS_BACKBONE)}
LISTED = 5


@dataclass(frozen=True)
class Weights:
    """A state under this project's names, and what it was trained on.

    `lineage` lists its trainings from the latest to the first.
    """

    source: str
    state: State
    lineage: list[Training]


def start_network(
    settings: dict[str, Any],
    *,
    embedding_dim: int | None,
    classes: int | None = None,
    weights: str | None,
    seed: int,
    replace_head: bool = False,
) -> tuple[ZeroShotNetwork, list[Training]]:
    """A network whose weights are drawn from `seed` or come from `weights`, and the lineage of
    these.

    `settings` are the other arguments of `build_network`, `weights` is a file or
    torchvision's name.
    """
    torch.manual_seed(seed)
    network = build_network(embedding_dim=embedding_dim, classes=classes, **settings)
    if weights is None:
        return network, []
    initial = read_weights(weights, settings["name"])
    load_weights(network, initial, replace_head=replace_head)
    return network, initial.lineage


def read_weights(source: str, network: str) -> Weights:
    """The weights that `source` names: a file, or torchvision's name of weights of `network`.

    Raises UserError where there are none, or where the file holds more than numbers.
    """
    names = _torchvision_names(network)
    if source in names:
        return _torchvision_weights(source, network)
    if not Path(source).is_file():
        known = f" (torchvision has {', '.join(names)})" if names else ""
        raise UserError(
            f"weights: {source} is neither a file nor a name of weights of {network}{known}"
        )
    file = read_weight_file(Path(source))
    if "lineage" not in file.description:
        return Weights(source, _own_names(file.state), [{"weights": source, "classes": None}])
    state, content = as_model(file, Path(source))
    trained: Training = {"weights": source, "classes": content["classes"]}
    return Weights(source, state, [trained, *content["lineage"]])


def load_weights(network: ZeroShotNetwork, weights: Weights, *, replace_head: bool = False) -> None:
    """Copy a state into a network: all of f_v, and f_s where the state has one.

    Raises UserError that lists what does not fit; with `replace_head` an f_s that does not fit is
    started anew.
    """
    own = network.state_dict()
    given = {name: value for name, value in weights.state.items() if _wanted(name, network)}
    heads = [part for part in ("semantic_encoder", "class_encoder") if _part(own, part)]
    problems = _differences(_part(own, "visual_encoder"), _part(given, "visual_encoder"))
    fitting = _part(given, "visual_encoder")
    for head in heads:
        found = _part(given, head)
        head_problems = _differences(_part(own, head), found) if found else []
        if not head_problems:
            fitting |= found
        elif not replace_head:
            problems += head_problems
    if problems:
        more = f" and {len(problems) - LISTED} more" if len(problems) > LISTED else ""
        raise UserError(
            f"weights: {weights.source} does not fit network {network.settings['name']}: "
            f"{'; '.join(problems[:LISTED])}{more}. "
            f"Name the network that they belong to; `replace_head: true` accepts another head"
        )
    network.load_state_dict(own | fitting)


def _wanted(name: str, network: ZeroShotNetwork) -> bool:
    """A classifier's network has no f_s to fill."""
    return network.semantic_encoder is not None or name.startswith("visual_encoder.")


def _part(state: State, name: str) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if key.startswith(f"{name}.")}


def _differences(own: State, given: State) -> list[str]:
    """What a file lacks, has too much or in another shape; old batch norms have no counters."""
    counters = {name for name in own if name.endswith("num_batches_tracked")}
    return [
        *(f"{name} is missing" for name in own if name not in given and name not in counters),
        *(f"{name} is not part of it" for name in given if name not in own),
        *(
            f"{name} has shape {tuple(given[name].shape)}, not {tuple(own[name].shape)}"
            for name in own
            if name in given and given[name].shape != own[name].shape
        ),
    ]


def _own_names(state: State) -> dict[str, Tensor]:
    """Another layout's names to this project's, without classifiers."""
    if any(name.startswith("visual_encoder.") for name in state):
        return dict(state)
    named = {}
    for name, value in state.items():
        parts = name.removeprefix("module.").split(".")
        if parts[0] == "regressor":
            named[".".join(["semantic_encoder.projection", *parts[1:]])] = value
            continue
        if parts[0] == "model" and parts[1:2] and parts[1] in _PLACES:
            parts = [_PLACES[parts[1]], *parts[2:]]
        if parts[0] not in CLASSIFIERS:
            named[".".join(["visual_encoder", *parts])] = value
    return named


def _torchvision_names(network: str) -> list[str]:
    if network not in torchvision.models.list_models(torchvision.models.video):
        return []
    return [weights.name for weights in torchvision.models.get_model_weights(network)]


def _torchvision_weights(name: str, network: str) -> Weights:
    state, classes = torchvision_weights(network, name)
    lineage: list[Training] = [{"weights": name, "classes": classes}]
    return Weights(name, _own_names(state), lineage)
