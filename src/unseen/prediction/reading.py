"""Video files to the snippets that a network is to see, decoded by processes ahead of it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unseen.base.errors import UserError
from unseen.base.threads import map_ahead
from unseen.videos.decoder_process import Decoders
from unseen.videos.footage import (
    Footage,
    Frames,
    Indices,
    Kept,
    Unsure,
    open_footage,
    stored_footage,
)
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
"""Seconds that it may take to open a file, to read a piece of it or to decode all of it."""
LIMITS: Mapping[str, tuple[float, int]] = {
    "snippets": (1, 10_000),
    "window_s": (0.01, 1_000_000),
    "stride_s": (0.01, 1_000_000),
    "batch_size": (1, 100_000),
    "workers": (1, 1000),
    "timeout_s": (0.01, 1_000_000),
}
"""What `Reading` takes: of times, seconds."""


@dataclass(frozen=True)
class Reading:
    """How videos are read.

    `snippets` a video (or a window), `window_s` and `stride_s` the length of a window and from one
    to the next in seconds (None: none), `pictures` the JPEGs to keep a video (of windows more),
    `batch_size` the snippets that the network takes at a time, `workers` the decoders at a time
    (None: the cores), `timeout_s` the seconds after which a file that cannot be opened, or a piece
    of it that is not read, is given up.
    """

    snippets: int | None = None
    window_s: float | None = None
    stride_s: float | None = None
    pictures: int = 0
    batch_size: int = 50
    workers: int | None = None
    timeout_s: float = TIMEOUT_S

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                key = name.removesuffix("_s")
                raise UserError(f"{key} must be from {least:g} to {most:,}, not {value}")
        if self.stride_s is not None and self.window_s is None:
            raise UserError("a stride needs the length of a window: --window SECONDS")

    @property
    def snippets_each(self) -> int:
        return self.snippets or (WINDOW_SNIPPETS if self.window_s else SNIPPETS)

    @property
    def decoders(self) -> int:
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
    piece holds its pictures instead. `frames` is None for the `reason` why they cannot be read, or
    without one where the quick way gave other frames than it promised."""

    plan: Plan
    frames: Frames | None
    rows: Indices
    last: bool
    reason: str | None = None


@dataclass(frozen=True)
class Unreadable:
    """A file that is no video, and why."""

    path: Path | str
    reason: str


def read_videos(
    paths: Iterable[Path | str], reading: Reading, input_settings: Mapping[str, Any]
) -> Iterator[Piece | Unreadable]:
    """Each file's pieces in order. Files are opened, and pieces of files decoded, by `workers`
    processes that run a little ahead."""
    given_up: dict[Path | str, str | None] = {}
    ahead = 2 * reading.decoders
    with ThreadPoolExecutor(reading.decoders) as pool, Decoders(reading.timeout_s) as decoders:

        def opened(path: Path | str) -> Plan | Unreadable:
            try:
                return _planned(decoders, path, reading, input_settings)
            except VideoError as error:
                return Unreadable(path, str(error))

        def pieces() -> Iterator[tuple[Plan, Indices, bool] | Unreadable]:
            for found in map_ahead(pool, opened, paths, ahead):
                if isinstance(found, Unreadable):
                    yield found
                else:
                    yield from _in_pieces(found)

        def read(item: tuple[Plan, Indices, bool] | Unreadable) -> Piece | Unreadable:
            if isinstance(item, Unreadable):
                return item
            path = item[0].path
            if path in given_up:
                return Piece(item[0], None, item[1], item[2], given_up[path])
            piece = _read(decoders, *item)
            if piece.frames is None:
                given_up[path] = piece.reason
            return piece

        yield from map_ahead(pool, read, pieces(), ahead)


def read_whole(
    path: Path | str, reading: Reading, input_settings: Mapping[str, Any]
) -> Iterator[Piece]:
    """A file's pieces, all of it decoded as the pipeline does. Raises VideoError."""
    with Decoders(reading.timeout_s) as decoders:
        made = _planned(decoders, path, reading, input_settings, quick=False)
        for item in _in_pieces(made):
            yield _read(decoders, *item)


def _planned(
    decoders: Decoders,
    path: Path | str,
    reading: Reading,
    input_settings: Mapping[str, Any],
    *,
    quick: bool = True,
) -> Plan:
    """A plan made in another process, which may have begun in another folder."""
    absolute = Path(path).absolute()
    return replace(
        decoders.call(plan, absolute, reading, {**input_settings}, quick=quick), path=path
    )


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
        timeout_s=reading.timeout_s,
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
    snippets = np.concatenate(rows)
    count = reading.pictures
    if count and len(parts) > 1:
        count = max(count, min(len(parts), LONG_PICTURES))
    pictures = (np.arange(count) * 2 + 1) * len(footage.times) // max(1, 2 * count)
    try:
        held = footage.held.only(np.union1d(snippets, pictures))
    except Unsure:
        return plan(path, reading, input_settings, quick=False)
    return Plan(path, replace(footage, held=held), parts, snippets, pictures)


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


def _read(decoders: Decoders, made: Plan, rows: Indices, last: bool) -> Piece:
    needed, inverse = np.unique(rows, return_inverse=True)
    rows = inverse.reshape(rows.shape)
    if not len(needed):
        return Piece(made, np.empty((0, 0, 0), np.uint8), rows, last)
    held = made.footage.held
    try:
        if isinstance(held, Kept):
            frames = held.read(needed)
        else:
            frames = decoders.call(held.only(needed).read, needed)
    except Unsure:
        return Piece(made, None, rows, last)
    except VideoError as error:
        return Piece(made, None, rows, last, str(error))
    return Piece(made, frames, rows, last)
