"""The whole network, f_s(f_v(x)): videos and classes in one space (Section 3.1)."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unseen.base.devices import autocast
from unseen.base.errors import UserError
from unseen.network.settings import FIXED_WIDTH, PAPER_WIDTH


class ZeroShotNetwork(nn.Module):
    """f_s(f_v(x)): snippets of a video to one embedding in the space of the class embeddings
    (Section 3.1).

    `visual_encoder` maps (B, 3, L, H, W) to features (B, F); `semantic_encoder` maps (B, F) to (B,
    D), and is None in a network that was trained as a plain classifier, whose `classifier` maps it
    to the scores of its S classes (B, S). `class_encoder` maps class embeddings (C, D) to the space
    in which videos and classes are compared; the paper's is that of the class embeddings itself.
    `feature_dim` is F; `settings` are the arguments of `build_network`.
    """

    def __init__(
        self,
        visual_encoder: nn.Module,
        semantic_encoder: nn.Module | None,
        class_encoder: nn.Module,
        *,
        feature_dim: int,
        settings: dict[str, Any],
        classifier: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.visual_encoder = visual_encoder
        self.semantic_encoder = semantic_encoder
        self.classifier = classifier
        self.class_encoder = class_encoder
        self.feature_dim = feature_dim
        self.settings = settings

    def features(self, snippets: Tensor) -> Tensor:
        """(B, 3, L, H, W) to features (B, F); of (B, T, 3, L, H, W) the mean over T."""
        if snippets.dim() == 5:
            features: Tensor = self.visual_encoder(snippets)
            return features
        features = self.visual_encoder(snippets.flatten(0, 1))
        return features.view(*snippets.shape[:2], -1).mean(1)

    def embed(self, features: Tensor) -> Tensor:
        """f_s of averaged features: (B, F) to (B, D). Raises UserError where there is no f_s."""
        if self.semantic_encoder is None:
            raise UserError("a plain classifier has no embedding of videos")
        embeddings: Tensor = self.semantic_encoder(features)
        return embeddings

    def forward(self, snippets: Tensor) -> Tensor:
        """(B, 3, L, H, W) or (B, T, 3, L, H, W) to embeddings (B, D)."""
        return self.embed(self.features(snippets))


def encode_snippets(network: ZeroShotNetwork, snippets: Tensor, dtype: torch.dtype) -> Tensor:
    """f_v in the arithmetic `dtype`: (B, 3, L, H, W) to features (B, F) float32."""
    with autocast(snippets.device, dtype):
        features: Tensor = network.visual_encoder(snippets)
    return features.float()


class SemanticEncoder(nn.Module):
    """f_s: dropout and a linear layer (Section 4.4); with `hidden` > 0 a layer in between.

    Its output has unit length if `normalise`.
    """

    def __init__(
        self, features: int, embedding_dim: int, *, dropout: float, normalise: bool, hidden: int = 0
    ) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.projection = _projection(features, hidden, embedding_dim)
        self.normalise = normalise

    def forward(self, features: Tensor) -> Tensor:
        embedding: Tensor = self.projection(self.dropout(features))
        return F.normalize(embedding, dim=-1) if self.normalise else embedding


class ClassEncoder(nn.Module):
    """The projection head on the side of the classes: (C, D) to unit vectors (C, D)."""

    def __init__(self, embedding_dim: int, hidden: int) -> None:
        super().__init__()
        self.projection = _projection(embedding_dim, hidden, embedding_dim)

    def forward(self, class_embeddings: Tensor) -> Tensor:
        return F.normalize(self.projection(class_embeddings), dim=-1)


def _projection(inputs: int, hidden: int, outputs: int) -> nn.Module:
    if not hidden:
        return nn.Linear(inputs, outputs)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def build_network(
    name: str,
    *,
    embedding_dim: int | None,
    classes: int | None = None,
    frames: int = 16,
    crop: int = 112,
    width: int = PAPER_WIDTH,
    dropout: float = 0.05,
    normalise: bool = True,
    projection: int = 0,
    c3d_start: str = "pytorch",
) -> ZeroShotNetwork:
    """A network with freshly drawn weights (from torch's global generator).

    `embedding_dim` is D, None for a visual encoder alone, with `classes` that of a plain classifier
    of S classes; `width` the channels of the first stage;
    `projection` the hidden units of a projection head on both sides (0: the paper's single linear
    layer on the side of the videos and none on that of the classes); `c3d_start` how c3d's weights
    are drawn, `pytorch` or `he`. Raises UserError for an unknown name or sizes that it cannot take.
    """
    # Here, since it loads all of torchvision's networks, which published classifiers need not.
    from unseen.network.visual_encoders import (
        VISUAL_ENCODERS,
        draw_as_he,
        use_planar_convolutions,
    )

    settings = {
        "name": name,
        "embedding_dim": embedding_dim,
        "classes": classes,
        "frames": frames,
        "crop": crop,
        "width": width,
        "dropout": dropout,
        "normalise": normalise,
        "projection": projection,
        "c3d_start": c3d_start,
    }
    if name not in VISUAL_ENCODERS:
        raise UserError(f"network {name!r} is not known; known are {', '.join(VISUAL_ENCODERS)}")
    if width != PAPER_WIDTH and name in FIXED_WIDTH:
        raise UserError(f"network {name} has one width, {PAPER_WIDTH}: remove `width: {width}`")
    encoder, features = VISUAL_ENCODERS[name](frames, crop, width)
    if name == "c3d" and c3d_start == "he":
        draw_as_he(encoder)
    use_planar_convolutions(encoder)
    semantic_encoder: nn.Module | None = None
    class_encoder: nn.Module = nn.Identity()
    if embedding_dim is not None:
        semantic_encoder = SemanticEncoder(
            features, embedding_dim, dropout=dropout, normalise=normalise, hidden=projection
        )
        if projection:
            class_encoder = ClassEncoder(embedding_dim, projection)
    return ZeroShotNetwork(
        encoder,
        semantic_encoder,
        class_encoder,
        feature_dim=features,
        settings=settings,
        classifier=None if classes is None else nn.Linear(features, classes),
    )
