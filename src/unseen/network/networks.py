"""The networks: f_v from snippets to features, f_s from features to an embedding."""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import video as torchvision_video
from torchvision.models.video.resnet import (
    BasicBlock,
    Conv2Plus1D,
    Conv3DNoTemporal,
    Conv3DSimple,
    VideoResNet,
)

from unseen.base.errors import UserError
from unseen.network.settings import FIXED_WIDTH, LEAST_FRAMES, PAPER_WIDTH

VECTOR = 16


class ZeroShotNetwork(nn.Module):
    """f_s(f_v(x)): snippets of a video to one embedding in the space of the class embeddings
    (Section 3.1).

    `visual_encoder` maps (B, 3, L, H, W) to features (B, F); `semantic_encoder` maps (B, F) to (B,
    D), and is None in a network that was trained as a plain classifier. `class_encoder` maps class
    embeddings (C, D) to the space in which videos and classes are compared; the paper's is that of
    the class embeddings itself. `feature_dim` is F; `settings` are the arguments of
    `build_network`.
    """

    def __init__(
        self,
        visual_encoder: nn.Module,
        semantic_encoder: nn.Module | None,
        class_encoder: nn.Module,
        *,
        feature_dim: int,
        settings: dict,
    ) -> None:
        super().__init__()
        self.visual_encoder = visual_encoder
        self.semantic_encoder = semantic_encoder
        self.class_encoder = class_encoder
        self.feature_dim = feature_dim
        self.settings = settings

    def features(self, snippets: Tensor) -> Tensor:
        """(B, 3, L, H, W) to features (B, F); of (B, T, 3, L, H, W) the mean over T."""
        if snippets.dim() == 5:
            return self.visual_encoder(snippets)
        features = self.visual_encoder(snippets.flatten(0, 1))
        return features.unflatten(0, snippets.shape[:2]).mean(1)

    def forward(self, snippets: Tensor) -> Tensor:
        """(B, 3, L, H, W) or (B, T, 3, L, H, W) to embeddings (B, D)."""
        return self.semantic_encoder(self.features(snippets))


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
        embedding = self.projection(self.dropout(features))
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
    frames: int = 16,
    crop: int = 112,
    width: int = PAPER_WIDTH,
    dropout: float = 0.05,
    normalise: bool = True,
    projection: int = 0,
) -> ZeroShotNetwork:
    """A network with freshly drawn weights (from torch's global generator).

    `embedding_dim` is D, None for a visual encoder alone; `width` the channels of the first stage;
    `projection` the hidden units of a projection head on both sides (0: the paper's single linear
    layer on the side of the videos and none on that of the classes). Raises UserError for an
    unknown name or sizes that it cannot take.
    """
    settings = {
        "name": name,
        "embedding_dim": embedding_dim,
        "frames": frames,
        "crop": crop,
        "width": width,
        "dropout": dropout,
        "normalise": normalise,
        "projection": projection,
    }
    if name not in NETWORKS:
        raise UserError(f"network {name!r} is not known; known are {', '.join(NETWORKS)}")
    if width != PAPER_WIDTH and name in FIXED_WIDTH:
        raise UserError(f"network {name} has one width, {PAPER_WIDTH}: remove `width: {width}`")
    encoder, features = NETWORKS[name](frames, crop, width)
    _use_planar_convolutions(encoder)
    semantic_encoder, class_encoder = None, nn.Identity()
    if embedding_dim is not None:
        semantic_encoder = SemanticEncoder(
            features, embedding_dim, dropout=dropout, normalise=normalise, hidden=projection
        )
        if projection:
            class_encoder = ClassEncoder(embedding_dim, projection)
    return ZeroShotNetwork(
        encoder, semantic_encoder, class_encoder, feature_dim=features, settings=settings
    )


class PlanarConv3d(nn.Conv3d):
    """A 3-D convolution that is computed as a 2-D one wherever its kernel is flat in time or in
    space.

    In the channels-last layout both views below cost nothing, and 2-D kernels are the best that
    every device has. It also keeps clear of a fault of bfloat16 on the CPU (torch 2.13, 2.14): the
    weight gradient of a temporal kernel is garbage where its padding reaches over the whole clip,
    so time is padded beforehand.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) to (B, C', T', H', W')."""
        time, *space = self.kernel_size
        if time == 1 and self.stride[0] == 1:
            frames = x.transpose(1, 2).flatten(0, 1)
            y = self._conv2d(frames, self.weight.squeeze(2), self.stride[1:], self.padding[1:])
            return y.unflatten(0, (x.shape[0], -1)).transpose(1, 2)
        if space == [1, 1] and self.stride[1:] == (1, 1):
            columns = x.flatten(3)
            stride, padding = (self.stride[0], 1), (self.padding[0], 0)
            y = self._conv2d(columns, self.weight.flatten(3), stride, padding)
            return y.unflatten(3, x.shape[3:])
        if self.padding[0]:
            x = F.pad(x, (0, 0, 0, 0, self.padding[0], self.padding[0]))
        padding = (0, *self.padding[1:])
        return F.conv3d(x, self.weight, self.bias, self.stride, padding, groups=self.groups)

    def _conv2d(self, x: Tensor, weight: Tensor, stride: tuple, padding: tuple) -> Tensor:
        return F.conv2d(x, weight, self.bias, stride, padding, groups=self.groups)


def _use_planar_convolutions(encoder: nn.Module) -> None:
    for module in encoder.modules():
        if isinstance(module, nn.Conv3d):
            module.__class__ = PlanarConv3d


class _ResNet(VideoResNet):
    """torchvision's video ResNet of any width, without classifier; at width 64 its weights fit."""

    def __init__(self, conv_makers: list, blocks: list[int], stem: nn.Module, width: int) -> None:
        nn.Module.__init__(self)
        self.inplanes = width
        self.stem = stem
        block = BasicBlock if width == PAPER_WIDTH else _NarrowBlock
        for stage, (conv, count) in enumerate(zip(conv_makers, blocks, strict=True)):
            stride = 1 if stage == 0 else 2
            layer = self._make_layer(block, conv, width * 2**stage, count, stride)
            self.add_module(f"layer{stage + 1}", layer)
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Identity()
        _initialise(self)


class _NarrowBlock(BasicBlock):
    """A basic block whose channels between space and time fill the vector units."""

    def __init__(
        self,
        inplanes: int,
        planes: int,
        conv: Callable,
        stride: int = 1,
        downsample: nn.Module | None = None,
    ) -> None:
        conv = partial(_with_full_vectors, conv)
        super().__init__(inplanes, planes, conv, stride, downsample)


def _with_full_vectors(
    conv: Callable, inplanes: int, planes: int, midplanes: int, stride: int = 1
) -> nn.Module:
    return conv(inplanes, planes, _full_vectors(midplanes), stride)


def _full_vectors(channels: float) -> int:
    """The nearest multiple of `VECTOR`, and at least one."""
    return max(1, round(channels / VECTOR)) * VECTOR


def _initialise(module: nn.Module) -> None:
    """He's initialisation by the outgoing connections, as torchvision's video networks have it."""
    for part in module.modules():
        if isinstance(part, nn.Conv3d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def _flat_stem(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(3, width, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), bias=False),
        nn.BatchNorm3d(width),
        nn.ReLU(inplace=True),
    )


def _factorised_stem(width: int) -> nn.Sequential:
    """The stem of R(2+1)D: 45 channels between space and time at width 64."""
    middle = 45 if width == PAPER_WIDTH else _full_vectors(45 * width / PAPER_WIDTH)
    return nn.Sequential(
        nn.Conv3d(3, middle, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=False),
        nn.BatchNorm3d(middle),
        nn.ReLU(inplace=True),
        nn.Conv3d(middle, width, (3, 1, 1), padding=(1, 0, 0), bias=False),
        nn.BatchNorm3d(width),
        nn.ReLU(inplace=True),
    )


class _C3D(nn.Module):
    """C3D up to its fc6 features (Tran et al., ICCV 2015, Section 3.3), 4096 at width 64."""

    def __init__(self, frames: int, crop: int, width: int) -> None:
        super().__init__()
        if frames < LEAST_FRAMES["c3d"] or crop < 16:
            raise UserError(
                f"network c3d needs 16 frames of 16 pixels or more, not {frames} of {crop}"
            )
        conv = partial(nn.Conv3d, kernel_size=3, padding=1)
        self.conv1 = conv(3, width)
        self.conv2 = conv(width, 2 * width)
        self.conv3a, self.conv3b = conv(2 * width, 4 * width), conv(4 * width, 4 * width)
        self.conv4a, self.conv4b = conv(4 * width, 8 * width), conv(8 * width, 8 * width)
        self.conv5a, self.conv5b = conv(8 * width, 8 * width), conv(8 * width, 8 * width)
        side = crop // 16 // 2 + 1
        self.fc6 = nn.Linear(8 * width * (frames // 16) * side * side, 64 * width)
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, L, H, W) to (B, 64 width)."""
        x = F.max_pool3d(self.conv1(x).relu_(), (1, 2, 2))
        x = F.max_pool3d(self.conv2(x).relu_(), 2)
        x = F.max_pool3d(self.conv3b(self.conv3a(x).relu_()).relu_(), 2)
        x = F.max_pool3d(self.conv4b(self.conv4a(x).relu_()).relu_(), 2)
        x = F.max_pool3d(self.conv5b(self.conv5a(x).relu_()).relu_(), 2, padding=(0, 1, 1))
        return self.fc6(x.contiguous().flatten(1)).relu()


def _resnet(
    conv_makers: list, blocks: list[int], stem: Callable, _frames: int, _crop: int, width: int
) -> tuple[nn.Module, int]:
    return _ResNet(conv_makers, blocks, stem(width), width), 8 * width


def _c3d(frames: int, crop: int, width: int) -> tuple[nn.Module, int]:
    return _C3D(frames, crop, width), 64 * width


def _s3d(frames: int, _crop: int, _width: int) -> tuple[nn.Module, int]:
    """torchvision's S3D, pooled over whatever is left of a clip: its own pool needs 224 pixels."""
    if frames < LEAST_FRAMES["s3d"]:
        raise UserError(f"network s3d needs 8 frames or more, not {frames}")
    encoder = torchvision_video.s3d()
    encoder.avgpool = nn.AdaptiveAvgPool3d(1)
    encoder.classifier = nn.Identity()
    return encoder, 1024


def _mvit_v2_s(frames: int, crop: int, _width: int) -> tuple[nn.Module, int]:
    """torchvision's MViTv2-S for any size.

    Its relative positions interpolate, only the grid of patches is fixed.
    """
    encoder = torchvision_video.mvit_v2_s()
    encoder.pos_encoding.temporal_size = -(-frames // 2)
    encoder.pos_encoding.spatial_size = (-(-crop // 4), -(-crop // 4))
    encoder.head = nn.Identity()
    return encoder, 768


def _swin3d_t(_frames: int, _crop: int, _width: int) -> tuple[nn.Module, int]:
    encoder = torchvision_video.swin3d_t()
    encoder.head = nn.Identity()
    return encoder, 768


NETWORKS: dict[str, Callable[[int, int, int], tuple[nn.Module, int]]] = {
    "r2plus1d_18": partial(_resnet, [Conv2Plus1D] * 4, [2, 2, 2, 2], _factorised_stem),
    "r2plus1d_10": partial(_resnet, [Conv2Plus1D] * 4, [1, 1, 1, 1], _factorised_stem),
    "r3d_18": partial(_resnet, [Conv3DSimple] * 4, [2, 2, 2, 2], _flat_stem),
    "mc3_18": partial(_resnet, [Conv3DSimple] + [Conv3DNoTemporal] * 3, [2, 2, 2, 2], _flat_stem),
    "s3d": _s3d,
    "mvit_v2_s": _mvit_v2_s,
    "swin3d_t": _swin3d_t,
    "c3d": _c3d,
}
