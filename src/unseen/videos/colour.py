"""Stored frames in I420 to RGB, where the network runs."""

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
