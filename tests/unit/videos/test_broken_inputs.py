"""Inputs that no decoder can use: each is rejected with a fitting reason, none stops a shard."""

import csv
import os
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from videos import numbered_frames, write_video

from unseen.videos.clip_store import ClipStore
from unseen.videos.decode_shard import decode_shard
from unseen.videos.ffmpeg_process import ffmpeg
from unseen.videos.probing import VideoError
from unseen.videos.settings import ClipSettings
from unseen.videos.transcoding import transcode

FRAMES = 48
CORPUS: dict[str, tuple[Callable[[Path], None], str]] = {}


def broken(name: str, reason: str) -> Callable:
    """Register the maker of a broken file and what its reason must say (case ignored)."""

    def register(make: Callable[[Path], None]) -> Callable[[Path], None]:
        CORPUS[name] = (make, reason)
        return make

    return register


def noisy(path: Path, kind: str, options: str = "") -> bytes:
    """The bytes of a video full of texture, so that nearly every byte matters."""
    frames = numbered_frames(FRAMES, 96, 64)
    noise = np.random.default_rng(0).integers(-40, 40, frames.shape)
    frames = np.clip(frames + noise, 0, 255).astype(np.uint8)
    return write_video(path, kind=kind, frames=frames, options=options).read_bytes()


def flipped(content: bytes, first: float, last: float, count: int, seed: int = 1) -> bytes:
    """`content` with `count` bits flipped between two shares of its length."""
    damaged = bytearray(content)
    rng = np.random.default_rng(seed)
    for place in rng.integers(int(len(content) * first), int(len(content) * last), count):
        damaged[place] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def run_ffmpeg(arguments: str, path: Path) -> None:
    command = [ffmpeg(), "-y", "-v", "error", *arguments.split(), f"file:{path}"]
    subprocess.run(command, check=True)


@broken("missing.mp4", "No such file")
def missing(path: Path) -> None:
    """Nothing is there."""


@broken("directory.mp4", "a directory")
def directory(path: Path) -> None:
    path.mkdir()


@broken("pipe.mp4", "not a regular file")
def pipe(path: Path) -> None:
    os.mkfifo(path)


@broken("dangling.mp4", "No such file")
def dangling(path: Path) -> None:
    path.symlink_to(path.with_name("gone.mp4"))


@broken("loop.mp4", "symbolic links")
def loop(path: Path) -> None:
    path.symlink_to(path)


@broken("empty.mp4", "empty")
def empty(path: Path) -> None:
    path.touch()


@broken("one_byte.mp4", "not a video")
def one_byte(path: Path) -> None:
    path.write_bytes(b"\0")


@broken("zeros.avi", "not a video")
def zeros(path: Path) -> None:
    path.write_bytes(bytes(1 << 16))


@broken("random.mp4", "not a video")
def random(path: Path) -> None:
    path.write_bytes(np.random.default_rng(2).bytes(1 << 16))


@broken("text.mp4", "not a video")
def text(path: Path) -> None:
    path.write_text("a text file with a video's name\n" * 50)


@broken("download_page.mp4", "not a video")
def download_page(path: Path) -> None:
    path.write_text("<!DOCTYPE html><html><body>404: video removed</body></html>\n")


@broken("archive.mp4", "not a video")
def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("clip.txt", "text" * 1000)


@broken("playlist.mp4", "a playlist|not a video")
def playlist(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nother.ts\n#EXT-X-ENDLIST\n")


@broken("concat.mp4", "a playlist|not a video")
def concat(path: Path) -> None:
    other = write_video(path.with_name("elsewhere.mp4"))
    path.write_text(f"ffconcat version 1.0\nfile '{other.name}'\n")


@broken("session.mp4", "not a video")
def session(path: Path) -> None:
    """A description of a stream in the network."""
    path.write_text(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    )


@broken("address.mp4", "a playlist|not a video")
def address(path: Path) -> None:
    path.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1/a.ts\n#EXT-X-ENDLIST\n"
    )


@broken("reference.mov", "not a video|damaged|no frame")
def reference(path: Path) -> None:
    """A film whose pictures lie in another file, by its path."""
    other = str(write_video(path.with_name("elsewhere.mov")).absolute())
    content = write_video(path).read_bytes()
    tag = other.encode() + bytes(len(other) % 2)
    alias = bytes(10 + 28 + 12 + 64 + 16 + 4 + 16) + struct.pack(">2h", 2, len(tag)) + tag
    entry = b"alis" + bytes(4) + alias + struct.pack(">2h", -1, 0)
    entry = struct.pack(">I", 4 + len(entry)) + entry
    place = content.index(b"dref") + 12
    own = struct.unpack_from(">I", content, place)[0]
    assert content.index(b"mdat") < content.index(b"moov") < place
    changed = bytearray(content[:place] + entry + content[place + own :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = content.index(box) - 4
        size = struct.unpack_from(">I", content, start)[0] + len(entry) - own
        struct.pack_into(">I", changed, start, size)
    path.write_bytes(changed)


@broken("subtitles.mkv", "no video")
def subtitles(path: Path) -> None:
    path.write_text("1\n00:00:00,000 --> 00:00:02,000\nHello\n\n" * 3)


@broken("picture.png.mp4", "single picture")
def png(path: Path) -> None:
    Image.new("RGB", (96, 64)).save(path, "PNG")


@broken("picture.jpg.avi", "single picture")
def jpeg(path: Path) -> None:
    Image.new("RGB", (96, 64)).save(path, "JPEG")


@broken("one_frame.mp4", "single picture")
def one_frame(path: Path) -> None:
    write_video(path, frames=1)


@broken("three_frames.mp4", "too short: 3 frames")
def three_frames(path: Path) -> None:
    write_video(path, frames=3)


@broken("sound.mp4", "sound and no video")
def sound(path: Path) -> None:
    run_ffmpeg("-f lavfi -i sine=d=1 -c:a aac", path)


@broken("sound.wav.avi", "sound and no video")
def wave(path: Path) -> None:
    run_ffmpeg("-f lavfi -i sine=d=1 -f wav", path)


@broken("song_with_cover.mp4", "sound and no video")
def song_with_cover(path: Path) -> None:
    run_ffmpeg(
        "-f lavfi -i sine=d=1 -f lavfi -i color=red:s=96x64:d=0.04 -map 0 -map 1 -c:a aac"
        " -c:v mjpeg -frames:v 1 -disposition:v attached_pic",
        path,
    )


@broken("tiny.avi", "too small: 8x8")
def tiny(path: Path) -> None:
    write_video(path, kind="mpeg4", size=(8, 8))


@broken("narrow.mp4", "too narrow: 640x16")
def narrow(path: Path) -> None:
    write_video(path, size=(640, 16))


@broken("huge.avi", "too large: 8200x4640")
def huge(path: Path) -> None:
    run_ffmpeg("-f lavfi -i color=red:s=8200x4640 -frames:v 2 -c:v mjpeg -threads 1", path)


@broken("no_index.mp4", "its MP4 index cannot be read")
def no_index(path: Path) -> None:
    content = noisy(path, "h264")
    path.write_bytes(content[: len(content) * 2 // 3])


@broken("cut.mp4", "truncated:")
def cut_mp4(path: Path) -> None:
    content = noisy(path, "h264", "-movflags faststart")
    path.write_bytes(content[: len(content) // 2])


@broken("cut.avi", "truncated")
def cut_avi(path: Path) -> None:
    content = noisy(path, "mpeg4_b")
    path.write_bytes(content[: len(content) // 2])


@broken("cut.webm", "truncated")
def cut_webm(path: Path) -> None:
    content = noisy(path, "vp9")
    path.write_bytes(content[: len(content) // 2])


@broken("header_only.avi", "no video|not a video|truncated")
def header_only(path: Path) -> None:
    path.write_bytes(noisy(path, "mpeg4")[:2048])


@broken("tail_only.mp4", "not a video")
def tail_only(path: Path) -> None:
    content = noisy(path, "h264")
    path.write_bytes(content[len(content) // 2 :])


@broken("flipped.mp4", "damaged")
def flipped_mp4(path: Path) -> None:
    path.write_bytes(flipped(noisy(path, "h264"), 0.02, 0.95, 300))


@broken("flipped.avi", "damaged")
def flipped_avi(path: Path) -> None:
    path.write_bytes(flipped(noisy(path, "mpeg4_b"), 0.1, 0.9, 300))


@broken("flipped_index.mp4", "damaged|truncated|not a video|no video")
def flipped_index(path: Path) -> None:
    content = noisy(path, "h264")
    begin = content.index(b"moov") / len(content)
    path.write_bytes(flipped(content, begin, 1, 200))


@broken("hole.mp4", "damaged")
def hole(path: Path) -> None:
    content = bytearray(noisy(path, "h264"))
    begin, end = len(content) // 4, len(content) * 3 // 4
    content[begin:end] = bytes(end - begin)
    path.write_bytes(content)


@broken("blank.mp4", "no frame|damaged")
def blank(path: Path) -> None:
    content = noisy(path, "h264")
    begin, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    path.write_bytes(content[:begin] + bytes(end - begin) + content[end:])


@broken("hole.webm", "damaged|truncated")
def hole_webm(path: Path) -> None:
    content = bytearray(noisy(path, "vp9"))
    begin, end = len(content) // 4, len(content) * 3 // 4
    content[begin:end] = np.random.default_rng(3).bytes(end - begin)
    path.write_bytes(content)


@broken("header_zeroed.mp4", "not a video")
def header_zeroed(path: Path) -> None:
    content = noisy(path, "h264", "-movflags faststart")
    path.write_bytes(bytes(4096) + content[4096:])


@broken("unknown_codec.mp4", "codec is unknown|no video that ffmpeg knows")
def unknown_codec(path: Path) -> None:
    path.write_bytes(noisy(path, "h264").replace(b"avc1", b"zzzz"))


@broken("unknown_codec.avi", "codec is unknown|no video that ffmpeg knows")
def unknown_codec_avi(path: Path) -> None:
    content = noisy(path, "mpeg4")
    path.write_bytes(content.replace(b"FMP4", b"ZZZZ"))


@broken("two_sizes.ts", "size or format changes")
def two_sizes(path: Path) -> None:
    small = write_video(path, kind="h264_ts", frames=20).read_bytes()
    large = write_video(path, kind="h264_ts", frames=20, size=(160, 120)).read_bytes()
    path.write_bytes(small + large)


def decode_all(root: Path, names: list[str]) -> ClipStore:
    """The store of the named files, decoded as one shard."""
    manifest = root / "manifest.csv"
    with manifest.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["clip_id", "path", "start_s", "end_s", "fingerprint"])
        writer.writerows([name, name, "", "", ""] for name in names)
    decode_shard(manifest, root, root / "shard.h5", ClipSettings(timeout_s=60), workers=2)
    store = ClipStore([root / "shard.h5"])
    assert len(store) + len(store.rejected) == len(names)
    return store


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Reasons by file name, from one shard that lists the whole corpus and one good video."""
    root = tmp_path_factory.mktemp("broken")
    for name, (make, _) in CORPUS.items():
        make(root / name)
    write_video(root / "good video.mp4")
    store = decode_all(root, [*CORPUS, "good video.mp4"])
    assert store.clip_ids[0] == "good video.mp4"
    return {clip_id: reason for clip_id, _, reason in store.rejected}


def test_corpus_is_large() -> None:
    assert len(CORPUS) >= 25


@pytest.mark.parametrize("name", CORPUS)
def test_rejected_with_a_fitting_reason(name: str, corpus: dict[str, str]) -> None:
    assert name in corpus, "was stored"
    print(f"{name}: {corpus[name]}")
    words = CORPUS[name][1].lower().split("|")
    assert any(word in corpus[name].lower() for word in words), corpus[name]
    assert len(corpus[name].splitlines()) == 1


def test_random_damage_stops_no_shard(tmp_path: Path) -> None:
    names = []
    for kind in ("h264", "mpeg4_b", "h264_ts"):
        path = write_video(tmp_path / kind, kind=kind, frames=20)
        content = path.read_bytes()
        for number in range(12):
            names.append(f"{kind}-{number}{path.suffix}")
            damaged = flipped(content, 0.5 * (number % 2), 1, 1 << number // 2, seed=number)
            (tmp_path / names[-1]).write_bytes(damaged)
    store = decode_all(tmp_path, names)
    assert store.rejected
    assert all(reason for _, _, reason in store.rejected)
    assert all(len(store.read_all(clip)) for clip in range(len(store)))


def test_segments_outside_the_video_are_rejected(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=25)
    for start_s, end_s in ((5, 9), (0.5, 0.5), (0.8, 0.2)):
        with pytest.raises(VideoError, match="holds no frame"):
            transcode(path, start_s=start_s, end_s=end_s, settings=ClipSettings())


def test_slow_ffmpeg_is_ended(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=100)
    with pytest.raises(VideoError, match=r"ended after 0\.001 s"):
        transcode(path, settings=ClipSettings(timeout_s=0.001))
