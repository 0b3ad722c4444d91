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
    clip_id, path, source_sha256           (N,) strings
    rejected/clip_id, path, reason         strings
    attributes: codec, settings (JSON), index_sha256 (of all that is not in `packets` and `frames`)
"""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

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
NUMBERS = ("first_frame", "sizes", "fps")


def checksum(row: bytes | memoryview, packet: bytes | memoryview) -> int:
    """The checksum of a frame: of its row (24 bytes) and its packet."""
    return zlib.crc32(packet, zlib.crc32(row[CHECKED]))


def damaged(path: Path | str, what: object) -> UserError:
    """The error for a shard whose content is not what was written."""
    return UserError(
        f"{path} is no clip store, or a damaged one: {what}; remove it and start again, and it is "
        f"made anew"
    )


@contextmanager
def open_shard(path: Path | str) -> Iterator[h5py.File]:
    """A shard, opened by HDF5. Raises UserError for a file that is none, or a damaged one."""
    try:
        with h5py.File(path) as file:
            yield file
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise damaged(path, str(error).strip("'\"")) from error


def read_columns(group: h5py.Group, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Rows of strings that lie in a data set a column."""
    return list(zip(*(group[name].asstr()[:].tolist() for name in names), strict=True))


def index_digest(file: h5py.File) -> str:
    """SHA-256 of everything in a shard but packets and frames."""
    digest = hashlib.sha256()
    for name in ("codec", "settings"):
        digest.update(str(file.attrs[name]).encode() + b"\0")
    for name in NUMBERS:
        digest.update(np.ascontiguousarray(file[name][:]).tobytes())
    for group, names in ((file, STORED_COLUMNS), (file["rejected"], REJECTED_COLUMNS)):
        for row in read_columns(group, names):
            digest.update("\0".join(row).encode() + b"\n")
    return digest.hexdigest()


def verify_index(path: Path | str, file: h5py.File) -> None:
    """Raise UserError for a shard whose index is not what was written."""
    if index_digest(file) != file.attrs["index_sha256"]:
        raise damaged(path, "its index differs from its checksum")
