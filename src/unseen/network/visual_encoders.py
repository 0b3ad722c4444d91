"""f_v, from snippets to features: R(2+1)D and its kin, C3D, S3D, MViT and Swin."""

from collections.abc import Callable, Sequence
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
from unseen.network.settings import LEAST_FRAMES, PAPER_WIDTH

ConvMaker = Callable[..., nn.Module]
VECTOR = 16
"""Channels that fill the vector units of a processor."""


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
        before, *around = (int(length) for length in self.padding)
        if time == 1 and self.stride[0] == 1:
            frames = x.transpose(1, 2).flatten(0, 1)
            y = self._conv2d(frames, self.weight.squeeze(2), self.stride[1:], around)
            return y.view(x.shape[0], -1, *y.shape[1:]).transpose(1, 2)
        if space == [1, 1] and self.stride[1:] == (1, 1):
            columns = x.flatten(3)
            y = self._conv2d(columns, self.weight.flatten(3), (self.stride[0], 1), (before, 0))
            return y.view(*y.shape[:3], *x.shape[3:])
        if before:
            x = F.pad(x, (0, 0, 0, 0, before, before))
        return F.conv3d(x, self.weight, self.bias, self.stride, (0, *around), groups=self.groups)

    def _conv2d(
        self, x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int]
    ) -> Tensor:
        return F.conv2d(x, weight, self.bias, stride, padding, groups=self.groups)


def use_planar_convolutions(encoder: nn.Module) -> None:
    """Make every 3-D convolution of an encoder a `PlanarConv3d`; its weights stay."""
    for module in encoder.modules():
        if isinstance(module, nn.Conv3d):
            module.__class__ = PlanarConv3d


def draw_as_he(module: nn.Module) -> None:
    """Draw the convolutions' weights anew as He et al. do, by the outgoing connections.

    torchvision's video networks start so.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv3d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)


class _ResNet(VideoResNet):  # type: ignore[misc]  # torchvision has no types
    """torchvision's video ResNet of any width, without classifier; at width 64 its weights fit."""

    def __init__(
        self, conv_makers: list[ConvMaker], blocks: list[int], stem: nn.Module, width: int
    ) -> None:
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
        draw_as_he(self)


class _NarrowBlock(BasicBlock):  # type: ignore[misc]
    """A basic block whose channels between space and time fill the vector units."""

    def __init__(
        self,
        inplanes: int,
        planes: int,
        conv: ConvMaker,
        stride: int = 1,
        downsample: nn.Module | None = None,
    ) -> None:
        conv = partial(_with_full_vectors, conv)
        super().__init__(inplanes, planes, conv, stride, downsample)


def _with_full_vectors(
    conv: ConvMaker, inplanes: int, planes: int, midplanes: int, stride: int = 1
) -> nn.Module:
    return conv(inplanes, planes, _full_vectors(midplanes), stride)


def _full_vectors(channels: float) -> int:
    """The nearest multiple of `VECTOR`, and at least one."""
    return max(1, round(channels / VECTOR)) * VECTOR


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

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, L, H, W) to (B, 64 width)."""
        x = F.max_pool3d(self.conv1(x).relu_(), (1, 2, 2))
        x = F.max_pool3d(self.conv2(x).relu_(), 2)
        x = F.max_pool3d(self.conv3b(self.conv3a(x).relu_()).relu_(), 2)
        x = F.max_pool3d(self.conv4b(self.conv4a(x).relu_()).relu_(), 2)
        x = F.max_pool3d(self.conv5b(self.conv5a(x).relu_()).relu_(), 2, padding=(0, 1, 1))
        features: Tensor = self.fc6(x.contiguous().flatten(1)).relu()
        return features


def _resnet(
    conv_makers: list[ConvMaker],
    blocks: list[int],
    stem: Callable[[int], nn.Module],
    _frames: int,
    _crop: int,
    width: int,
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


VISUAL_ENCODERS: dict[str, Callable[[int, int, int], tuple[nn.Module, int]]] = {
    "r2plus1d_18": partial(_resnet, [Conv2Plus1D] * 4, [2, 2, 2, 2], _factorised_stem),
    "r2plus1d_10": partial(_resnet, [Conv2Plus1D] * 4, [1, 1, 1, 1], _factorised_stem),
    "r3d_18": partial(_resnet, [Conv3DSimple] * 4, [2, 2, 2, 2], _flat_stem),
    "mc3_18": partial(_resnet, [Conv3DSimple] + [Conv3DNoTemporal] * 3, [2, 2, 2, 2], _flat_stem),
    "s3d": _s3d,
    "mvit_v2_s": _mvit_v2_s,
    "swin3d_t": _swin3d_t,
    "c3d": _c3d,
}
"""Each takes frames, crop and width, and gives an encoder and the number F of its features."""
