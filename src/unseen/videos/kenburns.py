"""A photograph to a short clip: a square crop that moves and zooms linearly (the Ken Burns effect).

Sections 3.4 and 4.1 of the paper, with the numbers of the authors' code: the photograph's short
side is bounded to 172 to 512 pixels for clips of 112 pixels, and no crop is smaller than the clip.
"""

import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

WIDEST = 20
"""The greatest ratio of a photograph's long side to its short side."""
MOST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)
"""Where Pillow takes a picture for a decompression bomb."""


Crop = tuple[int, int, int]
"""Left, top and side of a square, in pixels."""


class PhotographError(Exception):
    """A photograph that cannot be used; the message is a reason that a person understands."""


def open_photograph(path: Path | str, size: int) -> Image.Image:
    """Read a photograph: upright RGB, its short side within `short_side_bounds(size)`.

    Greyscale, CMYK, palettes and transparency (onto white) become RGB, a rotation in the EXIF data
    is carried out, and a JPEG far larger than needed is decoded at a fraction of its size.

    Raises PhotographError for what is no readable photograph.
    """
    path = Path(path)
    if path.is_dir():
        raise PhotographError("a directory, not a file")
    if not path.exists():
        raise PhotographError("the file does not exist")
    if path.stat().st_size == 0:
        raise PhotographError("the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as photo:
                photo.draft(None, _draft_size(photo.size, size))
                return _bounded(_rgb(ImageOps.exif_transpose(photo)), size)
    except UnidentifiedImageError:
        raise PhotographError("not a photograph in a format that Pillow reads") from None
    except Image.DecompressionBombError:
        raise PhotographError(f"too large: at most {MOST_PIXELS:,} pixels are read") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise PhotographError(f"unreadable photograph: {error}") from None


def render(
    photo: Image.Image | Path | str,
    *,
    frames: int,
    size: int,
    rng: np.random.Generator,
    crops: str = "place_first",
) -> np.ndarray:
    """(L, size, size, 3) uint8: a clip of `frames` crops of one photograph, each resized to `size`.

    `photo` is a path or what `open_photograph` returned for the same `size`. The first and the last
    crop are drawn by `rng` as `crops` says, one of `CROPS`; those between lie on a line, at
    fractions of a pixel.

    Raises PhotographError as `open_photograph` does.
    """
    if not isinstance(photo, Image.Image):
        photo = open_photograph(photo, size)
    boxes = crop_path(*photo.size, frames=frames, size=size, rng=rng, crops=crops)
    return np.stack(
        [
            np.asarray(
                photo.resize(
                    (size, size), Image.Resampling.BILINEAR, (left, top, left + side, top + side)
                )
            )
            for left, top, side in boxes
        ]
    )


def crop_path(
    width: int,
    height: int,
    *,
    frames: int,
    size: int,
    rng: np.random.Generator,
    crops: str = "place_first",
) -> np.ndarray:
    """(L, 3) float64: left, top and side in pixels of the square crop of each frame."""
    first = CROPS[crops](width, height, size, rng)
    last = CROPS[crops](width, height, size, rng)
    path = np.linspace(first, last, frames)
    # A sum of rounded numbers may pass the edge by one in its last place; Pillow refuses that.
    path[:, :2] = np.clip(path[:, :2], 0, np.array([width, height]) - path[:, 2:])
    return path


def short_side_bounds(size: int) -> tuple[int, int]:
    """The least and the greatest short side in pixels: 172 and 512 for 112, and in proportion."""
    return -(-172 * size // 112), 512 * size // 112


def _place_first(width: int, height: int, size: int, rng: np.random.Generator) -> Crop:
    """A place, then a side among those that are left there: the authors' draw, bounds included.

    Large crops are rare: on 683 x 512 pixels one covers 12% of the photograph on average.
    """
    left = int(rng.integers(max(width - size, 1)))
    top = int(rng.integers(max(height - size, 1)))
    side = int(rng.integers(size, max(min(width - left, height - top), size + 1)))
    return left, top, side


def _side_first(width: int, height: int, size: int, rng: np.random.Generator) -> Crop:
    """A side, all equally likely, then a place for it: 32% of the same photograph."""
    side = int(rng.integers(size, min(width, height) + 1))
    left = int(rng.integers(width - side + 1))
    top = int(rng.integers(height - side + 1))
    return left, top, side


CROPS: dict[str, Callable[[int, int, int, np.random.Generator], Crop]] = {
    "place_first": _place_first,
    "side_first": _side_first,
}
"""How a square of at least `size` pixels is drawn: place_first is the authors' way."""


def _bounded(photo: Image.Image, size: int) -> Image.Image:
    """The photograph, resized when its short side is out of bounds."""
    least, greatest = short_side_bounds(size)
    short, long = sorted(photo.size)
    if long > WIDEST * short:
        raise PhotographError(f"{photo.width} x {photo.height} pixels: too narrow for square crops")
    target = min(max(short, least), greatest)
    if target == short:
        return photo
    resized = [max(target, round(side * target / short)) for side in photo.size]
    return photo.resize(resized, Image.Resampling.BILINEAR, reducing_gap=3.0)


def _draft_size(photo_size: tuple[int, int], size: int) -> tuple[int, int]:
    """The width and height below which a JPEG may not be reduced while it is decoded."""
    scale = min(1.0, short_side_bounds(size)[1] / min(photo_size))
    width, height = photo_size
    return math.ceil(width * scale), math.ceil(height * scale)


def _rgb(photo: Image.Image) -> Image.Image:
    """The photograph in 8-bit RGB: of 16-bit greys the upper byte, transparency turned to white."""
    if photo.mode.startswith("I"):
        upper = np.clip(np.asarray(photo), 0, 65535) >> 8
        return Image.fromarray(upper.astype(np.uint8)).convert("RGB")
    if photo.has_transparency_data:
        photo = photo.convert("RGBA")
        white = Image.new("RGBA", photo.size, "white")
        photo = Image.alpha_composite(white, photo)
    return photo.convert("RGB")
