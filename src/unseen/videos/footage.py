"""Single frames of a video file, decoded where they lie: only what is looked at, and not encoded.

The frames are those of `transcoding`, by the same times, before its codec. Files with an index of
key frames are read from the key frame before a wanted frame on, others from the first frame, long
ones twice. What
can only be told by decoding everything (damage, interlaced or HDR pictures) is left to
`transcoding`: a quick reader gives what is sure, or nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import numpy.typing as npt
from av.filter import Graph

from unseen.base.names import by_plain_name
from unseen.videos.bilinear import smaller
from unseen.videos.clip_store import PADDING, copy_i420, frames_to_decode
from unseen.videos.encoding import EncodedClip, frame_rate
from unseen.videos.probing import ISO, Source, VideoError, lost_behind, opened, probe
from unseen.videos.settings import ClipSettings
from unseen.videos.transcoding import MICRO, scale_options

Frames = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]

PACKET_IS_FRAME = {"h264", "hevc", "vp9", "av1", "mjpeg"}
"""Codecs of which each packet of an MP4 or Matroska file shows one frame at the packet's time."""
KEPT_BYTES = 128 << 20
"""Frames of a file without an index that are kept in memory before it is known which are wanted."""
WANTED_BYTES = 512 << 20
"""Those that are kept when it is known."""
TURNS: dict[tuple[int, ...], tuple[tuple[str, str | None], ...]] = {
    (1, 0, 0, 1): (),
    (0, 1, -1, 0): (("transpose", "clock"),),
    (-1, 0, 0, -1): (("hflip", None), ("vflip", None)),
    (0, -1, 1, 0): (("transpose", "cclock"),),
}
"""Filters by the display matrix of a picture that is shown turned."""


class Unsure(Exception):
    """The quick way gave frames other than those that the file lists: decode all of it."""


class Held(Protocol):
    """What frames are read from; it can be sent to another process."""

    def only(self, indices: Indices) -> "Held":
        """No more of it than what the frames of sorted indices (n,) are read from."""

    def read(self, indices: Indices) -> Frames:
        """The frames of sorted indices (n,). Raises Unsure."""


@dataclass(frozen=True)
class Footage:
    """A video whose frames are read by their index.

    `times` (L,) float64 are seconds from the first frame, `height` and `width` in pixels; `held`
    gives frames as (n, H * 3 // 2, W) uint8 I420. `keys` (L,) says from which key frame, by its
    number, each frame is decoded; None when all have been.
    """

    times: npt.NDArray[np.float64]
    height: int
    width: int
    held: Held
    keys: Indices | None = None

    def read(self, indices: Indices) -> Frames:
        """The frames of sorted `indices` (n,): (n, H * 3 // 2, W) uint8. Raises Unsure."""
        return self.held.read(indices)


def open_footage(path: Path | str, settings: ClipSettings) -> Footage | None:
    """A video's footage, or None where only `transcoding` can tell what it shows.

    Raises VideoError when the file is no video.
    """
    return _opened_footage(path, path, settings)


@by_plain_name
def _opened_footage(plain: Path | str, path: Path | str, settings: ClipSettings) -> Footage | None:
    source = probe(plain, settings)
    if source.interlaced or source.hdr:
        return None
    try:
        footage = _indexed(source, path, settings) or _decoded(source, path, settings)
    except MemoryError:
        raise
    except (Unsure, VideoError, av.FFmpegError):
        return None
    if len(footage.times) < max(2, settings.min_frames) or not (np.diff(footage.times) > 0).all():
        return None
    last_s = float(footage.times[-1])
    return None if lost_behind(source, last_s, frame_rate(footage.times)) else footage


# Of a transcoded clip


def stored_footage(clip: EncodedClip) -> Footage:
    """A transcoded clip's footage."""
    stored = Stored(
        np.arange(len(clip.packets)),
        clip.packets,
        clip.key_frames.astype(np.int64),
        (clip.height, clip.width),
        clip.codec,
    )
    return Footage(clip.times, clip.height, clip.width, stored)


@dataclass(frozen=True)
class Stored:
    """Packets of a clip: `numbers` (m,) of them, sorted, and `keys` (m,) the numbers of those that
    decoding begins at; `size` is height and width in pixels."""

    numbers: Indices
    packets: list[bytes]
    keys: Indices
    size: tuple[int, int]
    codec: str

    def only(self, indices: Indices) -> "Stored":
        needed = self._needed(indices)
        packets = [self.packets[place] for place in needed.tolist()]
        return replace(self, numbers=self.numbers[needed], packets=packets, keys=self.keys[needed])

    def read(self, indices: Indices) -> Frames:
        out = np.empty((len(indices), self.size[0] * 3 // 2, self.size[1]), np.uint8)
        needed = self._needed(indices)
        places = np.flatnonzero(np.isin(self.numbers[needed], indices)).tolist()
        decoded = list(self._decode(needed.tolist()))
        for row, place in zip(out, places, strict=True):
            copy_i420(decoded[place], row)
        return out

    def _needed(self, indices: Indices) -> Indices:
        """The places of the packets to decode for frames."""
        if not len(indices):
            return indices
        wanted, keys = (np.searchsorted(self.numbers, each) for each in (indices, self.keys))
        return frames_to_decode(wanted, keys)

    def _decode(self, places: list[int]) -> Iterator[av.VideoFrame]:
        decoder: Any = av.CodecContext.create(self.codec, "r")
        decoder.thread_type = "NONE"
        for place in places:  # a decoder reads beyond the packet that it is given
            padded = memoryview(self.packets[place] + bytes(PADDING))
            yield from decoder.decode(av.Packet(padded[:-PADDING]))  # type: ignore[arg-type]
        yield from decoder.decode(None)


# From key frames on


@dataclass(frozen=True)
class _Index:
    """What a stream's packets say: `shown` (L,) sorted times of frames, `keys` (K,) those of key
    frames and `seeks` (K,) the times to seek these by, all in the stream's unit."""

    shown: Indices
    keys: Indices
    seeks: Indices


@dataclass(frozen=True)
class Sought:
    """A file in which frames are sought by its `index`, or the part of it from the frame `first`
    on. `state` tells the file from a later one of its name."""

    path: Path | str
    state: tuple[int, ...]
    stream: int
    settings: ClipSettings
    index: _Index
    first: int = 0

    def only(self, indices: Indices) -> "Sought":
        if not len(indices):
            return self
        keys = self._keys(indices)
        shown, part = self.index.shown, slice(int(keys[0]), int(keys[-1]) + 1)
        begin = int(np.searchsorted(shown, self.index.keys[keys[0]]))
        index = _Index(
            shown[begin : int(indices[-1]) - self.first + 1],
            self.index.keys[part],
            self.index.seeks[part],
        )
        return replace(self, index=index, first=self.first + begin)

    def read(self, indices: Indices) -> Frames:
        reader = _reader(self.path, self.state, self.stream, self.settings)
        shown, keys = self.index.shown[indices - self.first], self._keys(indices)
        frames = []
        try:
            for key in np.unique(keys):
                wanted = set(shown[keys == key].tolist())
                frames += reader.from_key(self.index, int(key), wanted)
        except (Unsure, av.FFmpegError) as error:
            _reader.cache_clear()
            if isinstance(error, MemoryError):
                raise
            raise Unsure from error
        return np.stack(frames)

    def _keys(self, indices: Indices) -> Indices:
        """The key frames, by their place in the index, that frames are decoded from."""
        shown = self.index.shown[indices - self.first]
        places: Indices = np.searchsorted(self.index.keys, shown, side="right") - 1
        return places


def _indexed(source: Source, path: Path | str, settings: ClipSettings) -> Footage | None:
    """Footage by an index of the packets, None where a seek or the index may be unsound."""
    if not source.seekable:
        return None
    with opened(source.path) as container:
        stream = container.streams.video[_place(container, source.index)]
        if stream.codec_context.name not in PACKET_IS_FRAME:
            return None
        index = _read_index(container, stream, iso=source.format == ISO)
        if index is None:
            return None
        base = stream.time_base
    status = source.path.stat()
    state = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    sought = Sought(path, state, source.index, settings, index)
    first = sought.read(np.zeros(1, np.int64))
    stamps = index.shown - index.shown[0]
    micro = np.rint(stamps * float(base or 0) * MICRO)
    height, width = first.shape[1] * 2 // 3, first.shape[2]
    keys = np.searchsorted(index.keys, index.shown, side="right") - 1
    return Footage(micro / MICRO, height, width, sought, keys)


def _place(container: av.container.InputContainer, index: int) -> int:
    """The number of a stream among the video streams."""
    return [stream.index for stream in container.streams.video].index(index)


def _read_index(
    container: av.container.InputContainer, stream: av.VideoStream, *, iso: bool
) -> _Index | None:
    """The index of a stream; None where packets do not tell it. MP4 is sought by decoding times."""
    shown, keys, seeks = [], [], []
    for packet in container.demux(stream):
        if not packet.size:
            continue
        if packet.pts is None or packet.is_corrupt:
            return None
        if packet.is_keyframe:
            keys.append(packet.pts)
            seeks.append(packet.dts if iso and packet.dts is not None else packet.pts)
        if not packet.is_discard:
            shown.append(packet.pts)
    index = _Index(np.unique(shown), np.array(keys, np.int64), np.array(seeks, np.int64))
    sound = len(index.shown) == len(shown) > 0 and len(keys) > 0 and (np.diff(index.keys) > 0).all()
    return index if sound and index.keys[0] <= index.shown[0] else None


class _Reader:
    """An open file from which frames of an index are decoded, each from its key frame on."""

    def __init__(self, path: Path | str, stream: int, settings: ClipSettings) -> None:
        self.files = ExitStack()
        self.container = self.files.enter_context(opened(Path(path)))
        self.stream = self.container.streams.video[_place(self.container, stream)]
        self.draw = _scaler(_alone(self.stream), settings)

    def from_key(self, index: _Index, key: int, wanted: set[int]) -> list[Frames]:
        """The frames at the times `wanted`, decoded from a key frame on. Raises Unsure when the
        decoder shows others than the index lists."""
        found: list[Frames] = []
        last = max(wanted)
        at = int(np.searchsorted(index.shown, index.keys[key]))
        for frame in self._decode_from(int(index.keys[key]), int(index.seeks[key])):
            shown = frame.pts
            if shown is None or shown < index.keys[key]:
                continue
            if frame.is_corrupt or shown != index.shown[at]:
                raise Unsure
            at += 1
            if shown in wanted:
                found.append(self.draw(frame))
            if shown == last:
                return found
        raise Unsure

    def _decode_from(self, pts: int, seek: int) -> Iterator[av.VideoFrame]:
        """All frames from a key frame's packet on. Raises Unsure when the seek lands behind it."""
        self.container.seek(seek, stream=self.stream)
        packets = (packet for packet in self.container.demux(self.stream) if packet.size)
        for packet in packets:
            if packet.pts == pts:
                break
            if packet.is_keyframe and (packet.pts is None or packet.pts > pts):
                raise Unsure
        else:
            raise Unsure
        yield from packet.decode()
        for packet in packets:
            yield from packet.decode()
        yield from self.stream.codec_context.decode(None)


@lru_cache(maxsize=2)
def _reader(
    path: Path | str, state: tuple[int, ...], stream: int, settings: ClipSettings
) -> _Reader:
    """A reader that stays open, since pieces of one file are read one after the other."""
    return by_plain_name(_Reader)(path, stream, settings)


# From the first frame on


def _decoded(source: Source, path: Path | str, settings: ClipSettings) -> Footage:
    """All frames of a file, kept in memory as far as they are not too many; those of a longer file
    are decoded once more when it is known which are wanted. Raises Unsure for damage."""
    times, frames, kept = [], [], 0
    decoded: list[int | None] = []
    first: tuple[Any, ...] | None = None
    with opened(source.path) as container:
        stream = container.streams.video[_place(container, source.index)]
        draw = _scaler(_alone(stream), settings)
        for packet in container.demux(stream):
            for frame in packet.decode():
                if frame.is_corrupt or frame.pts is None or frame.time_base is None:
                    raise Unsure
                times.append(round(frame.pts * frame.time_base * MICRO))
                decoded.append(frame.dts)
                first = first or _kind(frame)
                if _kind(frame) != first:
                    raise Unsure
                if kept <= KEPT_BYTES:
                    frames.append(draw(frame))
                    kept += frames[-1].nbytes
    if not frames:
        raise Unsure
    if source.format == "avi" and (np.diff(times) < 0).any():
        times = _in_steps(decoded, stream.time_base)
    height, width = frames[0].shape[0] * 2 // 3, frames[0].shape[1]
    micro = np.array(times) - times[0]
    held: Held = Kept(np.arange(len(frames)), frames)
    if len(frames) < len(times):
        held = Again(path, source.index, settings)
    return Footage(micro / MICRO, height, width, held)


def _in_steps(decoded: list[int | None], time_base: Any) -> list[int]:
    """The times in microseconds of frames whose own are out of order, as in AVI files with packed
    B-frames: those of their decoding, if the steps are all the same. The last frames, which the
    decoder held back, have none. Raises Unsure."""
    known = [time for time in decoded if time is not None]
    steps = np.unique(np.diff(known))
    if known != decoded[: len(known)] or len(steps) != 1 or steps[0] <= 0:
        raise Unsure
    step = int(steps[0]) * time_base * MICRO
    return [round(known[0] * time_base * MICRO + place * step) for place in range(len(decoded))]


@dataclass(frozen=True)
class Again:
    """A file without an index that is too long to be kept: it is decoded again for what is
    wanted."""

    path: Path | str
    stream: int
    settings: ClipSettings

    def only(self, indices: Indices) -> "Kept":
        """All of them are kept. Raises Unsure where they are too many."""
        try:
            return Kept(indices, by_plain_name(_drawn)(self.path, self, indices))
        except av.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            raise Unsure from error

    def read(self, indices: Indices) -> Frames:
        return self.only(indices).read(indices)


def _drawn(path: Path | str, held: Again, indices: Indices) -> list[Frames]:
    """The frames of sorted indices (n,), decoded from the first on."""
    found: list[Frames] = []
    wanted = iter([*indices.tolist(), -1])
    following, at, kept = next(wanted), 0, 0
    with opened(Path(path)) as container:
        stream = container.streams.video[_place(container, held.stream)]
        draw = _scaler(_alone(stream), held.settings)
        for packet in container.demux(stream):
            for frame in packet.decode():
                if at == following:
                    found.append(draw(frame))
                    kept += found[-1].nbytes
                    following = next(wanted)
                if following < 0:
                    return found
                if kept > WANTED_BYTES:
                    raise Unsure
                at += 1
    raise Unsure


@dataclass(frozen=True)
class Kept:
    """Frames in memory: `numbers` (m,) of them, sorted."""

    numbers: Indices
    frames: list[Frames]

    def only(self, indices: Indices) -> "Kept":
        return Kept(indices, self._at(indices))

    def read(self, indices: Indices) -> Frames:
        return np.stack(self._at(indices))

    def _at(self, indices: Indices) -> list[Frames]:
        return [self.frames[place] for place in np.searchsorted(self.numbers, indices).tolist()]


# A decoded picture to a frame as it is stored


def _alone(stream: av.VideoStream) -> av.VideoStream:
    """A stream whose decoder starts no threads, and shows damaged pictures as ffmpeg does."""
    context: Any = stream.codec_context
    context.thread_type = "NONE"
    context.thread_count = 1
    context.flags |= av.codec.context.Flags.output_corrupt
    return stream


def _scaler(stream: av.VideoStream, settings: ClipSettings) -> Callable[[av.VideoFrame], Frames]:
    """Pictures of a stream to (H * 3 // 2, W) uint8 I420, by the filters of `transcoding`. Raises
    Unsure for a picture unlike the first."""
    aspect = stream.sample_aspect_ratio or 0
    graphs: dict[tuple[Any, ...], Any] = {}

    def draw(frame: av.VideoFrame) -> Frames:
        kind = _kind(frame)
        if kind not in graphs:
            if graphs:
                raise Unsure
            graphs[kind] = _graph(frame, aspect, settings)
        graph = graphs[kind]
        frame.pts = None
        graph.push(frame)
        small = graph.pull()
        if settings.resampling == "bilinear":
            turned = len(_turns(frame)) == 1  # by a right angle
            shape = float(1 / aspect if aspect and turned else aspect or 1)
            return smaller(small.to_ndarray(format="rgb24"), shape, settings)
        out = np.empty((small.height * 3 // 2, small.width), np.uint8)
        copy_i420(small, out)
        return out

    return draw


def _kind(frame: av.VideoFrame) -> tuple[Any, ...]:
    """What all pictures of a video have in common."""
    return frame.width, frame.height, frame.format.name, _matrix(frame)


def _matrix(frame: av.VideoFrame) -> tuple[int, ...]:
    """The four whole numbers of a display matrix that turn the picture."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return 1, 0, 0, 1
    values = np.frombuffer(bytes(data), np.int32) / 65536
    return tuple(values[[0, 1, 3, 4]].tolist())


def _turns(frame: av.VideoFrame) -> tuple[tuple[str, str | None], ...]:
    turns = TURNS.get(_matrix(frame))
    if turns is None:
        raise Unsure
    return turns


def _graph(frame: av.VideoFrame, aspect: Any, settings: ClipSettings) -> Graph:
    source = {
        "video_size": f"{frame.width}x{frame.height}",
        "pix_fmt": frame.format.name,
        "time_base": "1/25",
        "pixel_aspect": str(aspect),
        "colorspace": int(frame.colorspace),
        "range": int(frame.color_range),
    }
    filters: list[tuple[str, str | None]] = [("buffer", _joined(source)), *_turns(frame)]
    if settings.resampling == "bilinear":
        filters += [("scale", "flags=bicubic"), ("format", "rgb24")]
    else:
        filters += [
            ("scale", _joined(scale_options(settings))),
            ("setsar", "1"),
            ("format", "yuv420p"),
        ]
    graph = Graph()
    graph.link_nodes(*(graph.add(*each) for each in [*filters, ("buffersink", None)])).configure()
    return graph


def _joined(options: dict[str, Any]) -> str:
    return ":".join(
        f"{name}={str(value).replace(',', chr(92) + ',')}" for name, value in options.items()
    )
