"""Any damage to a video, a photograph and a shard: read right, or refused by name."""

import random
from collections import Counter
from pathlib import Path

import pytest
from fuzzing import TRIES, assert_survives
from videos import write_video

from unseen.base.errors import UserError
from unseen.videos.clip_store import ClipStore
from unseen.videos.decode_shard import decode_shard
from unseen.videos.settings import ClipSettings

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
