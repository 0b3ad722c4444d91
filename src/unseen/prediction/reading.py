"""Video files to the snippets that a network is to see, decoded by several threads ahead of it."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from unseen.base.errors import UserError
from unseen.base.threads import Item, Result, map_ahead
from unseen.videos.footage import Footage, Frames, Indices, Unsure, open_footage, stored_footage
from unseen.videos.loading import SnippetBatch
from unseen.videos.probing import VideoError
from unseen.videos.sampling import frames_at_rate, test_indices
from unseen.videos.settings import ClipSettings
from unseen.videos.transcoding import transcode
from unseen.videos.windows import Part, windows

SNIPPETS = 25
"""Snippets of a video, as in the paper's tests."""
WINDOW_SNIPPETS = 5
"""Snippets of each window of a long video."""
TOGETHER = 25
"""Snippets that are decoded as one piece, at most."""
LONG_PICTURES = 60
"""Pictures of a video in windows, at most; else one a window."""
TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class Reading:
    """How videos are read.

    `snippets` a video (or a window), `window_s` and `stride_s` the length of a window and from one
    to the next in seconds (None: none), `pictures` the JPEGs to keep a video (of windows more),
    `batch_size` the snippets that the network takes at a time, `workers` the decoders at a time
    (None: the cores).
    """

    snippets: int | None = None
    window_s: float | None = None
    stride_s: float | None = None
    pictures: int = 0
    batch_size: int = 50
    workers: int | None = None

    def __post_init__(self) -> None:
        for name in ("snippets", "window_s", "stride_s", "batch_size", "workers"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UserError(f"{name.removesuffix('_s')} must be more than 0, not {value}")
        if self.stride_s is not None and self.window_s is None:
            raise UserError("a stride needs the length of a window: --window SECONDS")

    @property
    def snippets_each(self) -> int:
        return self.snippets or (WINDOW_SNIPPETS if self.window_s else SNIPPETS)

    @property
    def threads(self) -> int:
        return self.workers or _usable_cores()


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Plan:
    """What the network is to see of a video: its windows `parts`, for each of them T rows of
    `snippets` (W * T, L), frames by their index, and the frames `pictures` (P,) for people."""

    path: Path | str
    footage: Footage
    parts: list[Part]
    snippets: Indices
    pictures: Indices


@dataclass(frozen=True)
class Piece:
    """Frames of a video that have been read: `rows` (t, L) of `frames` are snippets. A video's last
    piece holds its pictures instead. `frames` is None where the quick way gave other frames than
    it promised."""

    plan: Plan
    frames: Frames | None
    rows: Indices
    last: bool


@dataclass(frozen=True)
class Unreadable:
    """A file that is no video, and why."""

    path: Path | str
    reason: str


def read_videos(
    paths: Iterable[Path | str], reading: Reading, input_settings: Mapping[str, Any]
) -> Iterator[Piece | Unreadable]:
    """Each file's pieces in order. Files are opened, and pieces of files decoded, by `workers`
    threads that run a little ahead."""

    def opened(path: Path | str) -> Plan | Unreadable:
        try:
            return plan(path, reading, input_settings)
        except VideoError as error:
            return Unreadable(path, str(error))

    def pieces() -> Iterator[tuple[Plan, Indices, bool] | Unreadable]:
        for found in _map_ahead(opened, paths, reading.threads):
            if isinstance(found, Unreadable):
                yield found
            else:
                yield from _in_pieces(found)

    def read(item: tuple[Plan, Indices, bool] | Unreadable) -> Piece | Unreadable:
        return item if isinstance(item, Unreadable) else _read(*item)

    return _map_ahead(read, pieces(), reading.threads)


def read_whole(
    path: Path | str, reading: Reading, input_settings: Mapping[str, Any]
) -> Iterator[Piece]:
    """A file's pieces, all of it decoded as the pipeline does. Raises VideoError."""
    made = plan(path, reading, input_settings, quick=False)
    return (_read(*item) for item in _in_pieces(made))


def plan(
    path: Path | str,
    reading: Reading,
    input_settings: Mapping[str, Any],
    *,
    quick: bool = True,
) -> Plan:
    """What is to be seen of a file. Raises VideoError with the reason when it cannot be read."""
    settings = ClipSettings(
        short_side=input_settings["short_side"],
        resampling=input_settings.get("resampling", "antialiased"),
        timeout_s=TIMEOUT_S,
    )
    footage = open_footage(path, settings) if quick else None
    if footage is None:
        footage = stored_footage(transcode(path, settings=settings))
    parts = windows(footage.times, reading.window_s, reading.stride_s)
    frames, rate = input_settings["frames"], input_settings.get("frame_rate")
    rows = []
    for part in parts:
        seen = frames_at_rate(footage.times[part.first : part.last], rate)
        rows.append(part.first + seen[test_indices(len(seen), frames, reading.snippets_each)])
    count = reading.pictures
    if count and len(parts) > 1:
        count = max(count, min(len(parts), LONG_PICTURES))
    pictures = (np.arange(count) * 2 + 1) * len(footage.times) // max(1, 2 * count)
    return Plan(path, footage, parts, np.concatenate(rows), pictures)


def _in_pieces(made: Plan) -> Iterator[tuple[Plan, Indices, bool]]:
    """A video's snippets in pieces that share no frame on the way from a key frame, as far as they
    are not too large; then its pictures."""
    keys, rows = made.footage.keys, made.snippets
    if keys is None:
        starts = np.arange(TOGETHER, len(rows), TOGETHER).tolist()
    else:
        starts, begin = [], 0
        reached = np.maximum.accumulate(keys[rows].max(axis=1))
        for row in range(1, len(rows)):
            if keys[rows[row]].min() > reached[row - 1] or row - begin == TOGETHER:
                starts.append(row)
                begin = row
    for part in np.split(rows, starts):
        yield made, part, False
    yield made, made.pictures[:, None], True


def _read(made: Plan, rows: Indices, last: bool) -> Piece:
    needed, inverse = np.unique(rows, return_inverse=True)
    frames: Frames | None = np.empty((0, 0, 0), np.uint8)
    if len(needed):
        try:
            frames = made.footage.read(needed)
        except Unsure:
            frames = None
    return Piece(made, frames, inverse.reshape(rows.shape), last)


def batches(pieces: Sequence[Piece], batch_size: int) -> Iterator[SnippetBatch]:
    """The snippets of pieces, in order, at most `batch_size` at a time."""
    read = [(piece.frames, piece.rows) for piece in pieces if piece.frames is not None]
    if not read:
        return
    sizes = [(frames.shape[1] * 2 // 3, frames.shape[2]) for frames, _ in read]
    begins = np.cumsum([0, *(frames.size for frames, _ in read)])
    pixels = torch.from_numpy(np.concatenate([frames.reshape(-1) for frames, _ in read]))
    offsets = np.concatenate(
        [begin + rows * frames[0].size for begin, (frames, rows) in zip(begins, read, strict=False)]
    )
    each = np.repeat(np.array(sizes, np.int64), [len(rows) for _, rows in read], axis=0)
    nothing: npt.NDArray[np.int64] = np.zeros(len(offsets), np.int64)
    for first in range(0, len(offsets), batch_size):
        part = slice(first, first + batch_size)
        yield SnippetBatch(pixels, offsets[part], each[part], nothing[part], nothing[part])


def _map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Like `map`, by threads that run at most twice their number ahead."""
    with ThreadPoolExecutor(workers) as pool:
        yield from map_ahead(pool, function, items, ahead=2 * workers)
