"""Frames by the time that a player shows, in files as people have them, and a run over random ones.

The frames of these files show their own number, so that whatever is decoded can be told.
"""

import itertools
import os
import random
import struct
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from videos import frame_numbers, not_coded, numbered_frames, write_video

from unseen.videos import transcoding
from unseen.videos.clip_store import ClipStore
from unseen.videos.encoding import EncodedClip, encode_frames, frame_rate
from unseen.videos.ffmpeg_process import ffmpeg
from unseen.videos.probing import VideoError, probe
from unseen.videos.settings import ClipSettings
from unseen.videos.shards import StoredClip, write_shard
from unseen.videos.transcoding import transcode
from unseen.videos.windows import duration, windows

SETTINGS = ClipSettings(min_frames=2)


def clip_of(path: Path, start_s: float | None = None, end_s: float | None = None) -> EncodedClip:
    return transcode(path, start_s=start_s, end_s=end_s, settings=SETTINGS)


def luma_of(clip: EncodedClip, folder: Path) -> np.ndarray:
    """(L, H, W) uint8: the brightness of a clip's frames, through a store."""
    stored = [StoredClip("a", "a", "", clip)]
    write_shard(folder / "a.h5", stored, settings={"codec": clip.codec}, listed=1)
    frames = ClipStore([folder / "a.h5"]).read_all(0)
    return frames[:, : frames.shape[1] * 2 // 3]


def numbers_of(clip: EncodedClip, folder: Path) -> list[int]:
    """The numbers that a clip's frames show."""
    return frame_numbers(luma_of(clip, folder))


def call(*arguments: object) -> None:
    subprocess.run([ffmpeg(), "-y", "-v", "error", *map(str, arguments)], check=True)


def expected(first: int, last: int) -> list[int]:
    return list(range(first, last))


# Files as people have them


@pytest.fixture(scope="module")
def altref(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two-pass VP8, whose alternate reference frames are packets that show nothing."""
    folder = tmp_path_factory.mktemp("altref")
    source = write_video(folder / "source.avi", kind="mjpeg", frames=700)
    options = "-c:v libvpx -b:v 300k -auto-alt-ref 1 -lag-in-frames 16 -arnr-maxframes 7"
    options += " -arnr-strength 5 -deadline good -cpu-used 5"
    for number in (1, 2):
        shared = ["-i", source, *options.split(), "-pass", number, "-passlogfile", folder / "log"]
        call(*shared, *(["-f", "null", "-"] if number == 1 else [folder / "vp8.webm"]))
    with av.open(str(folder / "vp8.webm")) as container:
        packets = sum(packet.size > 0 for packet in container.demux(video=0))
    assert packets > 700
    return folder / "vp8.webm"


@pytest.mark.parametrize(("start_s", "end_s"), [(2, 4), (21, 25), (26, 28)])
def test_packets_that_show_nothing(altref: Path, tmp_path: Path, start_s: int, end_s: int) -> None:
    clip = clip_of(altref, start_s, end_s)
    assert numbers_of(clip, tmp_path) == expected(start_s * 25, end_s * 25)
    assert clip.times[0] == pytest.approx(start_s, abs=1e-3) and clip.fps == pytest.approx(25)


def test_frames_that_are_not_coded(tmp_path: Path) -> None:
    still = numbered_frames(200, 96, 64)[[n - (n % 12 == 11) for n in range(200)]]
    source = write_video(tmp_path / "source.avi", kind="mpeg4", frames=still, options="-g 300")
    path = not_coded(source, tmp_path / "nvop.avi", every=12)
    shown = [n for n in range(200) if n % 12 != 11]
    clip = clip_of(path, 2, 6)
    assert numbers_of(clip, tmp_path) == [n for n in shown if 50 <= n < 150]
    whole = clip_of(path)
    assert numbers_of(whole, tmp_path) == shown
    assert duration(whole.times) == pytest.approx(8.0)
    assert len(clip_of(path, 7, 8).packets) == sum(n >= 175 for n in shown)


def zeroed(source: Path, target: Path, first: int, last: int) -> Path:
    """A video whose packets `first` to `last - 1` are overwritten with zeros."""
    with av.open(str(source)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(source.read_bytes())
    for position, size in packets[first:last]:
        data[position : position + size] = bytes(size)
    target.write_bytes(data)
    return target


def test_damage_counts_where_it_is(tmp_path: Path) -> None:
    options = "-bf 0 -g 50 -sc_threshold 0"
    source = write_video(tmp_path / "source.mp4", frames=300, options=options)
    path = zeroed(source, tmp_path / "zeroed.mp4", 50, 75)
    for start_s, end_s in ((8, 10), (5, 7), (4, 6), (0, 2)):
        clip = clip_of(path, start_s, end_s)
        assert numbers_of(clip, tmp_path) == expected(start_s * 25, end_s * 25)
    with pytest.raises(VideoError, match="damaged: 25 of 50"):
        clip_of(path, 1, 4)


def test_a_header_with_a_wrong_rate(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", frames=300, fps=30)
    data = bytearray(path.read_bytes())
    at = data.find(bytes.fromhex("23e383"))  # DefaultDuration
    size = data[at + 3] & 0x7F
    data[at + 4 : at + 4 + size] = (1_000_000).to_bytes(size, "big")
    path.write_bytes(data)
    clip = clip_of(path)
    assert clip.fps == pytest.approx(30, abs=0.01) and duration(clip.times) == pytest.approx(
        10, abs=0.01
    )
    assert [part.start_s for part in windows(clip.times, 4, None)] == pytest.approx(
        [0, 4, 6], abs=0.01
    )
    assert numbers_of(clip_of(path, 5, 6), tmp_path) == expected(150, 180)


def test_a_rate_that_varies(tmp_path: Path) -> None:
    """4 s at 30 frames a second, then 20 s at 3."""
    show = "setpts='if(lt(N,120),N/30,4+(N-120)/3)/TB',settb=1/1000"
    options = f"-vf {show} -fps_mode passthrough -enc_time_base 1:1000 -bf 0"
    path = write_video(tmp_path / "a.mp4", frames=180, fps=30, options=options)
    clip = clip_of(path)
    assert numbers_of(clip, tmp_path) == expected(0, 180)
    assert duration(clip.times) == pytest.approx(24, abs=0.4)
    for part in windows(clip.times, 4, None):
        shown = clip.times[part.first : part.last]
        assert part.start_s - 1e-3 <= shown[0] and shown[-1] < part.end_s + 1e-3
    assert numbers_of(clip_of(path, 10, 20), tmp_path) == expected(138, 168)


def test_samples_that_an_edit_list_hides_are_no_loss(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=300, options="-g 25 -bf 2")
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12
    length = struct.unpack(">I", data[at : at + 4])[0]
    data[at : at + 4] = struct.pack(">I", length // 3)
    path.write_bytes(data)
    clip = clip_of(path)
    assert numbers_of(clip, tmp_path) == expected(0, 100)
    assert duration(clip.times) == pytest.approx(4)


def test_a_file_that_is_cut_off_has_lost_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=300, options="-movflags +faststart")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VideoError, match="truncated"):
        clip_of(path)
    assert numbers_of(clip_of(path, 1, 2), tmp_path) == expected(25, 50)


@pytest.mark.parametrize("name", ["12:30.mp4", "-o.mp4", "a b%03d.mp4", "ä[1].mp4"])
def test_any_name_in_a_relative_path(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "plain.mp4", frames=20).replace(name)
    assert numbers_of(clip_of(Path(name)), tmp_path) == expected(0, 20)


# Choices


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=20, size=(96, 64), options="-vf setsar=4/3")
    shown, square = (
        clip_of(path),
        transcode(path, settings=replace(SETTINGS, pixel_aspect="ignore")),
    )
    assert (shown.width, shown.height) == (256, 128) and (square.width, square.height) == (192, 128)
    assert numbers_of(shown, tmp_path) == expected(0, 20)


def test_the_largest_picture_is_taken(tmp_path: Path) -> None:
    small = write_video(tmp_path / "small.mp4", frames=20, size=(64, 64))
    large = write_video(tmp_path / "large.mp4", frames=30, size=(160, 64))
    both = tmp_path / "both.mkv"
    flags = ["-disposition:v:0", "0", "-disposition:v:1", "0"]
    call("-i", small, "-i", large, "-map", "0:v", "-map", "1:v", "-c", "copy", *flags, both)
    assert len(clip_of(both).packets) == 30


def test_interlaced_frames_are_deinterlaced(tmp_path: Path) -> None:
    """Two fields of different pictures become frames without the comb of both."""
    grey = np.array([16 + 200 * (n % 2) for n in range(40)], np.uint8)
    woven = np.broadcast_to(grey[:, None, None, None], (40, 64, 96, 3)).copy()
    woven[:, 1::2] = 232 - woven[:, 1::2]
    options = "-vf setfield=tff -flags +ilme+ildct -x264opts tff=1 -c:v libx264 -crf 5"
    path = write_video(tmp_path / "a.mp4", frames=woven, options=options)
    assert probe(path, SETTINGS).interlaced
    luma = luma_of(clip_of(path), tmp_path)[5:-5, 8:120].astype(float)
    assert np.abs(np.diff(luma, axis=1)).mean() < 40
    assert not probe(write_video(tmp_path / "b.mp4"), SETTINGS).interlaced


def test_hdr_is_mapped_to_the_colours_of_a_screen(tmp_path: Path) -> None:
    grey = np.full((20, 64, 96, 3), 128, np.uint8)
    tags = "color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    options = f"-vf format=yuv420p10le,setparams={tags} -c:v libx265 -x265-params log-level=0"
    path = write_video(tmp_path / "a.mkv", frames=grey, options=f"-pix_fmt yuv420p10le {options}")
    assert probe(path, SETTINGS).hdr
    brightness = luma_of(clip_of(path), tmp_path)[0].mean()
    assert 136 < brightness < 235  # 126 without mapping


def test_an_encrypted_video_is_called_so(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", frames=20)
    key = ["-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb"]
    key += ["-encryption_kid", "a7e61c373e219033c21091fa607bf3b8"]
    call("-i", source, "-c", "copy", "-encryption_scheme", "cenc-aes-ctr", *key, tmp_path / "b.mp4")
    with pytest.raises(VideoError, match="encrypted"):
        clip_of(tmp_path / "b.mp4")


# Seeking


@pytest.mark.parametrize("kind", ["h264", "h264_709", "vfr", "vp9", "h264_444"])
def test_seeking_gives_the_frames_of_decoding_from_the_start(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a", kind=kind, frames=700)
    seeks: list[int | None] = []
    run = transcoding._run

    def noted(*arguments: object, first: int | None = None) -> object:
        seeks.append(first)
        return run(*arguments, first=first)

    monkeypatch.setattr(transcoding, "_run", noted)
    late = clip_of(path, 22, 24)
    assert None not in seeks, "it was decoded from the start"
    monkeypatch.setattr(transcoding, "SEEK_FROM_S", 1e9)
    start = clip_of(path, 22, 24)
    assert seeks[-1] is None
    assert late.packets == start.packets and np.array_equal(late.times, start.times)


# Random files


CONTAINERS = {
    "mp4": ("h264", "mpeg4", "h265"),
    "mov": ("h264", "mpeg4", "mjpeg"),
    "mkv": ("h264", "mpeg4", "h265", "vp8", "vp9", "mjpeg"),
    "webm": ("vp8", "vp9"),
    "avi": ("h264", "mpeg4", "mjpeg"),
    "ts": ("h264", "mpeg2", "h265"),
    "mpg": ("mpeg2",),
    "flv": ("h264",),
}
ENCODERS = {
    "h264": "-c:v libx264 -preset veryfast -crf 14 -pix_fmt yuv420p",
    "h265": "-c:v libx265 -preset ultrafast -crf 14 -x265-params log-level=0 -pix_fmt yuv420p",
    "mpeg4": "-c:v mpeg4 -q:v 2",
    "mpeg2": "-c:v mpeg2video -q:v 2",
    "vp8": "-c:v libvpx -deadline good -cpu-used 5 -b:v 1M -auto-alt-ref 1 -lag-in-frames 16",
    "vp9": "-c:v libvpx-vp9 -deadline good -cpu-used 8 -b:v 1M -lag-in-frames 16",
    "mjpeg": "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p",
}


def random_file(rng: random.Random, folder: Path) -> tuple[Path, str]:
    """A video of numbered frames and what it is: container, codec, rate, trim and damage."""
    container = rng.choice(list(CONTAINERS))
    codec = rng.choice(CONTAINERS[container])
    fps = 25 if codec == "mpeg2" else rng.choice([5, 10, 15, 25, 30, Fraction(30000, 1001), 50])
    frames = rng.choice([60, 150, 400] if codec != "vp9" else [60, 150])
    options = f"{ENCODERS[codec]} -g {rng.choice([10, 30, 250])}"
    if codec in ("h264", "mpeg4", "mpeg2") and container != "avi":
        options += f" -bf {rng.choice([0, 2])}"
    if codec == "h264" and rng.random() < 0.4:
        options += " -x264opts open-gop=1:bframes=3"
    if rng.random() < 0.3 and container in ("mp4", "mov", "mkv", "webm"):
        rate = f"'(N+floor(N/{rng.choice([2, 3, 7])}))/{float(fps):.5f}/TB'"
        options += f" -vf setpts={rate} -fps_mode passthrough"
    path = write_video(
        folder / f"a.{container}", kind="mjpeg", frames=frames, fps=float(fps), options=options
    )
    said = f"{container} {options} {float(fps):.2f} {frames}"
    if rng.random() < 0.4:
        cut = folder / f"cut.{container}"
        begin, length = rng.uniform(0, 1.5), rng.uniform(1.5, 6)
        call("-ss", f"{begin:.3f}", "-t", f"{length:.3f}", "-i", path, "-c", "copy", cut)
        path, said = cut, f"{said}, cut {begin:.3f} {length:.3f}"
    data = bytearray(path.read_bytes())
    if rng.random() < 0.3 and len(data) > 1000:
        begin = rng.randrange(len(data) // 4, len(data) * 3 // 4)
        size = rng.choice([1, 20, 400])
        data[begin : begin + size] = rng.randbytes(size)
        path.write_bytes(data)
        said += f", {size} bytes at {begin} are others"
    return path, said


def shown_by_ffmpeg(path: Path) -> tuple[list[float], list[bytes]]:
    """Times from the first frame, and pictures, of all frames that plain ffmpeg shows."""
    command = [ffmpeg(), "-v", "error", "-threads", "1", "-i", f"file:{path}"]
    command += ["-vf", "settb=AVTB,showinfo=checksum=0,scale=96:64,format=gray"]
    command[2:3] = ["info"]
    done = subprocess.run(
        [*command, "-fps_mode", "passthrough", "-f", "rawvideo", "-"], capture_output=True
    )
    lines = done.stderr.decode(errors="replace").splitlines()
    stamps = [
        line.split("pts:")[1].split()[0] for line in lines if "showinfo" in line and " n:" in line
    ]
    size = 96 * 64
    pictures = [done.stdout[at : at + size] for at in range(0, len(done.stdout), size)]
    times = [int(stamp) / 1e6 for stamp in stamps[: len(pictures)]]
    return [time - times[0] for time in times], pictures[: len(times)]


def compare(path: Path, folder: Path, rng: random.Random, *, damaged: bool) -> str | None:
    """What differs between a random segment of a file and what ffmpeg shows, None if nothing."""
    times, pictures = shown_by_ffmpeg(path)
    if not times:
        return None
    start = rng.choice([None, rng.uniform(0, times[-1] * 0.9)]) if len(times) > 2 else None
    end = None if start is None else start + rng.uniform(0.3, 4)
    inside = [
        n
        for n, time in enumerate(times)
        if start is None or start - 1e-3 <= round(time, 6) < end - 1e-3
    ]
    try:
        clip = clip_of(path, start, end)
    except VideoError as error:
        sound = "damaged" not in str(error) and "truncated" not in str(error)
        return f"refused: {error}" if sound and len(inside) > 2 else None
    if len(clip.times) != len(inside):
        return f"{len(clip.times)} frames, not {len(inside)}, of {start} to {end}"
    if np.abs(clip.times - np.array(times)[inside]).max() > 1.5e-3:
        return f"other times, of {start} to {end}"
    grey = np.frombuffer(b"".join(pictures[n] for n in inside), np.uint8).reshape(-1, 64, 96)
    wrong = int((~shows_the_same(luma_of(clip, folder), grey)).sum())
    # What a damaged picture lacks libav fills with what its memory held: no two calls agree on it.
    allowed = max(len(inside) * 0.03, 1 if damaged else 0)
    return None if wrong <= allowed else f"{wrong} other frames, of {start} to {end}"


A_BIT = 5
"""Between pictures that are the same at two sizes (up to 3 of 255 on average) and pictures of
which one bit of the number is another (from 11)."""


def shows_the_same(luma: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """(F,) bool: which frames (128 x 192) show the number of their pictures (64 x 96), or where
    damage garbles numbers are the same picture, or nearer to it than to those around it."""
    small = (luma.reshape(len(luma), 64, 2, 96, 2).mean(axis=(2, 4)) - 16) * 255 / 219
    away = [
        np.abs(small - grey[np.clip(np.arange(len(grey)) + step, 0, len(grey) - 1)]).mean((1, 2))
        for step in (-1, 0, 1)
    ]
    nearest = (away[1] <= away[0]) & (away[1] <= away[2])
    numbers = np.array(frame_numbers(grey))
    same = (np.array(frame_numbers(luma)) == numbers) | (away[1] < A_BIT)
    return np.where(numbers < 400, same, nearest)


def differences(seed: int, count: int, folder: Path) -> list[str]:
    """What is wrong in `count` files, not counting those that ffmpeg cannot make."""
    found, made = [], 0
    for number in itertools.count():
        if made == count:
            break
        rng = random.Random(seed * 100_000 + number)
        place = folder / str(number)
        place.mkdir()
        try:
            path, said = random_file(rng, place)
        except subprocess.CalledProcessError:
            continue  # a cut that holds nothing, or a rate that the codec cannot say
        made += 1
        fault = compare(path, place, rng, damaged="are others" in said)
        if fault:
            found.append(f"{number}: {said}: {fault}")
    return found


def test_a_few_random_files(tmp_path: Path) -> None:
    assert differences(0, 6, tmp_path) == []


@pytest.mark.long
def test_many_random_files(tmp_path: Path) -> None:
    """`UNSEEN_FILES=500 UNSEEN_SEED=1` for more, and others."""
    seed, count = int(os.environ.get("UNSEEN_SEED", "1")), int(os.environ.get("UNSEEN_FILES", "60"))
    print(f"seed {seed}, {count} files")
    assert differences(seed, count, tmp_path) == []


# The authors' pixels


def test_bilinear_pictures_are_those_of_opencvs_rule(tmp_path: Path) -> None:
    """Grey ones, which 4:2:0 costs nothing, in a store that loses nothing else."""
    rng = np.random.default_rng(3)
    grey = rng.integers(0, 255, (4, 30, 40, 1), np.uint8).repeat(3, 3)
    frames = grey.repeat(9, 1).repeat(9, 2)
    path = write_video(tmp_path / "a.avi", kind="mjpeg", frames=frames, options="-q:v 1")
    settings = replace(SETTINGS, resampling="bilinear", codec="h264", quality=0, short_side=100)
    clip = transcode(path, settings=settings)
    found = luma_of(clip, tmp_path).astype(float)
    command = [ffmpeg(), "-v", "error", "-i", path, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    shown = subprocess.run(command, capture_output=True, check=True).stdout
    whole = np.frombuffer(shown, np.uint8).reshape(-1, 270, 360, 3).astype(float)
    expected = np.stack([_halfway(picture, 100, 134) for picture in whole])
    weights = np.array([0.299, 0.587, 0.114]) * 219 / 255
    assert np.abs(found - (expected @ weights + 16)).mean() < 1
    smooth = luma_of(
        transcode(path, settings=replace(settings, resampling="antialiased")), tmp_path
    )
    assert np.abs(found - smooth).mean() > 3


def _halfway(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Between the two nearest pixels a side, pixels' centres at halves: plain loops over sides."""
    for axis, size in ((0, height), (1, width)):
        length = picture.shape[axis]
        place = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
        low = np.floor(place).astype(int)
        share = (place - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        high = np.minimum(low + 1, length - 1)
        picture = picture.take(low, axis) * (1 - share) + picture.take(high, axis) * share
    return picture


def test_a_lossless_store_gives_back_what_was_stored() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (10, 16, 24, 3), np.uint8).repeat(2, 1).repeat(2, 2)
    clip = encode_frames(frames, replace(SETTINGS, codec="h264", quality=0))
    decoder = av.CodecContext.create("h264", "r")
    shown = [frame for packet in clip.packets for frame in decoder.decode(av.Packet(packet))]
    shown += decoder.decode(None)
    for frame, picture in zip(shown, frames, strict=True):
        sent = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        assert np.array_equal(frame.to_ndarray(), sent.to_ndarray())


def test_a_rate_is_never_zero():
    """A damaged file's frames lay years apart, and the rate was rounded away."""
    assert 0 < frame_rate(np.array([0.0, 1e8])) < 1e-7
