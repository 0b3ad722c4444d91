"""What a video file says of itself, read without decoding: its stream, size, colours, length."""

import re
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from unseen.videos.settings import ClipSettings

LONGEST_INDEX = 64 << 20  # bytes
MIN_SIDE = 16  # pixels
MAX_ASPECT = 8
MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}
PLAYLISTS = {"hls", "concat", "dash", "imf"}
ISO = "mov,mp4,m4a,3gp,3g2,mj2"
MATROSKA = "matroska,webm"
LENGTH_IN_HEADER = {MATROSKA, "flv", "asf"}  # formats that count no frames
SEEKABLE = {ISO, MATROSKA}
"""Formats with an index of key frames: a seek lands at one, and at or before the wanted time."""
DEFAULT_STREAM_BONUS = 5_000_000  # pixels, as in ffmpeg's own choice
HDR_TRANSFERS = {16, 18}  # SMPTE ST 2084 (PQ) and ARIB STD-B67 (HLG)
INTERLACED = {2, 3, 4, 5}  # libav's AVFieldOrder but for unknown and progressive
ENCRYPTED = (b"encv", b"drmi")  # sample entries of MP4
REFUSED = re.compile(r"Picture size (\d+)x(\d+) is invalid")  # of libav's log
BOX = struct.Struct(">I4s")
LONG = struct.Struct(">Q")


class VideoError(Exception):
    """Why a source cannot be used, in words for the person who owns the file."""


@dataclass(frozen=True)
class Source:
    """A video file's stream: `index` in the file, whether its frames are interlaced or HDR, and the
    container's format."""

    path: Path
    index: int
    format: str
    interlaced: bool
    hdr: bool

    @property
    def seekable(self) -> bool:
        """Whether a seek lands at a key frame at or before the wanted time."""
        return self.format in SEEKABLE


def probe(path: Path | str, settings: ClipSettings) -> Source:
    """Read a video's header.

    Raises VideoError when the file is no video, or a video that is encrypted or of absurd size.
    """
    path = Path(path)
    with opened(path) as container:
        if not any(map(_is_known, container.streams.video)):
            for size in _refused_sizes(path):
                _check_size(*size, settings)
        stream = picture_stream(container)
        context = stream.codec_context
        if container.format.name == ISO and _is_encrypted(path):
            raise VideoError("the video is encrypted: it cannot be decoded without its key")
        _check_size(context.width, context.height, settings)
        return Source(
            path=path,
            index=stream.index,
            format=container.format.name,
            interlaced=context.field_order in INTERLACED,
            hdr=context.color_trc in HDR_TRANSFERS,
        )


def url(path: Path) -> str:
    """A file's name that ffmpeg takes for nothing else, such as an option or another protocol."""
    return f"file:{path.absolute()}"


@contextmanager
def opened(path: Path) -> Iterator[av.container.InputContainer]:
    """A file opened by libav, whose errors become VideoErrors in plain words."""
    begin = _first_bytes(path)
    options = {"protocol_whitelist": "file"}
    try:
        with av.open(url(path), options=options, metadata_errors="replace") as container:
            if container.format.name in PLAYLISTS:
                raise VideoError("a playlist, not a video")
            yield container
    except (av.FFmpegError, ValueError) as error:
        if begin[4:] in MP4_BOXES:
            reason = "the file is truncated or damaged: its MP4 index cannot be read"
        else:
            reason = "not a video, or one too damaged to be read"
        raise VideoError(reason) from error


def _first_bytes(path: Path) -> bytes:
    """The first eight bytes of a regular file. Raises VideoError when it has none or is no file."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise VideoError("a directory, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise VideoError("not a regular file")
        with path.open("rb") as file:
            begin = file.read(8)
    except OSError as error:
        raise VideoError(f"the file cannot be opened: {error.strerror}") from error
    except ValueError as error:
        raise VideoError("no file can have this name") from error
    if not begin:
        raise VideoError("the file is empty")
    return begin


def picture_stream(container: av.container.InputContainer) -> av.VideoStream:
    """The video stream that ffmpeg picks: the largest picture, one that is marked as the default
    before others, never a cover."""
    streams = [stream for stream in container.streams.video if _is_known(stream)]
    if streams:
        return max(streams, key=_score)
    if container.streams.audio:
        raise VideoError("the file holds sound and no video")
    raise VideoError("the file holds no video that ffmpeg knows")


def _is_known(stream: av.VideoStream) -> bool:
    cover = stream.disposition & av.stream.Disposition.attached_pic
    return not cover and stream.codec_context is not None and stream.codec_context.width > 0


def _score(stream: av.VideoStream) -> int:
    default = stream.disposition & av.stream.Disposition.default
    size = stream.codec_context.width * stream.codec_context.height
    return size + (DEFAULT_STREAM_BONUS if default else 0)


def _refused_sizes(path: Path) -> list[tuple[int, int]]:
    """Widths and heights that libav will not decode: it drops them, and says so in its log alone.
    Its own limit is about 268 million pixels."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # what it said of another file before
    try:
        with av.logging.Capture() as log, opened(path):
            text = "\n".join(message for _, _, message in log)
    finally:
        av.logging.set_level(level)
    return [(int(width), int(height)) for width, height in REFUSED.findall(text)]


def _is_encrypted(path: Path) -> bool:
    """Whether an MP4's description of its samples says that they are encrypted."""
    with path.open("rb") as file:
        while len(head := file.read(BOX.size)) == BOX.size:
            size, kind = BOX.unpack(head)
            header = BOX.size
            if size == 1 and len(long := file.read(LONG.size)) == LONG.size:
                size, header = LONG.unpack(long)[0], header + LONG.size
            if kind == b"moov":
                content = file.read(min(size - header, LONGEST_INDEX) if size else LONGEST_INDEX)
                return any(name in content for name in ENCRYPTED)
            if size < header:
                return False
            file.seek(size - header, 1)
    return False


def _check_size(width: int, height: int, settings: ClipSettings) -> None:
    size = f"{width}x{height}"
    if width * height > settings.max_pixels:
        raise VideoError(
            f"the picture is too large: {size} pixels, at most {settings.max_pixels:,} are read"
        )
    if min(width, height) < MIN_SIDE:
        raise VideoError(f"the picture is too small: {size} pixels")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise VideoError(f"the picture is too narrow: {size} pixels")


# What a file promises and does not hold


def lost_behind(source: Source, last_s: float, fps: float) -> int:
    """Frames behind the last decoded one that the file promises and does not hold: it is cut off.

    `last_s` is the last decoded frame's time, from the first one on. MP4 lists its samples, and
    those that an edit list hides are none that are shown; other formats count their frames or tell
    their length.
    """
    with opened(source.path) as container:
        stream: Any = container.streams[source.index]
        if source.format == ISO:
            return _samples_beyond(stream, source.path.stat().st_size)
        if stream.frames:
            return max(0, int(stream.frames) - _count_packets(container, stream))
        if source.format in LENGTH_IN_HEADER and container.duration:
            promised = (container.duration + max(0, container.start_time or 0)) / av.time_base
            if promised - last_s < 2 / fps:
                return 0
            return max(0, int((promised - _end_of_packets(container)) * fps))
    return 0


def _samples_beyond(stream: av.VideoStream, size: int) -> int:
    """Samples that are listed and shown, and that lie beyond the end of the file."""
    entries = stream.index_entries
    return sum(entry.pos + entry.size > size and not entry.is_discard for entry in entries)


def _count_packets(container: av.container.InputContainer, stream: av.VideoStream) -> int:
    return sum(packet.stream is stream for packet in packets(container))


def _end_of_packets(container: av.container.InputContainer) -> float:
    """Seconds at which the last packet of any stream ends."""
    end_s = 0.0
    for packet in packets(container):
        stamp = packet.dts if packet.pts is None else packet.pts
        base = packet.time_base or Fraction(0)
        end_s = max(end_s, float(((stamp or 0) + (packet.duration or 0)) * base))
    return end_s


def packets(container: av.container.InputContainer) -> "Iterator[av.Packet[Any]]":
    """All packets of the streams that the header names, as far as the file can be read."""
    while True:
        try:
            yield from (packet for packet in container.demux() if packet.size)
            return
        except av.FFmpegError:  # how a truncated file may end
            return
        except IndexError:  # PyAV knows no stream that begins on the way
            continue
