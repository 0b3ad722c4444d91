"""The clip store: shards of short-GOP clips (see `shard_format`), read by frame index.

What is read is verified: the index of a shard when it is opened, the times of a clip and a packet
with its row when they are read.
"""

import os
import zlib
from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import numpy as np

from unseen.base.errors import UserError
from unseen.base.files import json_digest
from unseen.videos.shard_format import (
    FRAME,
    REJECTED_COLUMNS,
    STORED_COLUMNS,
    Rows,
    checksum,
    damaged,
    open_shard,
    read_columns,
)

PADDING = 64  # zero bytes that a decoder may read behind a packet
VECTORS = 1024  # slices that one preadv takes
OPEN_FILES = 256


@dataclass(frozen=True)
class _Shard:
    """Where a shard's rows lie in its file."""

    path: str
    codec: str
    rows: Rows


class ClipStore:
    """Clips of one or more shards, read by their position: shard after shard, row after row.

    `n_frames` (N,) int64, `sizes` (N, 2) int32 height and width, `fps` (N,) float64. What stays
    in memory is about forty bytes a clip; frames are read from the files when they are asked for.
    Pickling carries no open file and no decoder, so that each worker opens its own.
    """

    def __init__(self, shards: Sequence[Path | str]) -> None:
        self.paths = [str(path) for path in shards]
        self._shards: list[_Shard] = []
        first, sizes, fps, checks, lengths = [], [], [], [], []
        for path in self.paths:
            with open_shard(path) as (file, rows):
                self._shards.append(_Shard(path, file.attrs["codec"], rows))
                first.append(file["first_frame"][:])
                sizes.append(file["sizes"][:])
                fps.append(file["fps"][:])
                checks.append(file["rows_crc"][:])
                lengths.append(len(file["fps"]))
        self._shard_start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self._first_frame = np.concatenate([np.zeros(0, np.int64), *(row[:-1] for row in first)])
        self.n_frames = np.concatenate([np.zeros(0, np.int64), *map(np.diff, first)])
        self.sizes = np.concatenate([np.zeros((0, 2), np.int32), *sizes])
        self.fps = np.concatenate([np.zeros(0), *fps])
        self._rows_crc = np.concatenate([np.zeros(0, np.uint32), *checks])
        self._open_nothing()

    def _open_nothing(self) -> None:
        self._files: OrderedDict[int, int] = OrderedDict()
        self._decoders: dict[str, av.VideoCodecContext] = {}

    def __len__(self) -> int:
        return len(self.n_frames)

    def __getstate__(self) -> dict[str, Any]:
        dropped = ("_files", "_decoders", "_stored")
        return {key: value for key, value in self.__dict__.items() if key not in dropped}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open_nothing()

    def __del__(self) -> None:
        for handle in getattr(self, "_files", {}).values():
            os.close(handle)

    @cached_property
    def _stored(self) -> list[tuple[str, ...]]:
        """(clip id, path, source's SHA-256) of each clip."""
        rows: list[tuple[str, ...]] = []
        for path in self.paths:
            with open_shard(path) as (file, _):
                rows += read_columns(file, STORED_COLUMNS)
        return rows

    @property
    def clip_ids(self) -> list[str]:
        """The clips' ids, in the order of their positions."""
        return [clip_id for clip_id, _, _ in self._stored]

    @property
    def source_digests(self) -> list[str]:
        """The SHA-256 of each clip's source, in the same order."""
        return [digest for _, _, digest in self._stored]

    @property
    def rejected(self) -> list[tuple[str, ...]]:
        """(clip id, path, reason) of every listed clip that is not in the store."""
        rows: list[tuple[str, ...]] = []
        for path in self.paths:
            with open_shard(path) as (file, _):
                rows += read_columns(file["rejected"], REJECTED_COLUMNS)
        return rows

    @cached_property
    def source_digest(self) -> str:
        """Digest of the sources' contents and of how they were made into clips.

        It does not change with the number of shards, the sources' places or the ffmpeg build.
        """
        settings = set()
        for path in self.paths:
            with open_shard(path) as (file, _):
                settings.add(file.attrs["settings"])
        return json_digest(
            {
                "settings": sorted(settings),
                "sources": sorted([clip_id, digest] for clip_id, _, digest in self._stored),
                "rejected": sorted(clip_id for clip_id, _, _ in self.rejected),
            }
        )

    def read_all(self, clip: int) -> np.ndarray:
        """All frames of a clip, (L, H * 3 // 2, W) uint8 I420."""
        return self.read(clip, np.arange(self.n_frames[clip]))

    def read(self, clip: int, indices: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Frames `indices` (L,) of a clip in any order, repeats allowed: (L, H * 3 // 2, W) uint8.

        Each needed frame is decoded once. `out`, when given, is filled and returned. Raises
        IndexError for a frame that the clip has not.
        """
        indices = np.asarray(indices)
        height, width = (int(side) for side in self.sizes[clip])
        if out is None:
            out = np.empty((len(indices), height * 3 // 2, width), np.uint8)
        if len(indices) == 0:
            return out
        wanted, first, slots = np.unique(indices, return_index=True, return_inverse=True)
        if wanted[0] < 0 or wanted[-1] >= self.n_frames[clip]:
            raise IndexError(f"clip {clip} has {self.n_frames[clip]} frames, asked for {indices}")
        with closing(self._decode(clip, wanted)) as frames:
            for position, frame in zip(first, frames, strict=True):
                copy_i420(frame, out[position])
        source = first[slots]
        repeated = source != np.arange(len(indices))
        out[repeated] = out[source[repeated]]
        return out

    def times(self, clip: int) -> np.ndarray:
        """(L,) float64 seconds at which a clip's frames show, from the source's first frame."""
        number, begin = self._place(clip)
        rows = self._rows(number, begin, int(self.n_frames[clip]))
        if zlib.crc32(rows.tobytes()) != self._rows_crc[clip]:
            raise damaged(self._shards[number].path, f"the times of clip {clip} are other ones")
        times: np.ndarray = rows["time"]
        return times

    def _place(self, clip: int) -> tuple[int, int]:
        """A clip's shard, by its number, and the row of its first frame there."""
        number = int(np.searchsorted(self._shard_start, clip, side="right")) - 1
        return number, int(self._first_frame[clip])

    def _decode(self, clip: int, wanted: np.ndarray) -> Generator[av.VideoFrame, None, None]:
        """The frames `wanted` (sorted, unique) of a clip, decoding from their key frames on."""
        number, begin = self._place(clip)
        shard = self._shards[number]
        rows = self._rows(number, begin, int(wanted[-1]) + 2)
        keys = rows["key"][:-1]
        if ((keys < 0) | (keys > np.arange(len(keys)))).any():
            raise damaged(shard.path, f"clip {clip} has a key frame behind a frame that needs it")
        needed = frames_to_decode(wanted, keys)
        decoder = self._decoder(shard.codec)
        decoded = 0
        try:
            for frame in _decode_packets(decoder, self._packets(number, rows, needed)):
                if _contains(wanted, needed[decoded]):
                    yield frame
                decoded += 1
        finally:
            decoder.flush_buffers()
        if decoded != len(needed):
            raise damaged(shard.path, f"clip {clip} gave {decoded} of {len(needed)} frames")

    def _packets(self, number: int, rows: np.ndarray, frames: np.ndarray) -> Iterator[memoryview]:
        """The packets of a clip's `frames` (sorted), each with `PADDING` behind it, verified."""
        shard = self._shards[number]
        heads = rows.tobytes()
        for run in np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1):
            offsets = rows["offset"][run[0] : run[-1] + 2]
            sizes = np.diff(offsets)
            begin, end = shard.rows.packets
            if sizes.min() < 0 or offsets[0] < 0 or offsets[-1] > end - begin:
                raise damaged(shard.path, "packets begin before others end, or end behind the last")
            packets = read_padded(self._file(number), begin + int(offsets[0]), sizes)
            for frame, packet in zip(run.tolist(), packets, strict=True):
                head = heads[frame * FRAME.itemsize : (frame + 1) * FRAME.itemsize]
                if checksum(head, packet) != rows["crc"][frame]:
                    raise damaged(shard.path, "a packet differs from its checksum")
                yield packet

    def _rows(self, number: int, start: int, count: int) -> np.ndarray:
        """(count,) FRAME: rows of a shard's frames from `start` on."""
        shard, size = self._shards[number], FRAME.itemsize
        row = os.pread(self._file(number), count * size, shard.rows.frames[0] + start * size)
        if len(row) != count * size:
            raise damaged(shard.path, "it ends too early")
        return np.frombuffer(row, FRAME)

    def _file(self, number: int) -> int:
        """The shard's open file; the one that has waited longest is closed when there are many."""
        if number not in self._files:
            if len(self._files) >= OPEN_FILES:
                os.close(self._files.popitem(last=False)[1])
            self._files[number] = os.open(self._shards[number].path, os.O_RDONLY)
        self._files.move_to_end(number)
        return self._files[number]

    def _decoder(self, codec: str) -> av.VideoCodecContext:
        if codec not in self._decoders:
            decoder: Any = av.CodecContext.create(codec, "r")
            decoder.thread_type = "NONE"
            self._decoders[codec] = decoder
        return self._decoders[codec]


def frames_to_decode(wanted: np.ndarray, key_frames: np.ndarray) -> np.ndarray:
    """Sorted frames from which a decoder gets `wanted` (sorted): each from its key frame on.

    `key_frames` holds the key frame of each frame up to the last wanted one.

    >>> frames_to_decode(np.array([2, 9]), np.array([0, 0, 0, 0, 4, 4, 4, 4, 8, 8])).tolist()
    [0, 1, 2, 8, 9]
    """
    change = np.zeros(wanted[-1] + 2, np.int64)
    np.add.at(change, key_frames[wanted], 1)
    np.add.at(change, wanted + 1, -1)
    return np.flatnonzero(np.cumsum(change))


def read_padded(file: int, offset: int, sizes: np.ndarray) -> list[memoryview]:
    """Packets of `sizes` that lie one behind the other from `offset` on in an open file.

    Behind each lie `PADDING` zero bytes: a decoder reads beyond the packet that it is given.
    """
    buffer = memoryview(bytearray(int(sizes.sum()) + PADDING * len(sizes)))
    starts = np.cumsum(sizes + PADDING) - sizes - PADDING
    packets = [
        buffer[start : start + size]
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True)
    ]
    for first in range(0, len(packets), VECTORS):
        part = packets[first : first + VECTORS]
        expected = sum(map(len, part))
        if os.preadv(file, part, offset) != expected:
            raise UserError("a shard of the clip store ends too early: `snakemake check_store`")
        offset += expected
    return packets


def _decode_packets(
    decoder: av.VideoCodecContext, packets: Iterable[memoryview]
) -> Iterator[av.VideoFrame]:
    for packet in packets:
        yield from decoder.decode(av.Packet(packet))  # type: ignore[arg-type]
    yield from decoder.decode(None)


def _contains(values: np.ndarray, value: int) -> bool:
    """Whether sorted `values` hold `value`."""
    place = np.searchsorted(values, value)
    return bool(place < len(values) and values[place] == value)


def copy_i420(frame: av.VideoFrame, out: np.ndarray) -> None:
    """Copy a yuv420p frame's planes, without their line padding, to `out` (H * 3 // 2, W) uint8.

    `out` is C-contiguous; the two chroma planes lie one behind the other below the luma.
    """
    flat = out.reshape(-1)
    position = 0
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        size = plane.height * plane.width
        target = flat[position : position + size].reshape(plane.height, plane.width)
        target[:] = rows[:, : plane.width]
        position += size
