"""Loading: the right frames in every batch, whoever reads them, and the device's finishing."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unseen.base.errors import UserError
from unseen.videos import loading, sampling
from unseen.videos.clip_store import ClipStore
from unseen.videos.colour import i420_to_rgb
from unseen.videos.encoding import encode_frames
from unseen.videos.settings import ClipSettings
from unseen.videos.shards import StoredClip, write_shard

LENGTHS = [20, 5, 33, 16, 24, 40, 18]
SIZES = [(32, 48), (48, 32), (32, 32), (32, 56), (64, 32), (32, 48), (40, 34)]


def moving_noise(length: int, height: int, width: int, seed: int) -> np.ndarray:
    """(L, H, W, 3) uint8 frames that differ from each other and from every other clip's."""
    grid = np.random.default_rng(seed).integers(0, 256, (length, 4, 4, 3), dtype=np.uint8)
    return grid.repeat(-(-height // 4), axis=1).repeat(-(-width // 4), axis=2)[:, :height, :width]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Seven clips of different sizes and lengths, one of them shorter than a snippet."""
    path = tmp_path_factory.mktemp("store") / "000.h5"
    encoding = ClipSettings()
    clips = [
        StoredClip(
            f"clip{i}", f"clip{i}.mp4", "", encode_frames(moving_noise(n, *size, i), encoding)
        )
        for i, (n, size) in enumerate(zip(LENGTHS, SIZES, strict=True))
    ]
    write_shard(path, clips, settings={"codec": encoding.codec}, listed=len(clips))
    return ClipStore([path])


def snippet_frames(batch: loading.SnippetBatch, row: int) -> np.ndarray:
    """(L, H * 3 // 2, W) uint8: one snippet of a batch."""
    height, width = batch.sizes[row]
    size = height * width * 3 // 2
    frames = [batch.pixels.numpy()[first : first + size] for first in batch.offsets[row]]
    return np.stack(frames).reshape(-1, height * 3 // 2, width)


def loader(store, **settings):
    defaults = {"frames": 8, "batch_size": 3, "clips_per_epoch": None, "seed": 5, "workers": 0}
    return loading.TrainingLoader(store, np.arange(len(store)), **defaults | settings)


def assert_same(batches, others):
    for batch, other in zip(batches, others, strict=True):
        for name in ("pixels", "offsets", "sizes", "clips", "starts"):
            assert (getattr(batch, name) == getattr(other, name)).all(), name


def test_a_training_batch_holds_the_random_snippets_of_its_clips(store):
    seen = []
    for batch in loader(store).epoch(2):
        for row, clip in enumerate(batch.clips.tolist()):
            rng = sampling.snippet_rng(5, 2, clip)
            start = sampling.random_start(LENGTHS[clip], 8, rng)
            indices = sampling.snippet_indices(np.array([start]), 8, LENGTHS[clip])[0]
            assert batch.starts[row] == start
            assert batch.sizes[row].tolist() == list(SIZES[clip])
            assert (snippet_frames(batch, row) == store.read(clip, indices)).all()
            seen.append(clip)
    assert sorted(seen) == list(range(7))


def test_the_number_of_workers_changes_nothing(store):
    with_workers = loader(store, workers=2)
    for epoch in (0, 1):
        assert_same(loader(store).epoch(epoch), with_workers.epoch(epoch))


@pytest.mark.parametrize("workers", [0, 1])
def test_resuming_continues_the_epoch(store, workers):
    whole = list(loader(store).epoch(3))
    resumed = loader(store, workers=workers)
    next(resumed.epoch(1))  # an epoch that is left half-way
    assert_same(whole[1:], resumed.epoch(3, first_step=1))


def test_epochs_differ_in_order_and_in_snippets(store):
    first, second = (next(iter(loader(store, batch_size=7).epoch(epoch))) for epoch in (0, 1))
    assert first.clips.tolist() != second.clips.tolist()
    starts = [dict(zip(batch.clips, batch.starts, strict=True)) for batch in (first, second)]
    assert starts[0] != starts[1]


@pytest.mark.parametrize(("limit", "clips", "steps"), [(None, 7, 3), (5, 5, 2), (100, 7, 3)])
def test_an_epoch_is_one_pass_or_fewer_clips(store, limit, clips, steps):
    limited = loader(store, clips_per_epoch=limit)
    batches = list(limited.epoch(0))
    assert limited.steps == len(batches) == steps
    visited = np.concatenate([batch.clips for batch in batches])
    assert len(visited) == len(set(visited.tolist())) == clips


def test_a_few_clips_only(store):
    chosen = loading.TrainingLoader(
        store, np.array([6, 1]), frames=4, batch_size=8, clips_per_epoch=None, seed=0, workers=0
    )
    assert [sorted(batch.clips.tolist()) for batch in chosen.epoch(0)] == [[1, 6]]


def test_processes_share_an_epoch_in_equal_parts(store):
    ranks = [loader(store, rank=rank, world_size=2, batch_size=2) for rank in (0, 1)]
    parts = [list(rank.epoch(0)) for rank in ranks]
    assert [len(batch) for batch in parts[0]] == [len(batch) for batch in parts[1]] == [2, 2]
    assert ranks[0].steps == 2
    visited = np.concatenate([batch.clips for part in parts for batch in part])
    assert set(visited.tolist()) == set(range(7))


def test_no_clips_to_train_on_is_a_message(store):
    with pytest.raises(UserError, match="no clips"):
        loading.TrainingLoader(
            store, np.array([]), frames=4, batch_size=8, clips_per_epoch=None, seed=0, workers=0
        )


@pytest.mark.parametrize("workers", [0, 1])
def test_the_global_generators_stay_as_they_are(store, workers):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    list(loader(store, workers=workers).epoch(0))
    list(loading.video_batches(store, [0], frames=8, snippets=2, workers=workers))
    assert (torch.get_rng_state() == before).all()


@pytest.mark.parametrize("scheme", sampling.SCHEMES)
@pytest.mark.parametrize(("snippets", "videos"), [(1, 6), (3, 2), (25, 1)])
def test_video_batches_hold_every_snippet_of_whole_videos(store, scheme, snippets, videos):
    seen = []
    batches = loading.video_batches(
        store, [5, 1, 3], frames=8, snippets=snippets, scheme=scheme, batch_size=6
    )
    for clips, batch in batches:
        assert len(clips) <= videos
        assert batch.clips.tolist() == np.repeat(clips, snippets).tolist()
        seen += clips.tolist()
        for row, clip in enumerate(batch.clips.tolist()):
            indices = sampling.test_indices(LENGTHS[clip], 8, snippets, scheme)[row % snippets]
            assert batch.starts[row] == indices[0]
            assert (snippet_frames(batch, row) == store.read(clip, indices)).all()
    assert seen == [5, 1, 3]


def test_workers_read_the_same_videos(store):
    settings = {"frames": 8, "snippets": 5, "batch_size": 10}
    here, there = (
        [batch for _, batch in loading.video_batches(store, range(7), workers=workers, **settings)]
        for workers in (0, 2)
    )
    assert_same(here, there)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_batch_keeps_its_pixels_while_anything_refers_to_them(store, workers):
    """Blocks of memory are used again, those of a batch that is still there excepted."""
    training = loader(store, batch_size=1, workers=workers)
    kept = []
    for batch in training.epoch(0):
        kept.append((int(batch.clips[0]), int(batch.starts[0]), batch.pixels.numpy()[:]))
        del batch
    for clip, start, pixels in kept:
        frames = sampling.snippet_indices(np.array([start]), 8, LENGTHS[clip])[0]
        assert (pixels == store.read(clip, np.unique(frames)).ravel()).all()


@pytest.mark.parametrize("workers", [0, 1])
def test_memory_of_batches_that_are_gone_is_used_again(store, workers):
    training = loader(store, workers=workers)
    for _ in range(10):
        next(training.epoch(0))  # an epoch that is left half-way
    blocks = {block.data_ptr() for block in training._loader.blocks.memory}
    assert {
        batch.pixels.data_ptr() for epoch in range(3) for batch in training.epoch(epoch)
    } <= blocks


def test_a_frame_that_snippets_share_travels_once(store):
    ((_, batch),) = loading.video_batches(store, [5], frames=8, snippets=25)
    assert len(batch.pixels) == LENGTHS[5] * 32 * 48 * 3 // 2


def random_batch(sizes: list[tuple[int, int]], frames: int, seed: int) -> loading.SnippetBatch:
    """Noise in the given sizes; every second snippet repeats its last frame."""
    rng = np.random.default_rng(seed)
    shapes = np.array(sizes, dtype=np.int64)
    frame_bytes = shapes.prod(axis=1) * 3 // 2
    first = np.concatenate([[0], np.cumsum(frame_bytes * frames)])
    position = np.tile(np.arange(frames), (len(sizes), 1))
    position[1::2] = np.minimum(position[1::2], max(frames - 2, 0))
    return loading.SnippetBatch(
        pixels=torch.from_numpy(rng.integers(0, 256, first[-1], dtype=np.uint8)),
        offsets=first[:-1, None] + position * frame_bytes[:, None],
        sizes=shapes,
        clips=np.arange(len(sizes)),
        starts=np.zeros(len(sizes), dtype=np.int64),
    )


def whole_frames(batch: loading.SnippetBatch, row: int) -> torch.Tensor:
    """(3, L, H, W): a snippet normalised as the paper says, neither cropped nor flipped."""
    rgb = i420_to_rgb(torch.from_numpy(snippet_frames(batch, row))).transpose(0, 1)
    mean, std = (
        torch.tensor(values)[:, None, None, None] for values in (loading.MEAN, loading.STD)
    )
    return (rgb - mean) / std


def crops(whole: torch.Tensor, crop: int):
    """Every crop of (3, L, H, W), plain and flipped, with its place."""
    for top in range(whole.shape[2] - crop + 1):
        for left in range(whole.shape[3] - crop + 1):
            window = whole[:, :, top : top + crop, left : left + crop]
            yield (top, left, False), window
            yield (top, left, True), window.flip(-1)


even = st.integers(6, 12).map(lambda half: 2 * half)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.tuples(even, even), min_size=1, max_size=4),
    crop=st.integers(3, 12),
    frames=st.integers(1, 3),
    seed=st.integers(0, 2**32),
)
def test_a_training_input_is_a_crop_of_the_frames(sizes, crop, frames, seed):
    batch = random_batch(sizes, frames, seed)
    output = loading.to_network_input(batch, crop=crop, training=True, generator_seed=(seed, 1))
    assert output.shape == (len(sizes), 3, frames, crop, crop)
    assert output.is_contiguous()
    for row in range(len(sizes)):
        candidates = crops(whole_frames(batch, row), crop)
        assert any(torch.equal(output[row], window) for _, window in candidates)


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.tuples(even, even), min_size=1, max_size=3), crop=st.integers(3, 12))
def test_a_test_input_is_the_centre_crop(sizes, crop):
    batch = random_batch(sizes, 2, 0)
    output = loading.to_network_input(batch, crop=crop, training=False)
    for row, (height, width) in enumerate(sizes):
        top, left = (height - crop) // 2, (width - crop) // 2
        window = whole_frames(batch, row)[:, :, top : top + crop, left : left + crop]
        assert torch.equal(output[row], window)


def test_places_and_flips_are_drawn_from_the_whole_range():
    batch = random_batch([(14, 16)], 1, 0)
    whole = whole_frames(batch, 0)
    seen = set()
    for step in range(300):
        output = loading.to_network_input(batch, crop=12, training=True, generator_seed=(0, step))
        seen |= {place for place, window in crops(whole, 12) if torch.equal(output[0], window)}
    assert len(seen) == 3 * 5 * 2


def test_without_flip_nothing_is_flipped():
    batch = random_batch([(12, 12)], 1, 0)
    for step in range(20):
        output = loading.to_network_input(
            batch, crop=12, training=True, generator_seed=(0, step), flip=False
        )
        assert torch.equal(output[0], whole_frames(batch, 0))


def test_the_same_seed_gives_the_same_input():
    batch = random_batch([(24, 24)] * 3, 2, 0)
    first, same, other = (
        loading.to_network_input(batch, crop=12, training=True, generator_seed=(0, step))
        for step in (1, 1, 2)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_the_input_has_the_asked_type():
    batch = random_batch([(16, 16)], 2, 0)
    output = loading.to_network_input(batch, crop=16, training=False, dtype=torch.bfloat16)
    assert output.dtype == torch.bfloat16


def test_a_crop_larger_than_a_clip_is_a_message():
    batch = random_batch([(24, 24), (16, 24)], 2, 0)
    with pytest.raises(UserError, match="24 x 16 pixels"):
        loading.to_network_input(batch, crop=18, training=False)
