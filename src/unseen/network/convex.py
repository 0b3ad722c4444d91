"""Runs without training, `method: convex`: a classifier's probabilities to a place among words.

A video lies at the convex combination of the embeddings of its likeliest classes (ConSE: Norouzi et
al., ICLR 2014, Eq. 3 and 4). As in training, classes within the overlap threshold of an unseen one
are left out beforehand, so that no class of a test is ever its own source.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from unseen.base.errors import UserError
from unseen.base.files import json_digest
from unseen.classes.class_embedding_file import read_class_embeddings
from unseen.network.classifiers import Classifier, build_classifier, load_classifier
from unseen.network.model_file import ModelDescription, write_model
from unseen.network.published import find_published
from unseen.network.zero_shot_network import ClassEncoder, ZeroShotNetwork

Vectors = npt.NDArray[np.float32]
METHOD = "convex"
LIKELIEST = 10
"""T of ConSE."""


class ConvexCombination(nn.Module):
    """Probabilities (N, S) of a classifier's classes to embeddings (N, D).

    Those of the K kept classes are renormalised, and the embeddings of the `likeliest` of them
    averaged by probability.
    """

    def __init__(self, kept: int, embedding_dim: int, likeliest: int) -> None:
        super().__init__()
        self.likeliest = likeliest
        self.places: Tensor
        self.embeddings: Tensor
        self.register_buffer("places", torch.zeros(kept, dtype=torch.int64))
        self.register_buffer("embeddings", torch.zeros(kept, embedding_dim))

    def forward(self, probabilities: Tensor) -> Tensor:
        kept = probabilities[:, self.places]
        values, places = kept.topk(min(self.likeliest, kept.shape[1]), dim=1)
        weights = values / values.sum(dim=1, keepdim=True).clamp_min(torch.finfo().tiny)
        return torch.einsum("nt,ntd->nd", weights, self.embeddings[places])


def make_convex_model(
    source: str | Path,
    class_embeddings: Mapping[str, Path],
    output: Path,
    *,
    kept: Path | None,
    likeliest: int = LIKELIEST,
    centre: bool = False,
    input_settings: Mapping[str, Any] | None = None,
) -> str:
    """Write the model of a classifier as it is, published or of a run (see
    `classifiers.load_classifier`); returns a line for the log.

    `class_embeddings` are files by the name of their class list, `kept` names the classes that are
    combined (all with an embedding without it), `likeliest` is T; `centre` takes the mean of the
    kept classes' embeddings off on both sides (Mu and Viswanath 2018). `input_settings` replace
    parts of the classifier's own input.

    Raises UserError for a classifier that cannot be had and for kept classes that are not its own.
    """
    classifier = load_classifier(source)
    found: dict[str, Vectors] = {}
    for path in class_embeddings.values():
        found |= dict(zip(*read_class_embeddings(path), strict=True))
    if isinstance(source, Path):  # which may have learnt a part of its data sets' classes
        found = {name: found[name] for name in classifier.classes if name in found}
    names = sorted(kept.read_text(encoding="utf-8").splitlines()) if kept else sorted(found)
    if isinstance(source, Path):
        names = [name for name in names if name in found]
    network, vectors = convex_network(
        classifier, {name: found[name] for name in names}, likeliest=likeliest, centre=centre
    )
    first = next(iter(class_embeddings.values()))
    description: ModelDescription = {
        "classes": names,
        "embedding": {
            "name": first.parent.name,
            "digest": json_digest(
                [Path(f"{path}.sha256").read_text() for path in class_embeddings.values()]
            ),
        },
        "input": {**classifier.input, **(input_settings or {})},  # type: ignore[typeddict-item]
        "lineage": classifier.lineage,
    }
    write_model(output, network, torch.from_numpy(vectors), description)
    number = len(classifier.classes)
    return (
        f"{classifier.name}: {len(names)} of its {number} classes are combined, "
        f"{number - len(found)} have no word vector, {len(found) - len(names)} are too near "
        f"to an unseen class"
    )


def convex_network(
    classifier: Classifier, sources: Mapping[str, Vectors], *, likeliest: int, centre: bool
) -> tuple[ZeroShotNetwork, Vectors]:
    """The network over a classifier of S classes, and the embeddings (K, D) of `sources`, those
    that it combines.

    Raises UserError for a source that is none of its classes, and without any.
    """
    places = {name: place for place, name in enumerate(classifier.classes)}
    strangers = [name for name in sources if name not in places]
    if strangers:
        raise UserError(
            f"{classifier.name} has {len(places)} classes, and {strangers[0]!r} is none of them:"
            f" its class list must be that of {find_published(classifier.name).trained_on}"
        )
    if not sources:
        raise UserError(f"{classifier.name}: none of its classes is kept; lower overlap.threshold")
    vectors = np.stack(list(sources.values())).astype(np.float32)
    network = _assemble(
        {
            "method": METHOD,
            **classifier.settings,
            "embedding_dim": vectors.shape[1],
            "frames": classifier.input["frames"],
            "crop": classifier.input["crop"],
            "classes": len(places),
            "kept": len(sources),
            "likeliest": likeliest,
            "centre": centre,
        },
        classifier.encoder,
    )
    mean = vectors.mean(axis=0) if centre else np.zeros_like(vectors[0])
    combination = network.get_submodule("semantic_encoder")
    combination.load_state_dict(
        {
            "places": torch.tensor([places[name] for name in sources]),
            "embeddings": torch.from_numpy(vectors - mean),
        }
    )
    if centre:
        network.class_encoder.load_state_dict(_subtraction(torch.from_numpy(mean)))
    return network.eval(), vectors


def build_convex(**settings: Any) -> ZeroShotNetwork:
    """The network of a model file of this method, its weights still to come."""
    encoder = build_classifier(settings["name"], settings.get("network"))
    return _assemble(settings, encoder)


def _assemble(settings: dict[str, Any], encoder: nn.Module) -> ZeroShotNetwork:
    dim = settings["embedding_dim"]
    return ZeroShotNetwork(
        encoder,
        ConvexCombination(settings["kept"], dim, settings["likeliest"]),
        ClassEncoder(dim, 2 * dim) if settings["centre"] else nn.Identity(),
        feature_dim=settings["classes"],
        settings=settings,
    )


def _subtraction(mean: Tensor) -> dict[str, Tensor]:
    """The weights with which a class encoder takes `mean` (D,) off: x - m = relu(x - m) -
    relu(m - x), so that the stages after it need not know of it."""
    one = torch.eye(len(mean))
    return {
        "projection.0.weight": torch.cat([one, -one]),
        "projection.0.bias": torch.cat([-mean, mean]),
        "projection.2.weight": torch.cat([one, -one], dim=1),
        "projection.2.bias": torch.zeros_like(mean),
    }
