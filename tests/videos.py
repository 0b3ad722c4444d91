"""Tiny videos whose every frame can be recognised: its number in blocks, colour bars below.

path = write_video(tmp_path / "a.mp4", kind="h264", frames=40)
frame_numbers(luma)         # [0, 1, 2, …] of (L, H, W) luma or grey frames
bar_colours(rgb)            # (8, 3) mean colours of the bars, to compare with BARS
"""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from unseen.videos.ffmpeg_process import ffmpeg

VOP = b"\0\0\1\xb6"
"""What a picture of MPEG-4 begins with."""
BITS = (2, 5)  # rows and columns of blocks: numbers up to 1023
BARS = np.array(
    [
        (191, 191, 191),
        (191, 191, 0),
        (0, 191, 191),
        (0, 191, 0),
        (191, 0, 191),
        (191, 0, 0),
        (0, 0, 191),
        (16, 16, 16),
    ],
    np.uint8,
)

KINDS = {
    "h264": (".mp4", "-c:v libx264 -preset veryfast -crf 12 -bf 3 -g 30 -pix_fmt yuv420p"),
    "h264_444": (".mkv", "-c:v libx264 -preset veryfast -crf 12 -bf 2 -pix_fmt yuv444p"),
    "h264_709": (
        ".mp4",
        "-vf scale=out_color_matrix=bt709:out_range=tv,format=yuv420p -colorspace bt709"
        " -color_range tv -c:v libx264 -preset veryfast -crf 12 -bf 3",
    ),
    "h264_full": (
        ".mp4",
        "-vf scale=out_color_matrix=bt601:out_range=pc,format=yuv420p -color_range pc"
        " -c:v libx264 -preset veryfast -crf 12",
    ),
    "mpeg4": (".avi", "-c:v mpeg4 -q:v 2 -bf 0 -g 50"),
    "mpeg4_b": (".avi", "-c:v mpeg4 -q:v 2 -bf 2 -g 50 -vtag XVID"),
    "vp9": (".webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 2M -pix_fmt yuv420p"),
    "vp8": (".webm", "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 2M -auto-alt-ref 1"),
    "mjpeg": (".avi", "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p"),
    "mpeg2": (".mpg", "-c:v mpeg2video -q:v 2 -bf 2"),
    "h264_ts": (".ts", "-c:v libx264 -preset veryfast -crf 12 -bf 3 -pix_fmt yuv420p"),
    "vfr": (
        ".mp4",
        "-vf setpts='(N+floor(N/3))/25/TB' -fps_mode passthrough -c:v libx264 -preset veryfast"
        " -crf 12 -bf 3 -pix_fmt yuv420p -video_track_timescale 12800",
    ),
}


def numbered_frame(number: int, width: int, height: int) -> np.ndarray:
    """(H, W, 3) uint8: blocks with the number's bits in the upper half, bars in the lower."""
    rows, columns = BITS
    bits = [number >> bit & 1 for bit in range(rows * columns)]
    blocks = np.array(bits, np.uint8).reshape(rows, columns) * 203 + 16
    upper = blocks[_cells(height // 2, rows)][:, _cells(width, columns)]
    lower = BARS[_cells(width, len(BARS))]
    frame = np.empty((height, width, 3), np.uint8)
    frame[: height // 2] = upper[:, :, None]
    frame[height // 2 :] = lower
    return frame


def numbered_frames(frames: int, width: int, height: int) -> np.ndarray:
    """(L, H, W, 3) uint8, numbered from 0."""
    return np.stack([numbered_frame(number, width, height) for number in range(frames)])


def write_video(
    path: Path,
    *,
    kind: str = "h264",
    frames: int | np.ndarray = 40,
    size: tuple[int, int] = (96, 64),
    fps: float = 25,
    options: str = "",
) -> Path:
    """Write a video of one of `KINDS`: `frames` numbered frames, or the given (L, H, W, 3) ones.

    `size` is width and height; `options` go to ffmpeg before the output. The path's ending decides
    the container; without one it gets the kind's own. Returns the path.
    """
    suffix, encoding = KINDS[kind]
    path = path if path.suffix else path.with_suffix(suffix)
    if isinstance(frames, int):
        frames = numbered_frames(frames, *size)
    height, width = frames.shape[1:3]
    source = f"-f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {fps} -i pipe:"
    command = [ffmpeg(), "-y", "-v", "error", *source.split(), *_split(encoding), *options.split()]
    subprocess.run([*command, f"file:{path}"], input=frames.tobytes(), check=True)
    return path


def rotate_mp4(path: Path, degrees: int) -> Path:
    """Write a rotation (clockwise, when shown) into the track header of an MP4, in place."""
    matrices = {
        90: (0, 1, -1, 0),
        180: (-1, 0, 0, -1),
        270: (0, -1, 1, 0),
    }
    a, b, c, d = (value << 16 for value in matrices[degrees])
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4").tobytes()
    content = bytearray(path.read_bytes())
    begin = content.index(b"tkhd") + 4 + 40
    content[begin : begin + len(matrix)] = matrix
    path.write_bytes(content)
    return path


def not_coded(source: Path, target: Path, every: int) -> Path:
    """MPEG-4 with each `every`th frame "not coded" (an N-VOP), as XviD and DivX write it."""
    with av.open(str(source)) as read, av.open(str(target), "w") as write:
        stream = write.add_stream_from_template(read.streams.video[0])
        packets = [packet for packet in read.demux(video=0) if packet.size]
        for number, packet in enumerate(packets):
            if number % every == every - 1 and not packet.is_keyframe:
                empty = av.Packet(empty_vop(number))
                empty.pts, empty.dts = packet.pts, packet.dts
                empty.time_base, empty.duration = packet.time_base, packet.duration
                packet = empty
            packet.stream = stream
            write.mux(packet)
    return target


def empty_vop(number: int) -> bytes:
    """An N-VOP of MPEG-4 at 25 frames a second."""
    bits = f"0101{number % 25:05b}100"
    bits += "1" * (-len(bits) % 8)
    return VOP + int(bits, 2).to_bytes(len(bits) // 8, "big")


def packed(source: Path, target: Path) -> Path:
    """MPEG-4 with B-frames as DivX packs it into AVI: a frame in one packet with the B-frame behind
    it, and later an N-VOP in that one's place."""
    with av.open(str(source)) as read, av.open(str(target), "w") as write:
        stream = write.add_stream_from_template(read.streams.video[0])
        units = [bytes(packet) for packet in read.demux(video=0) if packet.size]
        is_b = [unit[unit.index(VOP) + 4] >> 6 == 2 for unit in units]
        units[0] = units[0].replace(VOP, b"\0\0\1\xb2DivX503b1393p" + VOP, 1)
        made: list[bytes] = []
        owed = False
        for number, unit in enumerate(units):
            starts = is_b[number] and not is_b[number - 1]
            if starts:
                made[-1] += unit
            elif not is_b[number] and owed:
                made += [empty_vop(number), unit]
                owed = False
            else:
                made.append(unit)
            owed |= starts
        for number, unit in enumerate(made + [empty_vop(0)] * owed):
            packet = av.Packet(unit)
            packet.pts, packet.dts, packet.stream = None, number, stream
            packet.time_base, packet.is_keyframe = (
                Fraction(1, 25),
                VOP in unit and not (unit[unit.index(VOP) + 4] >> 6),
            )
            write.mux(packet)
    return target


def frame_numbers(luma: np.ndarray) -> list[int]:
    """Numbers of (L, H, W) luma or grey frames made by `numbered_frame`, at any scale."""
    rows, columns = BITS
    height, width = luma.shape[1] // 2, luma.shape[2]
    ys = (np.arange(rows) * 2 + 1) * height // (2 * rows)
    xs = (np.arange(columns) * 2 + 1) * width // (2 * columns)
    bits = luma[:, ys][:, :, xs].reshape(len(luma), -1) > 110
    return (bits @ (1 << np.arange(rows * columns))).tolist()


def bar_colours(rgb: np.ndarray) -> np.ndarray:
    """(8, 3) mean colour in the middle of each bar of one (H, W, 3) frame, in its own units."""
    height, width = rgb.shape[:2]
    band = rgb[height * 5 // 8 : height * 7 // 8]
    centres = (np.arange(len(BARS)) * 2 + 1) * width // (2 * len(BARS))
    reach = max(1, width // (4 * len(BARS)))
    return np.stack([band[:, x - reach // 2 : x + reach].mean(axis=(0, 1)) for x in centres])


def _cells(length: int, count: int) -> np.ndarray:
    """(length,) the cell of each pixel when a side is divided in `count`."""
    return np.arange(length) * count // length


def _split(options: str) -> list[str]:
    return [option.strip("'") for option in options.split()]
