"""Source videos to clips with ffmpeg: the frames that a player shows, at the times it shows them.

Time is that of the decoded frames: their presentation time less that of the file's first decoded
frame. `start_s <= time < end_s` picks a segment's frames. Packets are not counted (some show
nothing, some are hidden by an edit list) and no header's rate is believed. No frame is duplicated
or dropped.

Rotation is applied, and by default the pixels' aspect ratio. Interlaced streams are deinterlaced
(`bwdif`), HDR ones are mapped to BT.709. The short side is scaled to `short_side` (bilinear over
the area that a pixel covers, so with antialiasing) and colours are converted to BT.601 in limited
range, whatever the source says of its own.

A segment late in a file with an index of key frames is decoded from a key frame before it on, any
other from the file's first frame; both give the same frames.

What is refused: what cannot be decoded, and a source of which more than a tenth (`damaged`) of the
wanted frames are lost (the file is cut off) or damaged (ffmpeg reports an error or conceals one).
Fewer damaged frames are kept as ffmpeg conceals them.
"""

import math
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import av
import ffmpeg as ffmpeg_python
import numpy as np

from unseen.base.names import by_plain_name
from unseen.videos.bilinear import smaller
from unseen.videos.encoding import (
    CODECS,
    EncodedClip,
    encode_i420,
    encoder_options,
    read_clip,
)
from unseen.videos.ffmpeg_process import LOGGING, PROTOCOLS, ffmpeg, has, run_ffmpeg
from unseen.videos.probing import Source, VideoError, lost_behind, opened, packets, probe, url
from unseen.videos.settings import ClipSettings

TIME_TOLERANCE_S = 1e-3  # time stamps of Matroska files are rounded to milliseconds
SEEK_FROM_S = 20.0  # of a segment that begins earlier, decoding from the start costs little
SEEK_MARGIN_S = 2.0  # frames before the key frame may be incomplete, and lie in front of it
WHITE_NITS = 100
MICRO = 1_000_000

SCALERS: dict[str, dict[str, Any]] = {
    "antialiased": {"flags": "bilinear"},
    "bicubic": {"flags": "bicubic", "param0": 0, "param1": 0.5},  # the curve that Pillow takes
}
"""Options of ffmpeg's filter `scale`, which averages over a pixel's area with either."""
EXPLANATIONS = {
    "Invalid pts (0) <= last": "the picture's size or format changes on the way",
    "Decode error rate": "the video is too damaged to be decoded",
    "Invalid data found": "the video is too damaged to be decoded",
}
DAMAGE = re.compile(
    r"corrupt decoded frame|Error while decoding stream|Error submitting packet to decoder"
)


@dataclass(frozen=True)
class Segment:
    """The wanted part of a video, in seconds from its first frame; None is the video's own end."""

    start_s: float | None
    end_s: float | None

    @property
    def bounds(self) -> tuple[int | None, int | None]:
        """Its first time and the one behind its last, in whole microseconds."""
        start, end = (
            None if seconds is None else round((seconds - TIME_TOLERANCE_S) * MICRO)
            for seconds in (self.start_s, self.end_s)
        )
        return start, end

    def holds(self, times: np.ndarray) -> np.ndarray:
        """(F,) bool: which of the frames that show at `times` (microseconds) belong to it."""
        start, end = self.bounds
        inside = np.ones(len(times), bool)
        if start is not None:
            inside &= times >= start
        if end is not None:
            inside &= times < end
        return inside


@dataclass(frozen=True)
class Decoded:
    """What ffmpeg made of a segment: the clip, `times` (F,) int64 of all frames that were decoded
    on the way, in microseconds from the first one of the file, and its log."""

    clip: EncodedClip
    times: np.ndarray
    log: str

    @property
    def faults(self) -> int:
        """Errors and concealed frames that the log speaks of."""
        return len(DAMAGE.findall(self.log))


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
    segment = Segment(start_s, end_s)
    decoded = _decode(source, segment, settings)
    times = decoded.times[segment.holds(decoded.times)]
    _check_any(times, decoded.times, segment)
    if len(decoded.clip.packets) != len(times):
        raise VideoError(f"ffmpeg gave {len(decoded.clip.packets)} of {len(times)} frames")
    clip = replace(decoded.clip, times=times / MICRO)
    frames, allowed = len(times), settings.damaged
    lost = _lost_within(source, segment, decoded, clip.fps)
    _check_share("the file is truncated", lost, frames + lost, allowed)
    if decoded.faults > allowed * frames:
        faults = decoded.faults
        if segment != Segment(None, None):
            faults = _faults_within(source, segment)
        _check_share("the video is damaged", faults, frames, allowed)
    _check_length(frames, settings)
    return clip


def _decode(source: Source, segment: Segment, settings: ClipSettings) -> Decoded:
    """Decode from a key frame before the segment where that is sound, else from the first frame."""
    if source.seekable and (segment.start_s or 0.0) >= SEEK_FROM_S:
        first = _first_time(source, settings)
        if first is not None:
            decoded = _run(source, segment, settings, first=first)
            start, _ = segment.bounds
            if len(decoded.times) and decoded.times[0] <= start and not decoded.faults:
                return decoded
    return _run(source, segment, settings)


def _first_time(source: Source, settings: ClipSettings) -> int | None:
    """The file's own time of its first decoded frame, in microseconds; None where there is none."""
    picture = _timed(_stream(source), "-", from_first=False).filter("trim", end_frame=1)
    output = ffmpeg_python.output(picture, "pipe:", format="null", fps_mode="passthrough")
    command = _compiled(output.global_args("-copyts"))
    code, printed, _ = run_ffmpeg(command, settings.timeout_s, lambda stdout: stdout.read())
    times = read_times(printed)
    return None if code or not len(times) else int(times[0])


def _run(
    source: Source, segment: Segment, settings: ClipSettings, *, first: int | None = None
) -> Decoded:
    """Run ffmpeg; with `first`, the file's time of its first frame, it seeks. Raises VideoError."""
    with tempfile.TemporaryFile() as side:
        command = _command(source, segment, settings, first, f"pipe:{side.fileno()}")
        read = _bilinear_clip if settings.resampling == "bilinear" else read_clip
        made = partial(read, settings=settings)
        code, clip, log = run_ffmpeg(command, settings.timeout_s, made, (side.fileno(),))
        side.seek(0)
        times = read_times(side.read())
    if code and first is None:
        raise VideoError(_explain(log))
    return Decoded(clip, times - (first or 0), log)


def _bilinear_clip(stream: IO[bytes], settings: ClipSettings) -> EncodedClip:
    """The clip of whole RGB pictures in NUT, made smaller by OpenCV's rule: bilinear between the
    two nearest pixels a side, without antialiasing."""
    return encode_i420(_smaller(stream, settings), settings)


def _smaller(stream: IO[bytes], settings: ClipSettings) -> Iterator[np.ndarray]:
    """(H * 3 // 2, W) uint8 I420 pictures of a NUT stream, their short side `short_side`, one at a
    time."""
    try:
        with av.open(stream, "r", format="nut") as container:
            video = container.streams.video[0]
            aspect = float(video.sample_aspect_ratio or 1)
            for frame in container.decode(video):
                yield smaller(frame.to_ndarray(format="rgb24"), aspect, settings)
    except av.FFmpegError:  # of a stream without frames
        return


def read_times(printed: bytes) -> np.ndarray:
    """(F,) int64 microseconds out of what ffmpeg's filter `metadata` prints of each frame."""
    stamps = re.findall(rb"^frame:\d+ +pts:(-?\d+)", printed, re.MULTILINE)
    return np.array([int(stamp) for stamp in stamps], np.int64)


def _command(
    source: Source, segment: Segment, settings: ClipSettings, first: int | None, side: str
) -> list[str]:
    """ffmpeg's arguments: a segment's frames to packets in NUT on stdout, all times to `side`."""
    seek = {}
    if first is not None:
        wanted = first / MICRO + (segment.start_s or 0.0) - SEEK_MARGIN_S
        seek = {"ss": f"{wanted:.6f}", "seek_timestamp": 1, "noaccurate_seek": None}
    picture = _stream(source, **seek)
    if source.interlaced:
        picture = picture.filter("bwdif", mode="send_frame", deint="interlaced")
    picture = _timed(picture, side, from_first=first is None)
    bounds = zip(("start", "end"), segment.bounds, strict=True)
    cut = {
        name: f"{(bound + (first or 0)) / MICRO:.6f}" for name, bound in bounds if bound is not None
    }
    if cut:
        picture = picture.filter("trim", **cut)
    picture = picture.filter("settb", "1/25").filter("setpts", "N")
    if source.hdr:
        picture = _tone_mapped(picture)
    packed = {
        "format": "nut",
        "map_metadata": -1,
        "map_chapters": -1,
        "fps_mode": "passthrough",
        "enc_time_base": "1:25",
    }
    if settings.resampling == "bilinear":  # whole pictures, which are made smaller here
        picture = picture.filter("format", "rgb24")
        packed |= {"vcodec": "rawvideo"}
    else:
        picture = _scaled(picture, settings)
        packed |= {
            "vcodec": CODECS[settings.codec],
            "force_key_frames": f"expr:not(mod(n,{settings.gop}))",
            "bsf:v": "dump_extra",
            **encoder_options(settings),
        }
    output = ffmpeg_python.output(picture, "pipe:", **packed)
    return _compiled(output if first is None else output.global_args("-copyts"))


def _stream(source: Source, **options: Any) -> Any:
    file = ffmpeg_python.input(url(source.path), threads=1, protocol_whitelist=PROTOCOLS, **options)
    return file[str(source.index)]


def _timed(picture: Any, side: str, *, from_first: bool) -> Any:
    """Times in microseconds, printed to `side` for every frame: from the first one that is decoded,
    or as the file has them."""
    picture = picture.filter("settb", "AVTB")
    if from_first:
        picture = picture.filter("setpts", "PTS-STARTPTS")
    marked = picture.filter("metadata", mode="add", key="shown", value=1)
    return marked.filter("metadata", mode="print", key="shown", file=side)


def _tone_mapped(picture: Any) -> Any:
    """HDR to BT.709, as players without an HDR screen show it. Raises VideoError without zscale."""
    if not has("filters", "zscale"):
        raise VideoError("an HDR video: mapping its colours needs an ffmpeg with zscale (libzimg)")
    return (
        picture.filter("zscale", transfer="linear", npl=WHITE_NITS)
        .filter("format", "gbrpf32le")
        .filter("zscale", primaries="bt709")
        .filter("tonemap", tonemap="hable", desat=0)
        .filter("zscale", transfer="bt709", matrix="bt709", range="tv")
        .filter("format", "yuv420p")
    )


def _scaled(picture: Any, settings: ClipSettings) -> Any:
    options = scale_options(settings)
    return picture.filter("scale", **options).filter("setsar", 1).filter("format", "yuv420p")


def scale_options(settings: ClipSettings) -> dict[str, Any]:
    """Options of ffmpeg's filter `scale`: the short side of the shown picture to `short_side`, both
    sides even, colours in BT.601 and limited range."""
    side = settings.short_side
    shape = "dar" if settings.pixel_aspect == "apply" else "a"
    return {
        "w": f"if(gt({shape},1),2*round({side}*{shape}/2),{side})",
        "h": f"if(gt({shape},1),{side},2*round({side}/{shape}/2))",
        **SCALERS[settings.resampling],
        "out_color_matrix": "bt601",
        "out_range": "tv",
    }


def _compiled(output: Any) -> list[str]:
    command: list[str] = (
        output.global_args(*LOGGING)
        .global_args("-filter_complex_threads", "1")
        .compile(cmd=ffmpeg())
    )
    return command


def _explain(log: str) -> str:
    """The reason for a person: a known one with ffmpeg's words, else the log's last error."""
    for words, explanation in EXPLANATIONS.items():
        if words in log:
            return f"{explanation} ({words})"
    errors = [line for line in log.splitlines() if "[error]" in line or "[fatal]" in line]
    last = re.sub(r"\[[^]]*\]\s*", "", errors[-1]) if errors else "it says nothing"
    return f"ffmpeg cannot read the file ({last})"


# What is refused


def _check_any(times: np.ndarray, decoded: np.ndarray, segment: Segment) -> None:
    if len(times):
        return
    if not len(decoded):
        raise VideoError("no frame of the video can be decoded")
    raise VideoError(
        f"the segment from {segment.start_s} s to {segment.end_s} s holds no frame; "
        f"the video's last frame is at {decoded[-1] / MICRO:.2f} s"
    )


def _lost_within(source: Source, segment: Segment, decoded: Decoded, fps: float) -> int:
    """Frames of the segment that lie behind the last one that the file still holds."""
    last_s = decoded.times[-1] / MICRO
    if segment.end_s is None:
        return lost_behind(source, last_s, fps)
    missing = math.floor((segment.end_s - TIME_TOLERANCE_S - last_s) * fps)
    return min(missing, lost_behind(source, last_s, fps)) if missing > 0 else 0


def _faults_within(source: Source, segment: Segment) -> int:
    """Packets of the segment that cannot be decoded, and frames that are concealed."""
    failed, corrupt, first = [], [], None
    with opened(source.path) as container:
        stream = container.streams[source.index]
        for packet in packets(container):
            if packet.stream is not stream:
                continue
            stamp = packet.dts if packet.pts is None else packet.pts
            try:
                frames = packet.decode()
            except av.FFmpegError:
                failed.append(float((stamp or 0) * stream.time_base))
                continue
            for frame in frames:
                first = frame.time if first is None else first
                if frame.is_corrupt and frame.time is not None:
                    corrupt.append(frame.time)
    times = np.array([*failed, *corrupt]) - (first or 0.0)
    return int(segment.holds(np.rint(times * MICRO)).sum())


def _check_share(cause: str, lost: int, frames: int, allowed: float) -> None:
    if lost > allowed * frames:
        raise VideoError(f"{cause}: {min(lost, frames)} of {frames} frames are lost or damaged")


def _check_length(frames: int, settings: ClipSettings) -> None:
    if frames == 1:
        raise VideoError("a single picture, not a video")
    if frames < settings.min_frames:
        raise VideoError(f"too short: {frames} frames, needs {settings.min_frames}")
