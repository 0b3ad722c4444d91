"""Any damage to a video, a photograph and a shard: read right, or refused by name."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fuzzing import TRIES, assert_survives
from PIL import Image
from videos import write_video

from unseen.base.errors import UserError
from unseen.videos.clip_store import ClipStore
from unseen.videos.decode_shard import decode_shard
from unseen.videos.encoding import EncodedClip
from unseen.videos.kenburns import PhotographError, open_photograph
from unseen.videos.probing import VideoError
from unseen.videos.settings import ClipSettings
from unseen.videos.transcoding import transcode

FLIPS = [
    pytest.param(40, id="quick"),
    pytest.param(2000, marks=pytest.mark.long, id="long"),
]
HEADER = "clip_id,path,start_s,end_s,fingerprint\n"


@pytest.fixture(scope="module")
def shard(tmp_path_factory) -> Path:
    """A shard of two clips and a rejected one."""
    folder = tmp_path_factory.mktemp("shard")
    for name in ("a.avi", "b.avi"):
        write_video(folder / name, kind="mpeg4", frames=12, size=(48, 32))
    (folder / "c.avi").write_text("no video")
    names = ("a.avi", "b.avi", "c.avi")
    (folder / "m.csv").write_text(HEADER + "".join(f"{name},{name},,,0\n" for name in names))
    settings = ClipSettings(short_side=32)
    decode_shard(folder / "m.csv", folder, folder / "clips" / "000.h5", settings, workers=1)
    return folder / "clips" / "000.h5"


def read_shard(path: Path) -> tuple[object, ...]:
    """All that a shard holds, as the stages read it."""
    store = ClipStore([path])
    times = [store.times(clip).tobytes() for clip in range(len(store))]
    frames = [store.read_all(clip).tobytes() for clip in range(len(store))]
    numbers = [array.tobytes() for array in (store.n_frames, store.sizes, store.fps)]
    return store.clip_ids, store.rejected, store.source_digest, frames, times, numbers


@pytest.mark.parametrize("tries", TRIES)
def test_a_damaged_shard_is_refused_or_right(shard, tmp_path, tries):
    right = read_shard(shard)

    def check(found):
        assert found == right

    assert_survives(read_shard, shard.read_bytes(), tmp_path / "000.h5", tries=tries, check=check)


@pytest.mark.parametrize("flips", FLIPS)
def test_a_changed_bit_of_a_shard_is_noticed_or_changes_nothing(shard, tmp_path, flips):
    right, valid = read_shard(shard), shard.read_bytes()
    generator = random.Random(flips)
    noticed: Counter[bool] = Counter()
    for number in range(flips):
        place = generator.randrange(8 * (min(4000, len(valid)) if number % 2 else len(valid)))
        copy = bytearray(valid)
        copy[place // 8] ^= 1 << place % 8
        path = tmp_path / "000.h5"
        path.write_bytes(copy)
        try:
            assert read_shard(path) == right, f"bit {place}"
            noticed[False] += 1
        except UserError as error:
            assert path.name in str(error), f"bit {place}"
            noticed[True] += 1
    print(f"shard of {len(valid)} bytes, {flips} flips: {dict(noticed)}")
    assert noticed[True] > flips / 4


def is_clip(clip: EncodedClip) -> None:
    assert len(clip.packets) == len(clip.times) == len(clip.key_frames) >= 8
    assert clip.height > 0 and clip.width > 0 and np.isfinite(clip.times).all()


@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize("kind", ["h264", "mpeg4_b", "vp9", "h264_ts"])
def test_a_damaged_video_is_read_or_refused(tmp_path, kind, tries):
    valid = write_video(tmp_path / "made", kind=kind, frames=12, size=(48, 32))
    path = tmp_path / "videos" / f"video{valid.suffix}"
    path.parent.mkdir()
    settings = ClipSettings(short_side=32, timeout_s=30)
    assert_survives(
        lambda path: transcode(path, settings=settings),
        valid.read_bytes(),
        path,
        tries=tries,
        check=is_clip,
        refusals=VideoError,
        named="",
    )


@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize("kind", ["jpg", "png", "gif", "webp", "tif", "bmp"])
def test_a_damaged_photograph_is_read_or_refused(tmp_path, kind, tries):
    path = tmp_path / "photos" / f"photo.{kind}"
    path.parent.mkdir()
    ramp = np.linspace(0, 255, 60 * 40 * 3).reshape(40, 60, 3).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.fromarray(ramp).save(path, exif=exif)

    def check(photo: Image.Image) -> None:
        assert photo.mode == "RGB" and min(photo.size) > 0

    assert_survives(
        lambda path: open_photograph(path, 32),
        path.read_bytes(),
        path,
        tries=tries,
        check=check,
        refusals=PhotographError,
        named="",
    )
