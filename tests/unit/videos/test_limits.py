"""Files that claim absurd sizes: refused with the limit, in little memory and time."""

import resource
import struct
import subprocess
import zlib
from pathlib import Path

import av
import pytest
from PIL import Image
from videos import write_video

from unseen.videos.ffmpeg_process import ffmpeg
from unseen.videos.footage import open_footage
from unseen.videos.kenburns import PhotographError, open_photograph
from unseen.videos.probing import VideoError
from unseen.videos.settings import ClipSettings
from unseen.videos.transcoding import transcode

SIDE = 60_000
CLAIMED = 1_000_000_000
SUBTITLE = 1 << 30
MEMORY = 512 << 20
"""Bytes that this process may take for a file of claims."""


@pytest.fixture(autouse=True)
def in_little_memory():
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = peak("VmRSS")
    yield
    assert peak("VmHWM") - before < MEMORY


def peak(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(key))


def png(path: Path, side: int) -> None:
    """A picture of one colour: all its rows in some kilobytes a million pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side)) for _ in range(side // 100))
    header = struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", rows + packer.flush())
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("ending", ["png", "bmp", "gif", "tif"])
def test_a_picture_of_absurd_size_is_refused_with_the_limit(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    side = SIDE.to_bytes(4, "little")
    if ending == "png":
        png(path, SIDE)
    else:
        Image.new("L", (300, 301)).save(path)
        content = path.read_bytes()
        width = 2 if ending in ("gif", "tif") else 4
        for small in (300, 301):
            content = content.replace(small.to_bytes(width, "little"), side[:width])
        path.write_bytes(content)
    with pytest.raises(PhotographError, match="too large: at most 178,956,970 pixels are read"):
        open_photograph(path, 112)


@pytest.mark.parametrize("side", [16_000, SIDE])  # ffmpeg has a limit of its own, between them
def test_a_video_of_absurd_size_is_refused_with_the_limit(tmp_path, side):
    """Of a codec whose pictures do not say their size themselves."""
    codec = {"kind": "mpeg4", "options": "-c:v ffv1 -pix_fmt yuv420p"}
    path = write_video(tmp_path / "a.avi", frames=10, size=(300, 302), **codec)
    content = path.read_bytes()
    small, large = (struct.pack("<2I", *size) for size in ((300, 302), (side, side)))
    assert content.count(small) >= 2
    path.write_bytes(content.replace(small, large))
    level = av.logging.get_level()
    reason = f"too large: {side}x{side} pixels, at most 37,748,736 are read"
    for read in (transcode, open_footage):
        with pytest.raises(VideoError, match=reason):
            read(path, settings=ClipSettings())
    assert av.logging.get_level() == level


def test_an_mp4_that_claims_a_billion_frames_is_refused(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=20)
    content = bytearray(path.read_bytes())
    sizes, times, chunks = (content.index(kind) for kind in (b"stsz", b"stts", b"stsc"))
    content[sizes + 8 : sizes + 16] = struct.pack(">2I", 1, CLAIMED)
    content[times + 12 : times + 16] = struct.pack(">I", CLAIMED)
    content[chunks + 16 : chunks + 20] = struct.pack(">I", CLAIMED)
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"damaged|truncated"):
        transcode(path, settings=ClipSettings(timeout_s=60))


def test_an_avi_that_claims_a_billion_frames_is_truncated(tmp_path):
    path = write_video(tmp_path / "a.avi", kind="mpeg4", frames=20)
    content = bytearray(path.read_bytes())
    for kind, place in ((b"avih", 24), (b"strh", 40)):
        start = content.index(kind) + place
        assert content[start : start + 4] == struct.pack("<I", 20)
        content[start : start + 4] = struct.pack("<I", CLAIMED)
    path.write_bytes(content)
    with pytest.raises(VideoError, match="truncated: 999999980 of 1000000000 frames"):
        transcode(path, settings=ClipSettings(timeout_s=60))


def test_a_subtitle_of_a_gigabyte_is_passed_over(tmp_path):
    """The video beside it is read; the subtitle lies in a hole of the file."""
    video = write_video(tmp_path / "a.mp4", frames=20)
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:00,700\nHello\n")
    path = tmp_path / "b.mp4"
    inputs = ["-i", f"file:{video}", "-i", f"file:{tmp_path / 'a.srt'}"]
    codecs = ["-map", "0:v", "-map", "1:s", "-c:v", "copy", "-c:s", "mov_text"]
    subprocess.run([ffmpeg(), "-v", "error", *inputs, *codecs, f"file:{path}"], check=True)
    content = bytearray(path.read_bytes())
    sizes, places = content.rindex(b"stsz"), content.rindex(b"stco")
    content[sizes + 16 : sizes + 20] = struct.pack(">I", SUBTITLE)
    content[places + 12 : places + 16] = struct.pack(">I", len(content))
    path.write_bytes(content)
    with path.open("ab") as stream:
        stream.truncate(len(content) + SUBTITLE)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert len(transcode(path, settings=ClipSettings(timeout_s=60)).packets) == 20
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss - before < MEMORY >> 10
