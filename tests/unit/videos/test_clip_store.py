"""The clip store: what is written comes back, frame by frame, and nothing listed is lost."""

import csv
import itertools
import multiprocessing
import os
import pickle
import resource
import subprocess
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from videos import frame_numbers, write_video

from unseen.base.errors import UserError
from unseen.videos import clip_store
from unseen.videos import decode_shard as decode_shard_module
from unseen.videos.clip_store import PADDING, ClipStore, frames_to_decode, read_padded
from unseen.videos.decode_shard import decode_shard
from unseen.videos.encoding import EncodedClip, encode_frames
from unseen.videos.ffmpeg_process import ffmpeg
from unseen.videos.rejected import check_rejected, merge_rejected
from unseen.videos.settings import ClipSettings
from unseen.videos.shards import RejectedClip, StoredClip, verify_shards, write_shard

SETTINGS = asdict(ClipSettings())
LENGTHS = {"a": 40, "b": 9, "c": 65}
SIZES = {"a": (96, 64), "b": (64, 96), "c": (80, 80)}


def write_manifest(path: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["clip_id", "path", "start_s", "end_s", "fingerprint"])
        writer.writerows([*row, "1-2"] for row in rows)
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three videos of different sizes and lengths, a broken one, and a manifest."""
    root = tmp_path_factory.mktemp("root")
    for name, frames in LENGTHS.items():
        write_video(root / f"{name}.mp4", frames=frames, size=SIZES[name])
    (root / "broken.mp4").write_bytes(b"nothing")
    rows = [(name, f"{name}.mp4", "", "") for name in ["c", "broken", "b", "a"]]
    write_manifest(root / "manifest.csv", [*rows, ("part", "c.mp4", "1", "2")])
    return root


@pytest.fixture(scope="module", params=["mpeg4", "h264"])
def shard(request: pytest.FixtureRequest, root: Path) -> Path:
    output = root / f"{request.param}.h5"
    decode_shard(root / "manifest.csv", root, output, ClipSettings(codec=request.param), 2)
    return output


def numbers(i420: np.ndarray) -> list[int]:
    return frame_numbers(i420[:, : i420.shape[1] * 2 // 3])


def noise_clip(frames: int, side: int = 32, seed: int = 0) -> EncodedClip:
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 255, (frames, side, side, 3), dtype=np.uint8)
    return encode_frames(pictures, ClipSettings())


def write_clips(output: Path, **clips: EncodedClip) -> Path:
    stored = [StoredClip(name, name, f"digest of {name}", clip) for name, clip in clips.items()]
    write_shard(output, stored, settings=SETTINGS, listed=len(stored))
    return output


def test_every_listed_clip_is_stored_or_rejected(shard: Path) -> None:
    store = ClipStore([shard])
    assert store.clip_ids == ["a", "b", "c", "part"]
    assert store.n_frames.tolist() == [40, 9, 65, 25]
    assert store.sizes.tolist() == [[128, 192], [192, 128], [128, 128], [128, 128]]
    assert store.fps.tolist() == [25] * 4
    assert [(clip, path) for clip, path, _ in store.rejected] == [("broken", "broken.mp4")]


def test_frames_come_back_in_any_order(shard: Path) -> None:
    store = ClipStore([shard])
    rng = np.random.default_rng(0)
    for _ in range(30):
        clip = int(rng.integers(3))
        indices = rng.integers(0, store.n_frames[clip], rng.integers(1, 40))
        frames = store.read(clip, indices)
        assert numbers(frames) == indices.tolist()
        assert np.array_equal(frames, store.read_all(clip)[indices])
    assert numbers(store.read_all(3)) == list(range(25, 50))


def test_frames_are_those_of_another_decoder(shard: Path, tmp_path: Path) -> None:
    """Bit for bit what the ffmpeg command decodes from the stored packets."""
    store = ClipStore([shard])
    raw = {"mpeg4": "m4v", "h264": "h264"}[shard.stem]
    for clip in range(len(store)):
        stream = b"".join(packets_of(shard, clip))
        command = [ffmpeg(), "-v", "error", "-f", raw, "-i", "-", "-fps_mode", "passthrough"]
        command += ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]
        done = subprocess.run(command, input=stream, capture_output=True, check=True)
        expected = np.frombuffer(done.stdout, np.uint8)
        assert np.array_equal(store.read_all(clip).reshape(-1), expected)


def packets_of(shard: Path, clip: int) -> list[bytes]:
    """A clip's packets, through HDF5 and without the reader."""
    with h5py.File(shard) as file:
        first, last = file["first_frame"][clip : clip + 2]
        offsets = file["frames"]["offset"][first : last + 1]
        return [file["packets"][begin:end].tobytes() for begin, end in itertools.pairwise(offsets)]


def test_reading_into_a_batch_fills_it(shard: Path) -> None:
    store = ClipStore([shard])
    batch = np.zeros((2, 16, 192, 192), np.uint8)
    assert store.read(0, np.arange(4, 20), out=batch[1]) is not None
    assert numbers(batch[1]) == list(range(4, 20))
    assert not batch[0].any()


def test_frames_that_a_clip_has_not_are_refused(shard: Path) -> None:
    store = ClipStore([shard])
    for indices in ([-1, 0], [38, 40]):
        with pytest.raises(IndexError, match="has 40 frames"):
            store.read(0, np.array(indices))
    assert store.read(0, np.array([], np.int64)).shape == (0, 192, 192)
    assert numbers(store.read(0, np.array([39, 0]))) == [39, 0]


def test_an_abandoned_read_leaves_no_frame_behind(shard: Path) -> None:
    store = ClipStore([shard])
    with pytest.raises(ValueError, match="reshape"):
        store.read(0, np.arange(10), out=np.empty((10, 8, 8), np.uint8))
    assert numbers(store.read(0, np.arange(20, 30))) == list(range(20, 30))


def first_numbers(store: ClipStore, clips: list[int]) -> list[int]:
    return [numbers(store.read(clip, np.array([clip + 2])))[0] for clip in clips]


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_other_processes_read_on_their_own(start: str, shard: Path) -> None:
    store = ClipStore([shard])
    first_numbers(store, [0])
    with multiprocessing.get_context(start).Pool(2) as pool:
        read = pool.starmap(first_numbers, [(store, [0, 1, 2])] * 4)
    assert read == [[2, 3, 4]] * 4


def test_pickle_carries_no_index_of_names(shard: Path) -> None:
    store = ClipStore([shard])
    assert store.clip_ids and store.source_digest
    content = pickle.dumps(store)
    assert len(content) < 3000
    assert pickle.loads(content).clip_ids == store.clip_ids


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_positions_run_on_from_shard_to_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_store, "OPEN_FILES", 2)
    clips = {f"{n}": noise_clip(frames=3 + n, seed=n) for n in range(5)}
    shards = [write_clips(tmp_path / "empty.h5")]
    shards += [write_clips(tmp_path / f"{name}.h5", **{name: clip}) for name, clip in clips.items()]
    store = ClipStore([*shards[:3], shards[0], *shards[3:]])
    assert store.clip_ids == list(clips)
    alone = [ClipStore([path]).read_all(0) for path in shards[1:]]
    before = open_files()
    for clip in [4, 0, 3, 1, 2, 0, 4]:
        assert np.array_equal(store.read_all(clip), alone[clip])
    assert open_files() <= before + 2
    del store
    assert open_files() <= before


@pytest.mark.long
def test_thousands_of_shards_take_few_handles_and_little_memory(tmp_path: Path) -> None:
    """As of Kinetics-700 ten times over. The shards are links to a few files."""
    few = [write_clips(tmp_path / f"{n}.h5", **{f"{n}": noise_clip(4, seed=n)}) for n in range(8)]
    alone = [ClipStore([path]).read_all(0) for path in few]
    shards = [tmp_path / f"link{n:04}.h5" for n in range(5120)]
    for number, path in enumerate(shards):
        path.hardlink_to(few[number % 8])
    memory, before = resident_bytes(), open_files()
    store = ClipStore(shards)
    assert open_files() <= before
    for clip in np.random.default_rng(0).permutation(len(shards)):
        assert np.array_equal(store.read_all(clip), alone[clip % 8])
    assert before + 200 < open_files() <= before + clip_store.OPEN_FILES
    assert resident_bytes() - memory < 64e6
    assert len(pickle.dumps(store)) < 2e6


def test_clips_longer_than_one_system_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = noise_clip(frames=50)
    whole = ClipStore([write_clips(tmp_path / "a.h5", a=clip)]).read_all(0)
    monkeypatch.setattr(clip_store, "VECTORS", 7)
    assert np.array_equal(ClipStore([tmp_path / "a.h5"]).read_all(0), whole)


def test_an_empty_manifest_gives_an_empty_shard(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path / "m.csv", [])
    decode_shard(manifest, tmp_path, tmp_path / "a.h5", ClipSettings(), 1)
    store = ClipStore([tmp_path / "a.h5"])
    assert (len(store), store.clip_ids, store.rejected) == (0, [], [])
    merge_rejected([tmp_path / "a.h5"], tmp_path / "rejected.csv", 5, "none")
    assert (tmp_path / "rejected.csv").read_text() == "clip_id,path,reason\n"


def test_the_same_sources_give_the_same_bytes(root: Path, tmp_path: Path) -> None:
    for workers in (1, 3):
        output = tmp_path / f"{workers}.h5"
        settings = ClipSettings(timeout_s=100 * workers)
        decode_shard(root / "manifest.csv", root, output, settings, workers)
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "3.h5").read_bytes()
    assert (tmp_path / "1.h5.sha256").read_text() == (tmp_path / "3.h5.sha256").read_text()


def test_a_source_is_hashed_once_for_all_its_segments(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    digest = decode_shard_module.file_digest
    counted = lambda path: hashed.append(path) or digest(path)  # noqa: E731
    monkeypatch.setattr(decode_shard_module, "file_digest", counted)
    rows = [(f"{n}", "c.mp4", f"{n / 4}", f"{n / 4 + 0.5}") for n in range(4)]
    manifest = write_manifest(tmp_path / "m.csv", rows)
    decode_shard(manifest, root, tmp_path / "a.h5", ClipSettings(), 2)
    assert len(ClipStore([tmp_path / "a.h5"])) == 4
    assert hashed == [root / "c.mp4"]


def test_source_digest_follows_content_alone(tmp_path: Path) -> None:
    clips = {name: noise_clip(frames=8, seed=seed) for seed, name in enumerate("xyz")}
    one = ClipStore([write_clips(tmp_path / "one.h5", **clips)])
    parts = [write_clips(tmp_path / f"{name}.h5", **{name: clips[name]}) for name in "zyx"]
    assert one.source_digest == ClipStore(parts).source_digest
    assert one.source_digest != ClipStore(parts[:2]).source_digest


def test_a_clip_that_goes_astray_is_noticed_and_nothing_is_left(tmp_path: Path) -> None:
    output = tmp_path / "a.h5"
    with pytest.raises(RuntimeError, match="1 clips stored and 1 rejected, but 3 listed"):
        outcomes = [StoredClip("a", "a", "", noise_clip(8)), RejectedClip("b", "b", "why")]
        write_shard(output, outcomes, settings=SETTINGS, listed=3)
    assert list(tmp_path.iterdir()) == []


def test_check_store_names_what_differs(tmp_path: Path) -> None:
    paths = [write_clips(tmp_path / f"{n}.h5", a=noise_clip(8)) for n in range(3)]
    verify_shards(paths)
    content = bytearray(paths[1].read_bytes())
    content[-1] ^= 1
    paths[1].write_bytes(content)
    Path(f"{paths[2]}.sha256").unlink()
    with pytest.raises(UserError, match=r"2 of 3 .*1\.h5 .*2\.h5"):
        verify_shards(paths)


def test_too_many_rejected_clips_stop_with_the_reasons_written(tmp_path: Path) -> None:
    outcomes = [StoredClip(f"{n}", f"{n}", "", noise_clip(8)) for n in range(18)]
    outcomes += [RejectedClip("x, y", "x.mp4", "empty"), RejectedClip("w", "w.mp4", "empty")]
    write_shard(tmp_path / "a.h5", outcomes, settings=SETTINGS, listed=20)
    table = tmp_path / "rejected.csv"
    merge_rejected([tmp_path / "a.h5"], table, 10, "some")
    table.unlink()
    with pytest.raises(UserError, match=r"some: 2 of 20 clips .* 9%; 2 because: empty"):
        merge_rejected([tmp_path / "a.h5"], table, 9, "some")
    assert table.read_text() == 'clip_id,path,reason\nw,w.mp4,empty\n"x, y",x.mp4,empty\n'
    check_rejected({"some": [tmp_path / "a.h5"]}, 10)
    with pytest.raises(UserError, match="some: 2 of 20 clips"):
        check_rejected({"some": [tmp_path / "a.h5"]}, 9)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("clip_id,path\na,a.mp4\n", "no column start_s, end_s, fingerprint"),
        ("clip_id,path,start_s,end_s,fingerprint\na,a.mp4,soon,,\n", "row 2: start_s"),
        ("clip_id,path,start_s,end_s,fingerprint\na,a,,,\na,b,,,\n", "'a' is listed more than"),
    ],
)
def test_faulty_manifests_are_named(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(content)
    with pytest.raises(UserError, match=words):
        decode_shard(tmp_path / "m.csv", tmp_path, tmp_path / "a.h5", ClipSettings(), 1)


def test_a_file_is_found_by_what_its_manifest_shows_of_its_name(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", frames=20)
    odd = tmp_path / os.fsdecode(b"\xff.mp4")
    video.rename(odd)
    manifest = tmp_path / "m.csv"
    rows = [r"\xff,\xff.mp4,,,1", r"\xff_1,\xff.mp4,0,0.4,1"]
    manifest.write_text("\n".join(["clip_id,path,start_s,end_s,fingerprint", *rows]) + "\n")
    decode_shard(manifest, tmp_path, tmp_path / "a.h5", ClipSettings(), 1)
    store = ClipStore([tmp_path / "a.h5"])
    assert store.clip_ids == [r"\xff", r"\xff_1"] and store.rejected == []


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_text("text")
    with pytest.raises(UserError, match=r"a\.h5 is no clip store"):
        ClipStore([tmp_path / "a.h5"])


def test_packets_have_zeros_behind_them(tmp_path: Path) -> None:
    path = tmp_path / "packets"
    path.write_bytes(bytes(range(1, 101)))
    with path.open("rb") as stream:
        packets = read_padded(stream.fileno(), 10, np.array([5, 1, 20]))
    assert [bytes(packet) for packet in packets] == [
        bytes(range(11, 16)),
        bytes([16]),
        bytes(range(17, 37)),
    ]
    whole = bytes(packets[0].obj)
    for packet in packets:
        end = whole.index(bytes(packet)) + len(packet)
        assert whole[end : end + PADDING] == bytes(PADDING)


@given(st.data())
def test_decoding_begins_at_key_frames_and_reaches_every_frame(data: st.DataObject) -> None:
    is_key = [True, *data.draw(st.lists(st.booleans(), max_size=40))]
    keys = np.maximum.accumulate(np.where(is_key, np.arange(len(is_key)), 0))
    wanted = np.array(sorted(data.draw(st.sets(st.integers(0, len(is_key) - 1), min_size=1))))
    needed = frames_to_decode(wanted, keys)
    assert needed.tolist() == sorted({n for w in wanted for n in range(keys[w], w + 1)})
