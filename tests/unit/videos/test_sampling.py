"""Sampling: bounds, spacing, short videos, one snippet and many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseen.videos import sampling

lengths = st.integers(1, 2_000)
frames = st.integers(1, 64)
snippets = st.integers(1, 40)


@given(lengths, frames, st.integers(0, 2**32))
def test_a_random_start_leaves_room_for_the_snippet(n, length, seed):
    start = sampling.random_start(n, length, np.random.default_rng(seed))
    assert 0 <= start <= max(n - length, 0)


def test_every_start_is_drawn_equally_often():
    rng = np.random.default_rng(0)
    counts = np.bincount([sampling.random_start(20, 16, rng) for _ in range(5_000)])
    assert len(counts) == 5
    assert counts.min() > 900
    assert counts.max() < 1_100


@given(lengths, frames, snippets)
def test_linear_starts_span_the_video_evenly(n, length, count):
    starts = sampling.linear_starts(n, length, count)
    last = max(n - length, 0)
    assert starts.shape == (count,)
    assert starts.dtype == np.int64
    if count > 1:
        assert starts[0] == 0
        assert starts[-1] == last
        gaps = np.diff(starts)
        assert gaps.min() >= last // (count - 1)
        assert gaps.max() <= -(-last // (count - 1))


@given(lengths, frames, st.integers(0, 20))
def test_the_middle_of_an_odd_number_is_the_centre_snippet(n, length, half):
    starts = sampling.linear_starts(n, length, 2 * half + 1)
    assert starts[half] == sampling.centre_start(n, length)


@given(lengths, frames)
def test_the_centre_snippet_leaves_equal_margins(n, length):
    start = sampling.centre_start(n, length)
    after = n - length - start
    assert (start, after) == (0, n - length) if n <= length else 0 <= after - start <= 1


@given(lengths, frames, snippets, st.sampled_from(sampling.SCHEMES))
def test_indices_exist_and_have_the_asked_shape(n, length, count, scheme):
    indices = sampling.test_indices(n, length, count, scheme)
    assert indices.shape == (count, length)
    assert indices.dtype == np.int64
    assert indices.min() >= 0
    assert indices.max() <= n - 1


@given(lengths, frames, snippets)
def test_linear_snippets_are_consecutive_and_repeat_only_the_last_frame(n, length, count):
    indices = sampling.test_indices(n, length, count)
    steps = np.diff(indices, axis=1)
    assert np.isin(steps, (0, 1)).all()
    assert (indices[:, 1:][steps == 0] == n - 1).all()


@pytest.mark.parametrize("count", [1, 25])
def test_a_short_video_repeats_its_last_frame(count):
    indices = sampling.test_indices(3, 5, count)
    assert indices.tolist() == [[0, 1, 2, 2, 2]] * count


def test_twenty_five_snippets_of_ten_seconds():
    indices = sampling.test_indices(300, 16, 25)
    assert indices[0].tolist() == list(range(16))
    assert indices[24].tolist() == list(range(284, 300))
    assert set(np.diff(indices[:, 0])) == {11, 12}


def test_legacy_snippets_are_chunks_that_wrap_round():
    indices = sampling.legacy_indices(20, 4, 6)  # starts at 0, 3, 6 ... 15: frames 0 to 18 are kept
    assert indices.ravel().tolist() == [*range(19), *range(5)]


def test_legacy_snippets_repeat_the_last_frame_beyond_the_end():
    indices = sampling.legacy_indices(10, 4, 3)  # starts at 0, 3, 6
    assert indices.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1]]
    assert sampling.legacy_indices(3, 4, 1).tolist() == [[0, 1, 2, 2]]


@given(st.integers(400, 5_000))
def test_legacy_snippets_of_a_long_video_start_at_equal_distances(n):
    starts = np.arange(25) * (n // 25)
    assert (sampling.legacy_indices(n, 16, 25) == starts[:, None] + np.arange(16)).all()


def test_one_legacy_snippet_is_the_first():
    assert sampling.test_indices(100, 16, 1, "legacy").tolist() == [list(range(16))]
    assert sampling.test_indices(100, 16, 1, "linear").tolist() == [list(range(42, 58))]


def test_an_unknown_scheme_is_named():
    with pytest.raises(ValueError, match="random"):
        sampling.test_indices(100, 16, 25, "random")


@pytest.mark.parametrize(("n", "length"), [(0, 16), (16, 0)])
def test_nothing_to_sample_is_an_error(n, length):
    with pytest.raises(ValueError, match="both need one"):
        sampling.centre_start(n, length)


def test_a_clips_randomness_depends_on_seed_epoch_and_clip_alone():
    draws = {
        key: sampling.snippet_rng(*key).integers(2**62)
        for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    }
    assert len(set(draws.values())) == 4
    assert sampling.snippet_rng(0, 1, 0).integers(2**62) == draws[0, 1, 0]
