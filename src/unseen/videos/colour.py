"""Stored frames in I420 to RGB, where the network runs, and back."""

import torch


def i420_to_rgb(i420: torch.Tensor) -> torch.Tensor:
    """I420 frames (..., H * 3 // 2, W) uint8 to RGB (..., 3, H, W) float32 in 0..1, on any device.

    BT.601 in limited range, as clips are stored; each chroma sample serves its four pixels.
    """
    height = i420.shape[-2] * 2 // 3
    width = i420.shape[-1]
    luma = (i420[..., :height, :].float() - 16) / 219
    chroma = i420[..., height:, :].reshape(*i420.shape[:-2], 2, height // 2, width // 2)
    chroma = (chroma.float() - 128) / 224
    chroma = chroma.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)
    blue, red = chroma.unbind(-3)
    rgb = [luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue]
    return torch.stack(rgb, dim=-3).clamp_(0, 1)


def rgb_to_i420(rgb: torch.Tensor) -> torch.Tensor:
    """RGB frames (..., 3, H, W) in 0..255, H and W even, to the I420 (..., H * 3 // 2, W) uint8 of
    which `i420_to_rgb` makes the nearest frames.

    Four pixels share the mean of their chroma; the luma of each is then the middle one of those
    that would give its red, its green and its blue, which makes their errors least in sum.
    """
    red, green, blue = rgb.float().unbind(-3)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chroma = torch.stack([(blue - luma) / 1.772, (red - luma) / 1.402], dim=-3)
    shared = _to_byte(torch.nn.functional.avg_pool2d(chroma, 2), 224, 128)
    kept = (shared - 128) * (255 / 224)
    kept = kept.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)
    towards_blue, towards_red = kept.unbind(-3)
    wanted = [
        red - 1.402 * towards_red,
        green + 0.344136 * towards_blue + 0.714136 * towards_red,
        blue - 1.772 * towards_blue,
    ]
    middle = _to_byte(torch.stack(wanted).median(dim=0).values, 219, 16)
    height, width = middle.shape[-2:]
    planes = [middle, shared.reshape(*shared.shape[:-3], height // 2, width)]
    return torch.cat(planes, dim=-2).byte()


def _to_byte(values: torch.Tensor, extent: int, zero: int) -> torch.Tensor:
    """Values of an extent of 255 as whole ones of BT.601's limited range, which begins at 16."""
    return (values * (extent / 255) + zero).round_().clamp_(16, 16 + extent)
