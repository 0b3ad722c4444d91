"""Seeking gives the frames of decoding from the start, bit for bit, in whatever way a file is made.

What is compared with is what the pipeline stores with a codec that loses nothing.
"""

import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from videos import (
    frame_numbers,
    not_coded,
    numbered_frames,
    packed,
    rotate_mp4,
    write_video,
)

from unseen.videos import footage as footage_module
from unseen.videos import transcoding
from unseen.videos.ffmpeg_process import ffmpeg
from unseen.videos.footage import Unsure, open_footage, stored_footage
from unseen.videos.probing import VideoError
from unseen.videos.settings import ClipSettings
from unseen.videos.transcoding import transcode

SETTINGS = ClipSettings(min_frames=2, short_side=64)
LOSSLESS = replace(SETTINGS, codec="h264", quality=0)
FRAMES = 200
SIZE = (160, 96)


def call(*arguments: object) -> None:
    subprocess.run([ffmpeg(), "-y", "-v", "error", *map(str, arguments)], check=True)


def plain(ending: str, options: str = "", kind: str = "h264") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / f"a{ending}"
        return write_video(path, kind=kind, frames=FRAMES, size=SIZE, options=options)

    return write


def edit_list(folder: Path) -> Path:
    """Begins in the middle of a group of pictures, whose first samples are hidden."""
    source = plain(".mp4", "-bf 2 -g 40 -sc_threshold 0")(folder)
    call("-ss", "1.02", "-i", source, "-c", "copy", folder / "cut.mp4")
    with av.open(str(folder / "cut.mp4")) as container:
        assert any(packet.is_discard for packet in container.demux(video=0))
    return folder / "cut.mp4"


def early_end(folder: Path) -> Path:
    path = plain(".mp4", "-bf 2 -g 40")(folder)
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12
    length = struct.unpack(">I", data[at : at + 4])[0]
    data[at : at + 4] = struct.pack(">I", length * 3 // 4)
    path.write_bytes(data)
    return path


def alternate_references(encoder: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        source = plain(".avi", kind="mjpeg")(folder)
        options = f"-c:v {encoder} -b:v 300k -g 60 -auto-alt-ref 1 -lag-in-frames 16 -cpu-used 5"
        for number in (1, 2):
            shared = ["-i", source, *options.split(), "-pass", number, "-passlogfile", folder / "l"]
            call(*shared, *(["-f", "null", "-"] if number == 1 else [folder / "a.webm"]))
        return folder / "a.webm"

    return write


def frames_not_coded(folder: Path) -> Path:
    """N-VOPs in Matroska, where packets without a picture have times like others."""
    still = numbered_frames(FRAMES, *SIZE)[[n - (n % 12 == 11) for n in range(FRAMES)]]
    source = write_video(folder / "a.avi", kind="mpeg4", frames=still, options="-g 40")
    return not_coded(source, folder / "a.mkv", every=12)


def packed_frames(folder: Path) -> Path:
    return packed(plain(".avi", kind="mpeg4_b")(folder), folder / "packed.avi")


def turned(folder: Path) -> Path:
    return rotate_mp4(plain(".mp4")(folder), 90)


X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=0:keyint=40"
FILES = {
    "b-frames": (plain(".mp4"), True),
    "matroska": (plain(".mkv", "-g 40"), True),
    "4:4:4": (plain(".mkv", kind="h264_444"), True),
    "bt709": (plain(".mp4", kind="h264_709"), True),
    "full range": (plain(".mp4", kind="h264_full"), True),
    "turned": (turned, True),
    "pixel aspect": (plain(".mp4", "-vf setsar=4/3"), True),
    "open gop": (plain(".mp4", "-x264opts open-gop=1:bframes=3:keyint=40"), True),
    "open gop hevc": (plain(".mp4", f"{X265}:open-gop=1:bframes=3"), True),
    "open gop mkv": (plain(".mkv", f"{X265}:open-gop=1:bframes=3"), True),
    "edit list": (edit_list, True),
    "early end": (early_end, True),
    "vp9 alternate references": (alternate_references("libvpx-vp9"), True),
    "vp8 alternate references": (alternate_references("libvpx"), False),
    "not coded": (frames_not_coded, False),
    "xvid": (plain(".avi", kind="mpeg4_b"), False),
    "packed b-frames": (packed_frames, False),
    "transport stream": (plain(".ts", kind="h264_ts"), False),
    "mpeg": (plain(".mpg", kind="mpeg2"), False),
}
"""How files are made, and whether they can be sought."""


@pytest.fixture(scope="module", params=FILES)
def made(request, tmp_path_factory) -> tuple[Path, bool]:
    write, sought = FILES[request.param]
    return write(tmp_path_factory.mktemp("footage")), sought


def test_frames_are_those_of_the_pipeline(made) -> None:
    path, sought = made
    found, expected = (
        open_footage(path, SETTINGS),
        stored_footage(transcode(path, settings=LOSSLESS)),
    )
    assert found is not None and (found.keys is not None) == sought
    assert np.array_equal(found.times, expected.times)
    assert (found.height, found.width) == (expected.height, expected.width)
    everything = expected.read(np.arange(len(expected.times)))
    rng = np.random.default_rng(0)
    for _ in range(6):
        count = int(rng.integers(1, 12))
        indices = np.sort(rng.choice(len(everything), count, replace=False))
        assert np.array_equal(found.read(indices), everything[indices])


@pytest.mark.parametrize("resampling", ["bicubic", "bilinear"])
def test_frames_made_smaller_in_other_ways_are_those_of_the_pipeline(made, resampling: str) -> None:
    path, _ = made
    found = open_footage(path, replace(SETTINGS, resampling=resampling))
    expected = stored_footage(transcode(path, settings=replace(LOSSLESS, resampling=resampling)))
    indices = np.array([3, 70, 71])
    assert found is not None and np.array_equal(found.times, expected.times)
    assert np.array_equal(found.read(indices), expected.read(indices))


def test_a_late_segment_is_that_of_decoding_from_the_start(made, monkeypatch) -> None:
    path, _ = made
    start = transcode(path, start_s=3.0, end_s=4.5, settings=SETTINGS)
    monkeypatch.setattr(transcoding, "SEEK_FROM_S", 2.5)
    monkeypatch.setattr(transcoding, "SEEK_MARGIN_S", 0.1)
    late = transcode(path, start_s=3.0, end_s=4.5, settings=SETTINGS)
    assert late.packets == start.packets and np.array_equal(late.times, start.times)


def test_no_more_is_decoded_than_from_the_key_frame_on(tmp_path, monkeypatch) -> None:
    path = plain(".mp4", "-g 25 -sc_threshold 0 -bf 0")(tmp_path)
    seen: list[int] = []
    decode = footage_module._Reader._decode_from

    def counted(self, *key):
        for frame in decode(self, *key):
            seen.append(frame.pts)
            yield frame

    monkeypatch.setattr(footage_module._Reader, "_decode_from", counted)
    found = open_footage(path, SETTINGS)
    seen.clear()
    found.read(np.array([110, 130, 131]))
    assert len(seen) == (110 - 100 + 1) + (131 - 125 + 1)


def zeroed(folder: Path) -> Path:
    path = plain(".mp4", "-bf 0 -g 25 -sc_threshold 0")(folder)
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    for position, size in packets[75:85]:
        data[position : position + size] = bytes(size)
    path.write_bytes(data)
    return path


def test_damage_is_noticed_where_it_is_read(tmp_path) -> None:
    found = open_footage(zeroed(tmp_path), SETTINGS)
    assert len(found.read(np.arange(110, 130))) == 20
    with pytest.raises(Unsure):
        found.read(np.arange(70, 90))


def test_a_picture_that_recovers_step_by_step_is_left_to_the_pipeline(tmp_path) -> None:
    """Key frames from which only a part of the picture is right at first."""
    path = plain(".mp4", "-x264opts intra-refresh=1:keyint=40")(tmp_path)
    found = open_footage(path, SETTINGS)
    if found is not None:
        with pytest.raises(Unsure):
            found.read(np.array([150]))


def test_what_only_decoding_tells_is_left_to_the_pipeline(tmp_path) -> None:
    cut = plain(".mp4", "-movflags +faststart")(tmp_path)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 2 // 3])
    assert open_footage(cut, SETTINGS) is None
    broken = tmp_path / "broken.avi"
    content = bytearray(write_video(broken, kind="mpeg4", frames=60, size=SIZE).read_bytes())
    content[len(content) // 2 : len(content) // 2 + 2000] = bytes(2000)
    broken.write_bytes(content)
    assert open_footage(broken, SETTINGS) is None
    with pytest.raises(VideoError):
        open_footage(Path(__file__), SETTINGS)


@pytest.mark.parametrize(("ending", "kind"), [(".ts", "h264_ts"), (".avi", "mpeg4_b")])
def test_a_long_file_without_an_index_is_decoded_again(ending, kind, tmp_path, monkeypatch) -> None:
    """For what is wanted alone, which are the frames of the pipeline; never for too many."""
    monkeypatch.setattr(footage_module, "KEPT_BYTES", 100_000)
    path = plain(ending, kind=kind)(tmp_path)
    found = open_footage(path, SETTINGS)
    expected = stored_footage(transcode(path, settings=LOSSLESS))
    assert found is not None and isinstance(found.held, footage_module.Again)
    assert np.array_equal(found.times, expected.times)
    indices = np.array([0, 3, 70, len(found.times) - 1])
    assert np.array_equal(found.held.only(indices).read(indices), expected.read(indices))
    assert np.array_equal(found.read(indices[1:3]), expected.read(indices[1:3]))
    monkeypatch.setattr(footage_module, "WANTED_BYTES", 100_000)
    with pytest.raises(Unsure):
        found.held.only(np.arange(len(found.times)))


def animation(path: Path, **options: object) -> Path:
    first, *others = [Image.fromarray(frame) for frame in numbered_frames(12, 96, 64)]
    first.save(path, save_all=True, append_images=others, duration=100, loop=0, **options)
    return path


@pytest.mark.parametrize("name", ["a.gif", "a.png"])
def test_animated_pictures_are_videos(name: str, tmp_path) -> None:
    path = animation(tmp_path / name)
    for made in (open_footage(path, SETTINGS), stored_footage(transcode(path, settings=SETTINGS))):
        assert made.times == pytest.approx(np.arange(12) / 10, abs=1e-3)
        assert frame_numbers(made.read(np.arange(12))[:, :64]) == list(range(12))


def test_an_animated_webp_is_refused_where_libav_cannot_decode_it(tmp_path) -> None:
    with pytest.raises(VideoError, match="no video that ffmpeg knows"):
        open_footage(animation(tmp_path / "a.webp", lossless=True), SETTINGS)
