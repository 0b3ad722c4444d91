"""A long video in windows: parts of so many seconds, by the times at which its frames show."""

from typing import NamedTuple

import numpy as np

from unseen.videos.encoding import frame_rate

TOLERANCE_S = 1e-3  # containers round times to milliseconds


class Part(NamedTuple):
    """Frames `first` to `last - 1` of a video, which show from `start_s` to `end_s`."""

    first: int
    last: int
    start_s: float
    end_s: float


def duration(times: np.ndarray) -> float:
    """Seconds that a video lasts whose frames show at `times` (L,): the last one for the usual
    distance."""
    return float(times[-1] - times[0] + 1 / frame_rate(times))


def windows(times: np.ndarray, window_s: float | None, stride_s: float | None) -> list[Part]:
    """Windows of `window_s` seconds of a video whose frames show at `times` (L,) sorted.

    They start every `stride_s` (the window's length by default) while they are full; a last one
    ends with the video. One window of all without `window_s`, or for a shorter video. Where no new
    frame shows in a window it holds the frame that is on screen.

    >>> [part[:2] for part in windows(np.arange(60) / 10, 3, 2)]
    [(0, 30), (20, 50), (30, 60)]
    """
    end_s = duration(times)
    if window_s is None or window_s >= end_s - TOLERANCE_S:
        return [Part(0, len(times), 0.0, end_s)]
    starts = np.arange(0, end_s - window_s + TOLERANCE_S, stride_s or window_s)
    if starts[-1] + window_s < end_s - TOLERANCE_S:
        starts = np.append(starts, end_s - window_s)
    shown = times - times[0] + TOLERANCE_S
    firsts, lasts = (np.searchsorted(shown, edge) for edge in (starts, starts + window_s))
    firsts = np.minimum(firsts, np.maximum(lasts - 1, 0))
    lasts = np.maximum(lasts, firsts + 1)
    return [
        Part(int(first), int(last), float(start), float(start + window_s))
        for first, last, start in zip(firsts, lasts, starts, strict=True)
    ]
