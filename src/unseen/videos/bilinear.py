"""Pictures made smaller by OpenCV's rule, to the I420 that comes nearest to them.

Without PyTorch, whose import costs more than a short video.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from unseen.videos.settings import ClipSettings

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.float32]


def smaller(picture: npt.NDArray[Any], aspect: float, settings: ClipSettings) -> Bytes:
    """An RGB picture (H, W, 3), whose pixels are `aspect` times as wide as high, its short side
    `short_side`: (h * 3 // 2, w) I420.

    Bilinear between the two nearest pixels a side, without antialiasing.
    """
    height, width = picture.shape[:2]
    shape = width * (aspect if settings.pixel_aspect == "apply" else 1) / height
    side = settings.short_side
    long = 2 * round(side * max(shape, 1 / shape) / 2)
    rows, columns = (side, long) if shape > 1 else (long, side)
    made = _resized(picture, rows).swapaxes(0, 1)
    return rgb_to_i420(np.rint(_resized(made, columns).swapaxes(0, 1)))


def _resized(picture: npt.NDArray[Any], wanted: int) -> Numbers:
    """The first axis of a picture (n, m, 3) in `wanted` steps."""
    length = len(picture)
    places = np.clip((np.arange(wanted) + 0.5) * length / wanted - 0.5, 0, length - 1)
    first = places.astype(np.int64)
    near = picture[first].astype(np.float32)
    far = picture[np.minimum(first + 1, length - 1)].astype(np.float32)
    share = (places - first).astype(np.float32)[:, None, None]
    found: Numbers = near + (far - near) * share
    return found


def rgb_to_i420(rgb: npt.NDArray[Any]) -> Bytes:
    """An RGB frame (H, W, 3) in 0..255, H and W even, to the I420 (H * 3 // 2, W) of which
    `colour.i420_to_rgb` makes the nearest frame.

    Four pixels share the mean of their chroma; the luma of each is then the middle one of those
    that would give its red, its green and its blue, which makes their errors least in sum.
    """
    red, green, blue = rgb.astype(np.float32).transpose(2, 0, 1)
    height, width = red.shape
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chroma = np.stack([(blue - luma) / 1.772, (red - luma) / 1.402])
    fours = chroma.reshape(2, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    shared = _to_byte(fours, 224, 128)
    kept = ((shared.astype(np.float32) - 128) * (255 / 224)).repeat(2, 1).repeat(2, 2)
    towards_blue, towards_red = kept
    one, two, three = (
        red - 1.402 * towards_red,
        green + 0.344136 * towards_blue + 0.714136 * towards_red,
        blue - 1.772 * towards_blue,
    )
    middle = np.maximum(np.minimum(one, two), np.minimum(np.maximum(one, two), three))
    return np.concatenate([_to_byte(middle, 219, 16), shared.reshape(height // 2, width)])


def _to_byte(values: npt.NDArray[np.floating], extent: int, zero: int) -> Bytes:
    """Values of an extent of 255 as whole ones of BT.601's limited range, which begins at 16."""
    found: Bytes = np.rint(values * (extent / 255) + zero).clip(16, 16 + extent).astype(np.uint8)
    return found
