"""Clips as they are stored: one packet a frame, a key frame every few, no B-frames."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import IO, Any

import av
import numpy as np

from unseen.base.errors import UserError
from unseen.videos.ffmpeg_process import ffmpeg, has
from unseen.videos.settings import ClipSettings

CODECS = {"mpeg4": "mpeg4", "h264": "libx264"}
QP_TO_LAMBDA = 118  # ffmpeg's unit of global_quality
STILL_RATE = 25.0  # frames a second of what has no rate


def check_encoder(settings: ClipSettings) -> None:
    """Raise UserError when ffmpeg cannot encode `settings.codec`, before any clip is tried."""
    encoder = CODECS[settings.codec]
    if not has("encoders", encoder):
        raise UserError(f"{ffmpeg()} has no encoder {encoder}; set clips: codec to another")


@dataclass(frozen=True)
class EncodedClip:
    """A clip as stored: one packet a frame, in display order.

    `key_frames` (L,) int32 holds for each frame the index of the key frame from which a decoder
    must start to reach it; `times` (L,) float64 when each frame shows, in seconds from the source's
    first frame; `height` and `width` are in pixels.
    """

    packets: list[bytes]
    key_frames: np.ndarray
    times: np.ndarray
    height: int
    width: int
    codec: str

    @property
    def fps(self) -> float:
        """Frames a second."""
        return frame_rate(self.times)


def frame_rate(times: np.ndarray) -> float:
    """Frames a second of (L,) sorted times: from the usual distance, which neither a gap nor a slow
    part moves; 25 where there is no distance.

    The usual distance is the mean of those near the median, since containers round times.

    >>> frame_rate(np.array([0.0, 0.033, 0.067, 0.1, 5.0]))
    30.0
    >>> frame_rate(np.array([0.0, 1e8])) > 0
    True
    """
    steps = np.diff(times)
    steps = steps[steps > 0]
    if not len(steps):
        return STILL_RATE
    median = np.sort(steps)[len(steps) // 2]
    rate = float(1 / steps[np.abs(steps - median) <= median / 5].mean())
    return round(rate, 6) or rate


def encoder_options(settings: ClipSettings) -> dict[str, Any]:
    """A key frame every `gop` frames and no others, no B-frames, and the same bytes every time."""
    shared = {"g": settings.gop, "bf": 0, "threads": 1}
    if settings.codec == "h264":
        # Without cpu-independent x264's macroblock tree depends on what memory held before.
        fast = {"preset": "veryfast", "tune": "fastdecode", "x264-params": "cpu-independent=1"}
        return shared | fast | {"crf": settings.quality, "sc_threshold": 0, "flags": "+bitexact"}
    quality = {
        "flags": "+bitexact+qscale",
        "global_quality": (settings.quality or 0) * QP_TO_LAMBDA,
    }
    return shared | quality | {"sc_threshold": 10**9}


def read_clip(stream: IO[bytes], settings: ClipSettings) -> EncodedClip:
    """The clip in ffmpeg's NUT output, with no packets where there is none. Its times are those of
    25 frames a second: the stream has no others."""
    try:
        with av.open(io.BytesIO(stream.read()), "r", format="nut") as container:
            packets = [packet for packet in container.demux() if packet.size]
            context = container.streams.video[0].codec_context
            size = context.height, context.width
    except av.FFmpegError:
        packets, size = [], (0, 0)
    return _clip(packets, size, settings)


def _clip(
    packets: "list[av.Packet[Any]]",
    size: tuple[int, int],
    settings: ClipSettings,
) -> EncodedClip:
    return EncodedClip(
        packets=[bytes(packet) for packet in packets],
        key_frames=key_frame_of([packet.is_keyframe for packet in packets]),
        times=np.arange(len(packets)) / STILL_RATE,
        height=size[0],
        width=size[1],
        codec=settings.codec,
    )


def key_frame_of(is_key: list[bool]) -> np.ndarray:
    """For each frame the index of the latest key frame, (L,) int32; frame 0 must be one.

    >>> key_frame_of([True, False, True]).tolist()
    [0, 0, 2]
    """
    index = np.arange(len(is_key), dtype=np.int32)
    return np.maximum.accumulate(np.where(is_key, index, 0)).astype(np.int32)


def encode_frames(frames: Iterable[np.ndarray], settings: ClipSettings) -> EncodedClip:
    """Encode RGB frames (H, W, 3) uint8, H and W even, as they are: nothing is scaled.

    They show 25 times a second. Runs in this process: a photograph's 16 frames take less time than
    starting ffmpeg.
    """
    return _encode(_yuv_frames(frames), settings)


def encode_i420(frames: Iterable[np.ndarray], settings: ClipSettings) -> EncodedClip:
    """The same of frames in I420, (H * 3 // 2, W) uint8."""
    return _encode((av.VideoFrame.from_ndarray(one, format="yuv420p") for one in frames), settings)


def _encode(pictures: Iterable[av.VideoFrame], settings: ClipSettings) -> EncodedClip:
    pictures = iter(pictures)
    first = next(pictures, None)
    if first is None:
        return _clip([], (0, 0), settings)
    encoder: Any = av.CodecContext.create(CODECS[settings.codec], "w")
    encoder.height, encoder.width = first.height, first.width
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.framerate = Fraction(25)
    options = encoder_options(settings)
    encoder.options = {name: str(value) for name, value in options.items()}
    packets = []
    for number, frame in enumerate(chain([first], pictures)):
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return _clip(packets, (first.height, first.width), settings)


def _yuv_frames(frames: Iterable[np.ndarray]) -> Iterator[av.VideoFrame]:
    """(L, H, W, 3) uint8 to I420 in BT.601, limited range."""
    converter = av.video.reformatter.VideoReformatter()
    for frame in frames:
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        yield converter.reformat(rgb, format="yuv420p")
