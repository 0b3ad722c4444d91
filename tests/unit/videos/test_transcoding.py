"""Transcoding: the right frames, the right way up, in the right colours."""

import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from videos import (
    BARS,
    KINDS,
    bar_colours,
    frame_numbers,
    numbered_frames,
    rotate_mp4,
    write_video,
)

from unseen.base.errors import UserError
from unseen.videos import ffmpeg_process
from unseen.videos.bilinear import rgb_to_i420
from unseen.videos.clip_store import ClipStore
from unseen.videos.colour import i420_to_rgb
from unseen.videos.encoding import EncodedClip, check_encoder, encode_frames
from unseen.videos.probing import VideoError
from unseen.videos.settings import ClipSettings, clip_settings
from unseen.videos.shards import StoredClip, write_shard
from unseen.videos.transcoding import Segment, transcode

COLOUR_TOLERANCE = 4  # of 255, mean of a bar: two lossy codings and one conversion


def decoded(clip: EncodedClip, path: Path) -> np.ndarray:
    """The clip's frames, (L, H * 3 // 2, W) uint8 I420, through a store at `path`."""
    stored = [StoredClip("clip", "clip", "", clip)]
    write_shard(path, stored, settings={"codec": clip.codec}, listed=1)
    return ClipStore([path]).read_all(0)


def luma(i420: np.ndarray) -> np.ndarray:
    return i420[:, : i420.shape[1] * 2 // 3]


@pytest.fixture(params=["system", "bundled"])
def each_ffmpeg(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test with the system's ffmpeg and with imageio-ffmpeg's."""
    ffmpeg_process.ffmpeg.cache_clear()
    if request.param == "system":
        binary = shutil.which("ffmpeg")
        if binary is None:
            pytest.skip("no ffmpeg is installed beside imageio-ffmpeg's")
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", binary)
    yield ffmpeg_process.ffmpeg()
    ffmpeg_process.ffmpeg.cache_clear()


@pytest.mark.parametrize("kind", KINDS)
def test_frame_n_is_frame_n_in_its_colours(kind: str, each_ffmpeg: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / "source", kind=kind, frames=33, size=(104, 72))
    frames = decoded(transcode(path, settings=ClipSettings()), tmp_path / "a.h5")
    assert frames.shape == (33, 192, 184)
    assert frame_numbers(luma(frames)) == list(range(33))
    for frame in (0, 16, 32):
        rgb = i420_to_rgb(torch.from_numpy(frames[frame])).permute(1, 2, 0).numpy() * 255
        assert np.abs(bar_colours(rgb) - BARS).max() < COLOUR_TOLERANCE


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_applied(degrees: int, each_ffmpeg: str, tmp_path: Path) -> None:
    upright = numbered_frames(12, 104, 72)
    turned = np.ascontiguousarray(np.rot90(upright, degrees // 90, axes=(1, 2)))
    path = rotate_mp4(write_video(tmp_path / "a.mp4", frames=turned), degrees)
    frames = decoded(transcode(path, settings=ClipSettings()), tmp_path / "a.h5")
    assert frames.shape == (12, 192, 184)
    assert frame_numbers(luma(frames)) == list(range(12))


@pytest.mark.parametrize(
    ("size", "short_side", "expected"),
    [
        ((340, 256), 128, (128, 170)),
        ((101, 75), 128, (128, 172)),
        ((75, 101), 128, (172, 128)),
        ((64, 64), 112, (112, 112)),
        ((64, 48), 128, (128, 170)),
    ],
)
def test_short_side_is_scaled_to_the_same_and_sizes_are_even(
    size: tuple[int, int], short_side: int, expected: tuple[int, int], tmp_path: Path
) -> None:
    path = write_video(tmp_path / "a.mkv", kind="h264_444", frames=8, size=size)
    clip = transcode(path, settings=ClipSettings(short_side=short_side))
    assert (clip.height, clip.width) == expected


@pytest.mark.parametrize("kind", ["h264", "mpeg4", "mpeg4_b", "vp9", "h264_ts", "mpeg2"])
def test_segments_begin_and_end_at_the_frame(kind: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / "source", kind=kind, frames=60)
    clip = transcode(path, start_s=0.4, end_s=0.96, settings=ClipSettings())
    assert frame_numbers(luma(decoded(clip, tmp_path / "a.h5"))) == list(range(10, 24))


def test_segments_of_variable_rate_go_by_time_stamps(tmp_path: Path) -> None:
    path = write_video(tmp_path / "source", kind="vfr", frames=40)
    times = (np.arange(40) + np.arange(40) // 3) / 25
    clip = transcode(path, start_s=0.5, end_s=1.5, settings=ClipSettings())
    expected = np.flatnonzero((times >= 0.5) & (times < 1.5)).tolist()
    assert frame_numbers(luma(decoded(clip, tmp_path / "a.h5"))) == expected


def test_segment_end_beyond_the_video_takes_what_is_there(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=30)
    clip = transcode(path, start_s=0.8, end_s=60, settings=ClipSettings())
    assert frame_numbers(luma(decoded(clip, tmp_path / "a.h5"))) == list(range(20, 30))


def test_frames_hidden_by_an_edit_list_are_not_counted(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", frames=60)
    cut = tmp_path / "cut.mp4"
    command = [
        ffmpeg_process.ffmpeg(),
        "-v",
        "error",
        "-ss",
        "0.6",
        "-i",
        source,
        "-c",
        "copy",
        cut,
    ]
    subprocess.run(command, check=True)
    numbers = frame_numbers(luma(decoded(transcode(cut, settings=ClipSettings()), tmp_path / "s")))
    assert numbers == list(range(numbers[0], 60))
    assert numbers[0] >= 14


def test_a_sound_that_begins_on_the_way_does_no_harm(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (25, 64, 96, 3), dtype=np.uint8)
    silent = write_video(tmp_path / "a.ts", kind="h264_ts", frames=noise)
    sound = tmp_path / "b.ts"
    command = [
        ffmpeg_process.ffmpeg(),
        "-v",
        "error",
        "-i",
        silent,
        "-f",
        "lavfi",
        "-i",
        "sine=d=1",
    ]
    subprocess.run([*command, "-c:v", "copy", sound], check=True)
    both = tmp_path / "both.ts"
    both.write_bytes(silent.read_bytes() * 4 + sound.read_bytes() + silent.read_bytes() * 4)
    assert len(transcode(both, settings=ClipSettings()).packets) == 25 * 9


def test_segment_frames_are_those_with_start_before_end() -> None:
    times = np.arange(100) / 30

    def held(start_s: float | None, end_s: float | None, digits: int = 6) -> list[int]:
        micro = np.rint(np.round(times, digits) * 1e6).astype(np.int64)
        return np.flatnonzero(Segment(start_s, end_s).holds(micro)).tolist()

    assert held(None, None) == list(range(100))
    assert held(1.0, 2.0) == list(range(30, 60))
    assert held(1 / 30, 2 / 30, digits=3) == [1]


@pytest.mark.parametrize("codec", ["mpeg4", "h264"])
@pytest.mark.parametrize("gop", [4, 8])
def test_key_frames_lie_a_gop_apart(codec: str, gop: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (30, 64, 96, 3), dtype=np.uint8)
    path = write_video(tmp_path / "a.mp4", frames=frames)
    clip = transcode(path, settings=ClipSettings(codec=codec, gop=gop))
    assert clip.key_frames.tolist() == [n // gop * gop for n in range(30)]


@pytest.mark.parametrize("codec", ["mpeg4", "h264"])
def test_transcoding_twice_gives_the_same_bytes(codec: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=20)
    settings = ClipSettings(codec=codec)
    assert transcode(path, settings=settings).packets == transcode(path, settings=settings).packets


@pytest.mark.parametrize(
    "name", ["-i.mp4", "a b'c\"(1),[2];é😀.mp4", "http:x.mp4", "100%d.mp4", "a\\b:c|d.mp4"]
)
def test_names_are_taken_literally(name: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=10).rename(tmp_path / name)
    assert len(transcode(path, settings=ClipSettings()).packets) == 10


def test_metadata_in_another_encoding_do_no_harm(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", kind="mpeg4", options="-metadata title=QQQQQ")
    content = path.read_bytes()
    assert b"QQQQQ" in content
    path.write_bytes(content.replace(b"QQQQQ", b"\xe9t\xe9\xff\xfe"))
    assert len(transcode(path, settings=ClipSettings()).packets) == 40


def test_damage_below_the_limit_is_kept(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 64, 96, 3), dtype=np.uint8)
    path = write_video(tmp_path / "a.avi", kind="mpeg4", frames=noise)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.95)])
    with pytest.raises(VideoError):
        transcode(path, settings=ClipSettings(damaged=0))
    assert 54 <= len(transcode(path, settings=ClipSettings(damaged=0.1)).packets) < 60


@pytest.mark.parametrize("codec", ["mpeg4", "h264"])
def test_encoded_frames_come_back(codec: str, tmp_path: Path) -> None:
    frames = numbered_frames(16, 112, 112)
    clip = encode_frames(frames, ClipSettings(codec=codec))
    assert (clip.height, clip.width) == (112, 112)
    assert clip.key_frames.tolist() == [0] * 8 + [8] * 8
    i420 = decoded(clip, tmp_path / "a.h5")
    assert np.array_equal(ClipStore([tmp_path / "a.h5"]).read(0, np.array([13]))[0], i420[13])
    rgb = i420_to_rgb(torch.from_numpy(i420)).numpy() * 255
    assert rgb.shape == (16, 3, 112, 112)
    error = rgb.transpose(0, 2, 3, 1) - frames
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 28
    assert np.abs(bar_colours(rgb[7].transpose(1, 2, 0)) - BARS).max() < COLOUR_TOLERANCE


def nearest(rgb: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(rgb_to_i420(rgb.permute(1, 2, 0).numpy()))


def test_rgb_to_i420_goes_back() -> None:
    """Colours that four pixels share come back but for rounding; of others, nearer pictures than
    a mean of the luma would give."""
    rng = np.random.default_rng(0)
    blocks = torch.from_numpy(rng.integers(0, 256, (3, 3, 8, 10))).float()
    shared = blocks.repeat_interleave(2, -1).repeat_interleave(2, -2)
    for one in shared:
        assert (i420_to_rgb(nearest(one)) * 255 - one).abs().max() < 2.5
    fine = torch.from_numpy(rng.integers(100, 156, (3, 16, 20))).float()
    pictures = av.VideoFrame.from_ndarray(fine.byte().permute(1, 2, 0).numpy(), format="rgb24")
    plain = torch.from_numpy(pictures.reformat(format="yuv420p").to_ndarray())
    errors = [(i420_to_rgb(one) * 255 - fine).abs().mean() for one in (nearest(fine), plain)]
    assert errors[0] < 0.95 * errors[1]


def test_i420_to_rgb_is_bt601() -> None:
    luma_of = {(255, 255, 255): 235, (0, 0, 0): 16, (255, 0, 0): 81, (0, 0, 255): 41}
    for colour, expected in luma_of.items():
        command = [ffmpeg_process.ffmpeg(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += ["-s", "4x4", "-i", "-", "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"]
        done = subprocess.run(command, input=bytes(colour) * 16, capture_output=True, check=True)
        i420 = np.frombuffer(done.stdout, np.uint8).reshape(6, 4)
        assert abs(int(i420[0, 0]) - expected) <= 1
        rgb = i420_to_rgb(torch.from_numpy(i420.copy()))
        assert rgb.shape == (3, 4, 4)
        assert torch.allclose(rgb * 255, torch.tensor(colour).view(3, 1, 1).float(), atol=3)


def test_settings_name_what_is_wrong() -> None:
    assert clip_settings({"codec": "h264"}).quality == 16
    assert clip_settings({}).quality == 2
    for values, words in (
        ({"codex": "h264"}, "codex"),
        ({"codec": "av2"}, "av2"),
        ({"short_side": 127}, "127"),
        ({"gop": 0}, "gop"),
    ):
        with pytest.raises(UserError, match=words):
            clip_settings(values)


def test_an_ffmpeg_that_is_too_old_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "ffmpeg"
    old.write_text("#!/bin/sh\necho 'ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright'\n")
    old.chmod(0o755)
    ffmpeg_process.ffmpeg.cache_clear()
    bundled = ffmpeg_process.ffmpeg()
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(old))
    ffmpeg_process.ffmpeg.cache_clear()
    with pytest.raises(UserError, match=f"{old} is too old: .* 5.1 or newer"):
        ffmpeg_process.ffmpeg()
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
    ffmpeg_process.ffmpeg.cache_clear()
    with pytest.raises(UserError, match="none, which is no program"):
        ffmpeg_process.ffmpeg()
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(old))
    old.write_text("#!/bin/sh\necho 'ffmpeg version N-12345-gabcdef Copyright'\n")
    ffmpeg_process.ffmpeg.cache_clear()
    assert ffmpeg_process.ffmpeg() == str(old) != bundled
    with pytest.raises(UserError, match="no encoder mpeg4"):
        check_encoder(ClipSettings())
    ffmpeg_process.ffmpeg.cache_clear()
