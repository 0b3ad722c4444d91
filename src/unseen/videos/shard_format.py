"""What a shard of the clip store is made of, shared by those who write and who read it.

A shard holds the packets of all its clips in one contiguous row of bytes, clip after clip and
frame after frame. Beside it lies a row a frame: where its packet begins, when it shows, the key
frame from which to decode it, and a checksum of these and of the packet. For each clip there are
its id, path, size, rate and the SHA-256 of its source. Clips that could not be stored are named
with the reason. Everything large is laid out contiguously, so that a reader takes it straight from
the file, without HDF5 and its caches.

    packets               (B,) uint8       all packets
    frames                (F + 1,) FRAME   a row a frame; the last one has the end of the packets
    first_frame           (N + 1,) int64   the row of `frames` where each clip begins
    sizes                 (N, 2) int32     height and width
    fps                   (N,) float64     frames a second, from the median distance
    rows_crc              (N,) uint32      a CRC-32 of the clip's rows of `frames`
    clip_id, path, source_sha256           (N,) strings
    rejected/clip_id, path, reason         strings
    attributes: codec, settings (JSON)

HDF5 is given none of it before a seal in front of the file, in a block that HDF5 leaves to others,
is found true: where the two large rows lie, and the SHA-256 of every byte outside of them.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import h5py
import numpy as np

from unseen.base.errors import UserError

FRAME = np.dtype([("offset", "<i8"), ("time", "<f8"), ("key", "<i4"), ("crc", "<u4")])
"""A frame's row: the first byte of its packet, seconds from the source's first frame, its key frame
counted within the clip, and a CRC-32 of the time, the key frame and the packet."""
CHECKED = slice(8, 20)
"""The bytes of a row that the checksum covers; a wrong offset gives another packet."""
STORED_COLUMNS = ("clip_id", "path", "source_sha256")
REJECTED_COLUMNS = ("clip_id", "path", "reason")
SEAL_SIZE = 512
"""Bytes of the block that holds the seal; the smallest that HDF5 has."""
_SEAL = struct.Struct("<16s4Q32s")
_MAGIC = b"unseen: a shard\n"
BLOCK = 1 << 20


def checksum(row: bytes | memoryview, packet: bytes | memoryview) -> int:
    """The checksum of a frame: of its row (24 bytes) and its packet."""
    return zlib.crc32(packet, zlib.crc32(row[CHECKED]))


def damaged(path: Path | str, what: object) -> UserError:
    """The error for a shard whose content is not what was written."""
    return UserError(
        f"{path} is no clip store, or a damaged one: {what}; remove it and start again, and it is "
        f"made anew"
    )


@dataclass(frozen=True)
class Rows:
    """Where the large rows lie in a shard's file, first byte and the one behind the last; an empty
    one has no place, 0 and 0."""

    packets: tuple[int, int]
    frames: tuple[int, int]


@contextmanager
def open_shard(path: Path | str) -> Iterator[tuple[h5py.File, Rows]]:
    """A shard whose seal is true, opened by HDF5, and where its large rows lie.

    Raises UserError for a file that is none, or a damaged one.
    """
    try:
        rows = check_seal(path)
        with h5py.File(path) as file:
            yield file, rows
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise damaged(path, str(error).strip("'\"")) from error


def seal(path: Path) -> None:
    """Write the seal of a shard that HDF5 has closed."""
    with h5py.File(path) as file:
        rows = Rows(*(_place(file[name]) for name in ("packets", "frames")))
    with path.open("rb+") as stream:
        stream.write(_SEAL.pack(_MAGIC, *rows.packets, *rows.frames, b""))
        digest = _digest(stream, rows)
        stream.seek(0)
        stream.write(_SEAL.pack(_MAGIC, *rows.packets, *rows.frames, digest))


def _place(dataset: h5py.Dataset) -> tuple[int, int]:
    begin = dataset.id.get_offset() or 0
    return begin, begin + dataset.nbytes


def check_seal(path: Path | str) -> Rows:
    """Where the large rows lie. Raises ValueError where a byte outside of them is another one."""
    with Path(path).open("rb") as stream:
        head = stream.read(_SEAL.size)
        if len(head) < _SEAL.size or not head.startswith(_MAGIC):
            raise ValueError("it has no seal")
        _, *places, digest = _SEAL.unpack(head)
        rows = Rows((places[0], places[1]), (places[2], places[3]))
        size = os.fstat(stream.fileno()).st_size
        if not all(begin <= end <= size for begin, end in (rows.packets, rows.frames)):
            raise ValueError("its seal names places that it has not")
        if _digest(stream, rows) != digest:
            raise ValueError("its index differs from its seal")
    return rows


def _digest(stream: IO[bytes], rows: Rows) -> bytes:
    """SHA-256 of a shard's bytes outside its large rows and the digest itself."""
    digest = hashlib.sha256()
    end = os.fstat(stream.fileno()).st_size
    outside = [(_SEAL.size - hashlib.sha256().digest_size, _SEAL.size), rows.packets, rows.frames]
    begin = 0
    for stop, go_on in sorted([*outside, (end, end)]):
        stream.seek(begin)
        while block := stream.read(max(0, min(stop - begin, BLOCK))):
            digest.update(block)
            begin += len(block)
        begin = max(begin, go_on)
    return digest.digest()


def read_columns(group: h5py.Group, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Rows of strings that lie in a data set a column."""
    return list(zip(*(group[name].asstr()[:].tolist() for name in names), strict=True))
