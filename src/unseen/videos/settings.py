"""How videos and photographs become clips."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass

from unseen.base.errors import UserError
from unseen.base.settings import CONFIG, Number, fields_of, mistakes_in, read_by

QUALITY = {"mpeg4": 2, "h264": 16}

DECODE = "decode"
"""Reads a setting that says nothing else."""
SYNTHESIZE = "synthesize"
"""Clips made of photographs."""


@dataclass(config=CONFIG, frozen=True)
class ClipSettings:
    """How sources become clips."""

    short_side: Annotated[int, Field(ge=16, multiple_of=2)] = 128
    """Shorter side of a stored frame in pixels."""
    pixel_aspect: Literal["apply", "ignore"] = "apply"
    """Pixels that are not square: apply shows them as a player does, ignore as if they were."""
    resampling: Literal["antialiased", "bicubic", "bilinear"] = "antialiased"
    """How frames are made smaller: antialiased averages over the area that a pixel covers, bicubic
    does so with sharper edges, bilinear takes the two nearest pixels a side, as the authors' OpenCV
    does."""
    codec: Annotated[Literal["mpeg4", "h264"], read_by(DECODE, SYNTHESIZE)] = "mpeg4"
    """Codec of the stored stream."""
    gop: Annotated[int, Field(ge=1), read_by(DECODE, SYNTHESIZE)] = 8
    """Frames from one key frame to the next."""
    quality: Annotated[Annotated[int, Field(ge=0, le=51)] | None, read_by(DECODE, SYNTHESIZE)] = (
        None
    )
    """Quantiser of mpeg4 (1 to 31) or CRF of h264 (0 to 51); null takes 2 and 16. h264
    with 0 loses nothing."""
    timeout_s: Annotated[Number, Field(gt=0), read_by()] = 600.0
    """Seconds after which a hanging ffmpeg is ended and its clip rejected."""
    min_frames: Annotated[int, Field(ge=1)] = 8
    """Clips with fewer frames are rejected."""
    max_pixels: Annotated[int, Field(ge=1024)] = 8192 * 4608
    """Pictures with more pixels are rejected."""
    damaged: Annotated[Number, Field(ge=0, le=1)] = 0.1
    """The share of frames that may be lost or concealed before a clip is rejected."""

    def __post_init__(self) -> None:
        if self.quality is None:
            object.__setattr__(self, "quality", QUALITY[self.codec])


def clip_settings(values: Mapping[str, Any]) -> ClipSettings:
    """Settings from a configuration's `clips:` keys. Raises UserError for any other value."""
    unknown = sorted({*values} - {*fields_of(ClipSettings)})
    if unknown:
        raise UserError(
            f"clips: unknown key {unknown[0]}; known are {', '.join(fields_of(ClipSettings))}"
        )
    try:
        return ClipSettings(**values)
    except ValidationError as error:
        raise UserError(f"clips: {'; '.join(mistakes_in(error, ClipSettings))}") from None
