"""Writing shards of the clip store, whole or not at all, and checking them."""

import json
import tempfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from unseen.base.errors import UserError
from unseen.base.files import atomic, file_digest, write_digest
from unseen.base.progress import progress
from unseen.videos.encoding import EncodedClip
from unseen.videos.shard_format import (
    FRAME,
    REJECTED_COLUMNS,
    SEAL_SIZE,
    STORED_COLUMNS,
    checksum,
    seal,
)


@dataclass(frozen=True)
class StoredClip:
    """A clip for the store, with its source's path (as listed) and SHA-256."""

    clip_id: str
    path: str
    source_sha256: str
    clip: EncodedClip


@dataclass(frozen=True)
class RejectedClip:
    """A listed clip that cannot be stored, and the reason."""

    clip_id: str
    path: str
    reason: str


@dataclass
class _Index:
    """What a shard says about its clips, gathered while their packets are spooled."""

    stored: list[tuple[str, str, str]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    fps: list[float] = field(default_factory=list)
    frames: list[np.ndarray] = field(default_factory=list)
    checks: list[int] = field(default_factory=list)
    end: int = 0
    rejected: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, outcome: StoredClip | RejectedClip) -> None:
        if isinstance(outcome, RejectedClip):
            self.rejected.append((outcome.clip_id, outcome.path, outcome.reason))
            return
        clip = outcome.clip
        self.stored.append((outcome.clip_id, outcome.path, outcome.source_sha256))
        self.sizes.append((clip.height, clip.width))
        self.fps.append(clip.fps)
        self.frames.append(_frame_rows(clip, self.end))
        self.checks.append(zlib.crc32(self.frames[-1].tobytes()))
        self.end += sum(map(len, clip.packets))


def _frame_rows(clip: EncodedClip, begin: int) -> np.ndarray:
    """(L,) FRAME: the rows of a clip's frames, whose packets begin at byte `begin`."""
    rows = np.zeros(len(clip.packets), FRAME)
    rows["offset"] = begin + np.cumsum([0, *map(len, clip.packets[:-1])])
    rows["time"], rows["key"] = clip.times, clip.key_frames
    heads = [row.tobytes() for row in rows]
    rows["crc"] = [checksum(head, packet) for head, packet in zip(heads, clip.packets, strict=True)]
    return rows


def write_shard(
    output: Path,
    outcomes: Iterable[StoredClip | RejectedClip],
    *,
    settings: Mapping[str, Any],
    listed: int,
) -> None:
    """Write a shard and its `.sha256`; the same outcomes give the same bytes.

    Packets are spooled to a file beside `output` as they come, not gathered in memory.
    `settings` (JSON values, with `codec`) are kept in the shard. Raises RuntimeError when
    `listed` clips did not become as many outcomes.
    """
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    index = _Index()
    with atomic(output) as temporary, tempfile.TemporaryFile(dir=output.parent) as spool:
        for outcome in outcomes:
            index.add(outcome)
            if isinstance(outcome, StoredClip):
                spool.writelines(outcome.clip.packets)
        if len(index.stored) + len(index.rejected) != listed:
            raise RuntimeError(
                f"{output}: {len(index.stored)} clips stored and {len(index.rejected)} "
                f"rejected, but {listed} listed"
            )
        _write_hdf5(temporary, index, spool, settings)
        seal(temporary)
    write_digest(output)


def _write_hdf5(path: Path, index: _Index, spool: IO[bytes], settings: Mapping[str, Any]) -> None:
    lengths = [len(rows) for rows in index.frames]
    last = np.zeros(1, FRAME)
    last["offset"] = index.end
    with h5py.File(path, "w", libver="v110", userblock_size=SEAL_SIZE) as file:
        file.attrs["codec"] = settings["codec"]
        file.attrs["settings"] = json.dumps(dict(settings), sort_keys=True)
        _write(file, "frames", np.concatenate([*index.frames, last]))
        _write(file, "first_frame", np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
        _write(file, "sizes", np.asarray(index.sizes, np.int32).reshape(-1, 2))
        _write(file, "fps", np.asarray(index.fps, np.float64))
        _write(file, "rows_crc", np.asarray(index.checks, np.uint32))
        _write_columns(file, STORED_COLUMNS, index.stored)
        _write_columns(file.create_group("rejected"), REJECTED_COLUMNS, index.rejected)
        _write_packets(file, spool, index.end)


def _write(group: h5py.Group, name: str, values: np.ndarray) -> None:
    group.create_dataset(name, data=values, track_times=False)


def _write_columns(
    group: h5py.Group, names: Sequence[str], rows: Sequence[tuple[str, ...]]
) -> None:
    for column, name in enumerate(names):
        values = np.array([row[column] for row in rows], dtype=object)
        group.create_dataset(name, data=values, dtype=h5py.string_dtype(), track_times=False)


def _write_packets(file: h5py.File, spool: IO[bytes], size: int) -> None:
    """Copy the spooled packets into a contiguous data set, a block at a time."""
    packets = file.create_dataset("packets", (size,), np.uint8, track_times=False)
    spool.seek(0)
    position = 0
    while block := spool.read(1 << 24):
        packets[position : position + len(block)] = np.frombuffer(block, np.uint8)
        position += len(block)


def verify_shards(paths: Sequence[Path]) -> None:
    """Compare each shard with the `.sha256` beside it. Raises UserError for those that differ."""
    broken = [
        str(path)
        for path in progress(paths, desc="checking shards", unit="shard")
        if not _matches_digest(Path(path))
    ]
    if broken:
        raise UserError(
            f"{len(broken)} of {len(paths)} shards differ from their .sha256; "
            f"delete them to have them made again: {' '.join(broken)}"
        )


def _matches_digest(path: Path) -> bool:
    digest = Path(f"{path}.sha256")
    return path.is_file() and digest.is_file() and digest.read_text().strip() == file_digest(path)
