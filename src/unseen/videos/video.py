"""Source videos to short-GOP clips with ffmpeg, and the clips' I420 frames to RGB.

How a source is read. ffmpeg decodes from the first frame on (seeking is off by frames in some AVI
files); a segment is cut by frame index. Frame n is the n-th in display order and its time is its
time stamp less that of frame 0, so `start_s <= time < end_s` picks a segment's frames, at variable
rates too. No frame is duplicated or dropped. Rotation is applied, pixels are taken as square (as
OpenCV does), the short side is scaled to `short_side` (bilinear over the area that a pixel covers,
so with antialiasing) and colours are converted to BT.601 in limited range, whatever the source
says of its own.

What is refused: what cannot be decoded, and a source of which more than a tenth (`damaged`) of
the frames are lost (fewer packets or frames than the file promises) or damaged (ffmpeg reports an
error or conceals one). Fewer damaged frames are kept as ffmpeg conceals them.
"""

import io
import math
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import ffmpeg as ffmpeg_python
import numpy as np

from unseen.base.errors import UserError
from unseen.base.names import by_plain_name
from unseen.videos.settings import ClipSettings

if TYPE_CHECKING:
    import torch

OLDEST_FFMPEG = (5, 1)  # the first with -fps_mode
LOGGING = ("-nostdin", "-hide_banner", "-v", "repeat+level+warning")
MIN_SIDE = 16  # pixels
MAX_ASPECT = 8
QP_TO_LAMBDA = 118  # ffmpeg's unit of global_quality
TIME_TOLERANCE_S = 1e-3  # time stamps of Matroska files are rounded to milliseconds
CODECS = {"mpeg4": "mpeg4", "h264": "libx264"}
MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}
PLAYLISTS = {"hls", "concat", "dash"}
LENGTH_IN_HEADER = {"matroska,webm", "flv", "asf"}  # formats that count no frames

EXPLANATIONS = {
    "Invalid pts (0) <= last": "the picture's size or format changes on the way",
    "Decode error rate": "the video is too damaged to be decoded",
    "Invalid data found": "the video is too damaged to be decoded",
}
DAMAGE = re.compile(
    r"corrupt decoded frame|Error while decoding stream|Error submitting packet to decoder"
)


class VideoError(Exception):
    """Why a source cannot be used, in words for the person who owns the file."""


@dataclass(frozen=True)
class EncodedClip:
    """A clip as stored: one packet a frame, in display order.

    `key_frames` (L,) int32 holds for each frame the index of the key frame from which a decoder
    must start to reach it; `height` and `width` are in pixels, `fps` is the source's average rate.
    """

    packets: list[bytes]
    key_frames: np.ndarray
    height: int
    width: int
    codec: str
    fps: float


@dataclass(frozen=True)
class Source:
    """What a video file holds: the stream to read, its average rate, and when each frame shows.

    `times` (F,) float64 are the seconds from the first frame, in display order; `lost` counts the
    frames that the file promises and does not hold.
    """

    stream: int
    fps: float
    times: np.ndarray
    lost: int


@lru_cache(maxsize=1)
def ffmpeg() -> str:
    """Path of the ffmpeg to use: that which IMAGEIO_FFMPEG_EXE names, else imageio-ffmpeg's own,
    else the system's.

    imageio-ffmpeg's is one file. A system's loads some 200 libraries each time that it starts,
    which takes longer than to decode a short clip. Raises UserError when there is none, or one that
    is too old.
    """
    import imageio_ffmpeg

    try:
        binary = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise UserError("no ffmpeg: install ffmpeg 5.1 or newer, or imageio-ffmpeg") from error
    if shutil.which(binary) is None:
        raise UserError(f"IMAGEIO_FFMPEG_EXE is {binary}, which is no program")
    if _version(binary) < OLDEST_FFMPEG:
        raise UserError(
            f"{binary} is too old: name an ffmpeg 5.1 or newer in the variable IMAGEIO_FFMPEG_EXE"
        )
    return binary


def _version(binary: str) -> tuple[int, int]:
    """Version of an ffmpeg; a build of its repository has no number and counts as the newest."""
    text = subprocess.run([binary, "-version"], capture_output=True, text=True).stdout
    numbers = re.match(r"ffmpeg version n?(\d+)\.(\d+)", text)
    return (int(numbers[1]), int(numbers[2])) if numbers else (99, 0)


def check_encoder(settings: ClipSettings) -> None:
    """Raise UserError when ffmpeg cannot encode `settings.codec`, before any clip is tried."""
    listing = subprocess.run(
        [ffmpeg(), "-hide_banner", "-encoders"], capture_output=True, text=True
    ).stdout
    encoder = CODECS[settings.codec]
    if not re.search(rf"^ V\S+ {encoder} ", listing, re.MULTILINE):
        raise UserError(f"{ffmpeg()} has no encoder {encoder}; set clips: codec to another")


@by_plain_name
def transcode(
    path: Path | str,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    settings: ClipSettings,
) -> EncodedClip:
    """Decode a video, or its frames with `start_s <= time < end_s`, into a clip.

    Raises VideoError with the reason when the video cannot be used.
    """
    source = probe(path, settings)
    first, last = segment_frames(source.times, start_s, end_s)
    _check_length(last - first, settings)
    done = _run(_command(path, source, first, last, settings), settings.timeout_s)
    log = done.stderr.decode(errors="replace")
    if done.returncode:
        raise VideoError(_explain(log))
    clip = _demux(done.stdout, settings.codec, source.fps)
    frames = len(clip.packets)
    cut = _cut_frames(source, last, end_s)
    allowed = settings.damaged
    _check_share("the file is truncated", cut, last - first + cut, allowed)
    _check_share("the video is damaged", max(0, last - first - frames), last - first, allowed)
    _check_share("the video is damaged", len(DAMAGE.findall(log)), last, allowed)
    _check_length(frames, settings)
    return clip


def probe(path: Path | str, settings: ClipSettings) -> Source:
    """Read a video's header and packets without decoding them.

    Raises VideoError when the file is no video, or a video of absurd size.
    """
    begin = _first_bytes(Path(path))
    options = {"protocol_whitelist": "file"}
    try:
        with av.open(str(path), options=options, metadata_errors="replace") as container:
            return _probe(container, settings)
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
    if not begin:
        raise VideoError("the file is empty")
    return begin


def _url(path: Path | str) -> str:
    """A file's name that ffmpeg takes for nothing else, such as an option or another protocol."""
    return f"file:{Path(path).absolute()}"


def _probe(container: av.container.InputContainer, settings: ClipSettings) -> Source:
    if container.format.name in PLAYLISTS:
        raise VideoError("a playlist, not a video")
    stream = _picture_stream(container)
    _check_size(stream.codec_context.width, stream.codec_context.height, settings)
    times, packets, end_s = _packet_times(container, stream)
    if not times:
        raise VideoError("the file holds no video frames")
    times = np.sort(np.asarray(times))
    times -= times[0]
    fps = float(stream.average_rate or 0) or _rate(times)
    return Source(
        stream=stream.index,
        fps=fps,
        times=times,
        lost=_lost_frames(container, stream, packets, end_s, fps),
    )


def _picture_stream(container: av.container.InputContainer) -> av.VideoStream:
    """The first video stream with a known codec and size that is not a cover picture."""
    cover = av.stream.Disposition.attached_pic
    for stream in container.streams.video:
        codec = stream.codec_context
        if not stream.disposition & cover and codec is not None and codec.width:
            return stream
    if container.streams.audio:
        raise VideoError("the file holds sound and no video")
    raise VideoError("the file holds no video that ffmpeg knows")


def _check_size(width: int, height: int, settings: ClipSettings) -> None:
    size = f"{width}x{height}"
    if width * height > settings.max_pixels:
        raise VideoError(f"the picture is too large: {size} pixels")
    if min(width, height) < MIN_SIDE:
        raise VideoError(f"the picture is too small: {size} pixels")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise VideoError(f"the picture is too narrow: {size} pixels")


def _packet_times(
    container: av.container.InputContainer, stream: av.VideoStream
) -> tuple[list[float], int, float]:
    """Times in seconds of the frames shown, number of packets, and the end of all streams."""
    times: list[float] = []
    packets = 0
    end_s = 0.0
    for packet in _packets(container):
        stamp = packet.dts if packet.pts is None else packet.pts
        time = len(times) * _frame_s(stream) if stamp is None else stamp * packet.time_base
        end_s = max(end_s, float(time + (packet.duration or 0) * packet.time_base))
        if packet.stream is stream:
            packets += 1
            if not packet.is_discard:
                times.append(float(time))
    return times, packets, end_s


def _packets(container: av.container.InputContainer) -> Iterator[av.Packet]:
    """All packets of the streams that the header names, as far as the file can be read."""
    while True:
        try:
            yield from (packet for packet in container.demux() if packet.size)
            return
        except av.FFmpegError:  # how a truncated file may end
            return
        except IndexError:  # PyAV knows no stream that begins on the way
            continue


def _frame_s(stream: av.VideoStream) -> Fraction:
    return 1 / (stream.average_rate or stream.guessed_rate or Fraction(25))


def _rate(times: np.ndarray) -> float:
    """Average frames a second of (F,) sorted times; 25 for a single frame."""
    return (len(times) - 1) / times[-1] if times[-1] > 0 else 25.0


def _lost_frames(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    packets: int,
    end_s: float,
    fps: float,
) -> int:
    """Frames that the container's header promises and the file does not hold."""
    if stream.frames:
        return max(0, stream.frames - packets)
    if container.format.name in LENGTH_IN_HEADER and container.duration:
        begin_s = max(0, container.start_time or 0) / av.time_base
        return max(0, math.floor((container.duration / av.time_base + begin_s - end_s) * fps))
    return 0


def segment_frames(
    times: np.ndarray, start_s: float | None, end_s: float | None
) -> tuple[int, int]:
    """Indexes (first, last + 1) of the frames with `start_s <= time < end_s`; `times` (F,) sorted.

    Raises VideoError when the segment lies behind the video's end.
    """
    first, last = 0, len(times)
    if start_s is not None:
        first = int(np.searchsorted(times, start_s - TIME_TOLERANCE_S))
    if end_s is not None:
        last = int(np.searchsorted(times, end_s - TIME_TOLERANCE_S))
    if first >= last:
        raise VideoError(
            f"the segment from {start_s} s to {end_s} s holds no frame; "
            f"the video's last frame is at {times[-1]:.2f} s"
        )
    return first, last


def _check_length(frames: int, settings: ClipSettings) -> None:
    if frames == 1:
        raise VideoError("a single picture, not a video")
    if frames < settings.min_frames:
        raise VideoError(f"too short: {frames} frames, needs {settings.min_frames}")


def _cut_frames(source: Source, last: int, end_s: float | None) -> int:
    """Frames up to `end_s` that are lost behind the last one in the file."""
    if last < len(source.times):
        return 0
    if end_s is None:
        return source.lost
    return min(source.lost, math.floor((end_s - source.times[-1]) * source.fps))


def _check_share(cause: str, lost: int, frames: int, allowed: float) -> None:
    if lost > allowed * frames:
        raise VideoError(f"{cause}: {min(lost, frames)} of {frames} frames are lost or damaged")


def _command(
    path: Path | str, source: Source, first: int, last: int, settings: ClipSettings
) -> list[str]:
    """ffmpeg's arguments: frames `first` to `last - 1` of a stream to packets in NUT on stdout."""
    side = settings.short_side
    picture = ffmpeg_python.input(_url(path), threads=1)[str(source.stream)]
    if (first, last) != (0, len(source.times)):
        picture = picture.filter("trim", start_frame=first, end_frame=last)
    picture = (
        picture.filter("settb", "1/25")
        .filter("setpts", "N")
        .filter(
            "scale",
            f"if(gt(iw,ih),-2,{side})",
            f"if(gt(iw,ih),{side},-2)",
            flags="bilinear",
            out_color_matrix="bt601",
            out_range="tv",
        )
        .filter("setsar", 1)
        .filter("format", "yuv420p")
    )
    packets = {
        "vcodec": CODECS[settings.codec],
        "format": "nut",
        "map_metadata": -1,
        "map_chapters": -1,
        "fps_mode": "passthrough",
        "enc_time_base": "1:25",
        "force_key_frames": f"expr:not(mod(n,{settings.gop}))",
        "bsf:v": "dump_extra",
    }
    return (
        ffmpeg_python.output(picture, "pipe:", **packets, **_encoder_options(settings))
        .global_args(*LOGGING)
        .global_args("-filter_complex_threads", "1")
        .compile(cmd=ffmpeg())
    )


def _encoder_options(settings: ClipSettings) -> dict[str, Any]:
    """A key frame every `gop` frames and no others, no B-frames, and the same bytes every time."""
    shared = {"g": settings.gop, "bf": 0, "threads": 1}
    if settings.codec == "h264":
        # Without cpu-independent x264's macroblock tree depends on what memory held before.
        fast = {"preset": "veryfast", "tune": "fastdecode", "x264-params": "cpu-independent=1"}
        return shared | fast | {"crf": settings.quality, "sc_threshold": 0, "flags": "+bitexact"}
    quality = {"flags": "+bitexact+qscale", "global_quality": settings.quality * QP_TO_LAMBDA}
    return shared | quality | {"sc_threshold": 10**9}


def _run(command: list[str], timeout_s: float) -> subprocess.CompletedProcess[bytes]:
    """Run ffmpeg to its end, whatever it returns. Raises VideoError when it takes too long."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s
        )
    except subprocess.TimeoutExpired as error:
        raise VideoError(f"ffmpeg was ended after {timeout_s:g} s without a result") from error


def _explain(log: str) -> str:
    """The reason for a person: a known one with ffmpeg's words, else the log's last error."""
    for words, explanation in EXPLANATIONS.items():
        if words in log:
            return f"{explanation} ({words})"
    errors = [line for line in log.splitlines() if "[error]" in line or "[fatal]" in line]
    last = re.sub(r"\[[^]]*\]\s*", "", errors[-1]) if errors else "it says nothing"
    return f"ffmpeg cannot read the file ({last})"


def _demux(stream: bytes, codec: str, fps: float) -> EncodedClip:
    """The clip in ffmpeg's NUT output. Raises VideoError when it holds no frame."""
    try:
        with av.open(io.BytesIO(stream), format="nut") as container:
            packets = [packet for packet in container.demux() if packet.size]
            context = container.streams.video[0].codec_context
            height, width = context.height, context.width
    except av.FFmpegError as error:
        raise VideoError("no frame of the video can be decoded") from error
    return EncodedClip(
        packets=[bytes(packet) for packet in packets],
        key_frames=key_frame_of([packet.is_keyframe for packet in packets]),
        height=height,
        width=width,
        codec=codec,
        fps=fps,
    )


def key_frame_of(is_key: list[bool]) -> np.ndarray:
    """For each frame the index of the latest key frame, (L,) int32; frame 0 must be one.

    >>> key_frame_of([True, False, True]).tolist()
    [0, 0, 2]
    """
    index = np.arange(len(is_key), dtype=np.int32)
    return np.maximum.accumulate(np.where(is_key, index, 0)).astype(np.int32)


def encode_frames(frames: np.ndarray, settings: ClipSettings, fps: float = 25.0) -> EncodedClip:
    """Encode RGB frames (L, H, W, 3) uint8, H and W even, as they are: nothing is scaled.

    Runs in this process: a photograph's 16 frames take less time than starting ffmpeg.
    """
    height, width = frames.shape[1:3]
    encoder = av.CodecContext.create(CODECS[settings.codec], "w")
    encoder.height, encoder.width = height, width
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.framerate = Fraction(25)
    options = _encoder_options(settings)
    encoder.options = {name: str(value) for name, value in options.items()}
    packets = [packet for frame in _yuv_frames(frames) for packet in encoder.encode(frame)]
    packets += encoder.encode(None)
    return EncodedClip(
        packets=[bytes(packet) for packet in packets],
        key_frames=key_frame_of([packet.is_keyframe for packet in packets]),
        height=height,
        width=width,
        codec=settings.codec,
        fps=fps,
    )


def _yuv_frames(frames: np.ndarray) -> Iterator[av.VideoFrame]:
    """(L, H, W, 3) uint8 to I420 in BT.601, limited range."""
    converter = av.video.reformatter.VideoReformatter()
    for number, frame in enumerate(frames):
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        yuv = converter.reformat(rgb, format="yuv420p")
        yuv.pts = number
        yield yuv


def i420_to_rgb(i420: "torch.Tensor") -> "torch.Tensor":
    """I420 frames (..., H * 3 // 2, W) uint8 to RGB (..., 3, H, W) float32 in 0..1, on any device.

    BT.601 in limited range, as clips are stored; each chroma sample serves its four pixels.
    """
    import torch

    height = i420.shape[-2] * 2 // 3
    width = i420.shape[-1]
    luma = (i420[..., :height, :].float() - 16) / 219
    chroma = i420[..., height:, :].flatten(-2).unflatten(-1, (2, height // 2, width // 2))
    chroma = (chroma.float() - 128) / 224
    chroma = chroma.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)
    blue, red = chroma.unbind(-3)
    rgb = [luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue]
    return torch.stack(rgb, dim=-3).clamp_(0, 1)
