"""Which frames of a video a snippet takes: one at random in training, T linearly spaced in testing.

A snippet is `frames` consecutive frames (16 in the paper), named by its first frame, its *start*.
A video too short for one repeats its last frame.
"""

import numpy as np

SCHEMES = ("linear", "legacy")
TOLERANCE_S = 1e-3  # containers round times to milliseconds


def frames_at_rate(times: np.ndarray, rate: float | None) -> np.ndarray:
    """(M,) int64 frames that are on screen every `1 / rate` seconds of a video whose frames show at
    `times` (L,) sorted; without a rate all frames, one by one, as the paper takes them.

    >>> frames_at_rate(np.array([0.0, 0.1, 0.2, 0.6, 0.7]), 5).tolist()
    [0, 2, 2, 3]
    """
    if rate is None:
        return np.arange(len(times))
    shown = times - times[0]
    last = shown[-1] + (np.median(np.diff(shown)) if len(shown) > 1 else 0)
    ticks = np.arange(max(1, round(float(last * rate)))) / rate
    found: np.ndarray = np.searchsorted(shown, ticks + TOLERANCE_S, side="right") - 1
    return found


def snippet_rng(seed: int, epoch: int, clip: int) -> np.random.Generator:
    """The generator of one clip's randomness in one epoch: the same in whichever process asks."""
    return np.random.default_rng([seed, epoch, clip])


def last_start(n_frames: int, frames: int) -> int:
    """The last frame at which a snippet can start: 0 in a video too short for one.

    Raises ValueError for a video or a snippet without frames.
    """
    if n_frames < 1 or frames < 1:
        raise ValueError(f"a snippet of {frames} frames from a video of {n_frames}: both need one")
    return max(n_frames - frames, 0)


def random_start(n_frames: int, frames: int, rng: np.random.Generator) -> int:
    """The start of a training snippet, every possible one equally likely (Eq. 2's x_t)."""
    return int(rng.integers(last_start(n_frames, frames) + 1))


def centre_start(n_frames: int, frames: int) -> int:
    """The start of the snippet in the middle of the video."""
    return last_start(n_frames, frames) // 2


def linear_starts(n_frames: int, frames: int, snippets: int) -> np.ndarray:
    """(T,) int64 starts, linearly spaced from the first possible one to the last.

    A single snippet is the centre one, which every odd number of snippets holds too.
    """
    if snippets == 1:
        return np.array([centre_start(n_frames, frames)], dtype=np.int64)
    steps = np.arange(snippets, dtype=np.int64)
    return last_start(n_frames, frames) * steps // (snippets - 1)


def snippet_indices(starts: np.ndarray, frames: int, n_frames: int) -> np.ndarray:
    """(T, L) int64 frames of the snippets at `starts` (T,), repeating the video's last frame."""
    consecutive = np.asarray(starts, dtype=np.int64)[:, None] + np.arange(frames)
    frames_of: np.ndarray = np.minimum(consecutive, n_frames - 1)
    return frames_of


def legacy_indices(n_frames: int, frames: int, snippets: int) -> np.ndarray:
    """(T, L) int64 frames of the snippets that the authors' code takes.

    It starts a snippet every `n_frames // snippets` frames, keeps a frame that several share once,
    and cuts what is left into consecutive chunks that wrap round to the start. Frames beyond the
    end repeat the last. A single snippet is the first one.
    """
    last_start(n_frames, frames)
    period = max(n_frames // snippets, 1)
    starts = np.arange(min(snippets, n_frames // period), dtype=np.int64) * period
    kept = np.unique(starts[:, None] + np.arange(frames))
    chunks: np.ndarray = np.minimum(np.resize(kept, (snippets, frames)), n_frames - 1)
    return chunks


def test_indices(n_frames: int, frames: int, snippets: int, scheme: str = "linear") -> np.ndarray:
    """(T, L) int64 frames of a test video's snippets, by the scheme `linear` or `legacy`.

    Raises ValueError for any other scheme.
    """
    if scheme == "linear":
        starts = linear_starts(n_frames, frames, snippets)
        return snippet_indices(starts, frames, n_frames)
    if scheme == "legacy":
        return legacy_indices(n_frames, frames, snippets)
    raise ValueError(f"unknown scheme {scheme!r}; there are {', '.join(SCHEMES)}")


# The name is the interface's; pytest must not collect it.
test_indices.__test__ = False  # type: ignore[attr-defined]
