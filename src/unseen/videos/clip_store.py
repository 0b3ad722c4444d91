"""The clip store: HDF5 shards of short-GOP clips, written once and read by frame index.

A shard holds the packets of all its clips in one contiguous row of bytes, clip after clip and
frame after frame. Beside it lie, for each clip, its id, path, size, rate and the SHA-256 of its
source, and for each frame the offset of its packet and the key frame from which to decode it.
Clips that could not be stored are named in the shard with the reason. Everything large is laid
out contiguously, so that a reader takes it straight from the file, without HDF5 and its caches.

    packets               (B,) uint8       all packets
    packet_offsets        (F + 1,) int64   where in `packets` each frame's packet begins
    key_frames            (F,) int32       for each frame its key frame, counted within the clip
    first_frame           (N + 1,) int64   where in the two rows above each clip begins
    sizes                 (N, 2) int32     height and width
    fps                   (N,) float64     the source's average rate
    clip_id, path, source_sha256           (N,) strings
    rejected/clip_id, path, reason         strings
    attributes: codec, settings (JSON)
"""

import csv
import json
import os
import tempfile
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import IO, Any

import av
import h5py
import numpy as np

from unseen.base.errors import UserError
from unseen.base.files import atomic, file_digest, json_digest, write_digest
from unseen.base.names import locate
from unseen.base.progress import progress
from unseen.videos.settings import ClipSettings
from unseen.videos.video import EncodedClip, VideoError, check_encoder, transcode

PADDING = 64  # zero bytes that a decoder may read behind a packet
VECTORS = 1024  # slices that one preadv takes
OPEN_FILES = 256
MANIFEST_COLUMNS = ["clip_id", "path", "start_s", "end_s", "fingerprint"]
REJECTED_COLUMNS = ["clip_id", "path", "reason"]


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


@dataclass(frozen=True)
class ManifestRow:
    """One listed clip: a whole file, or the part of it from `start_s` to `end_s`."""

    clip_id: str
    path: str
    start_s: float | None
    end_s: float | None


def read_manifest(manifest: Path) -> list[ManifestRow]:
    """Rows of a manifest's shard, sorted by clip id. Raises UserError for a faulty row."""
    with Path(manifest).open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        missing = set(MANIFEST_COLUMNS) - set(reader.fieldnames or [])
        if missing:
            raise UserError(f"{manifest}: no column {', '.join(sorted(missing))}")
        rows = [_manifest_row(row, f"{manifest}, line {reader.line_num}") for row in reader]
    repeated = [clip for clip, count in Counter(row.clip_id for row in rows).items() if count > 1]
    if repeated:
        raise UserError(f"{manifest}: clip id {repeated[0]!r} is listed more than once")
    return sorted(rows, key=lambda row: row.clip_id)


def _manifest_row(row: Mapping[str, str], where: str) -> ManifestRow:
    try:
        start_s, end_s = (float(row[key]) if row[key] else None for key in ("start_s", "end_s"))
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: start_s and end_s must be seconds or empty") from error
    return ManifestRow(row["clip_id"], row["path"], start_s, end_s)


def decode_shard(
    manifest: Path, root: Path, output: Path, settings: ClipSettings, workers: int
) -> None:
    """Decode the clips that a manifest lists below `root` into the shard `output`.

    `workers` ffmpeg processes run at a time; the shard's bytes do not depend on their number.
    Every listed clip ends in the shard, stored or rejected with a reason. The time that ffmpeg is
    given is no part of what the shard says of itself.
    """
    rows = read_manifest(manifest)
    if rows:
        check_encoder(settings)
    lasting = {key: value for key, value in asdict(settings).items() if key != "timeout_s"}
    digests = _SourceDigests(Path(root))
    decode = partial(_decode, root=Path(root), settings=settings, digests=digests)
    with ThreadPoolExecutor(workers) as pool:
        outcomes = _map_ahead(pool, decode, rows, ahead=2 * workers)
        shown = progress(outcomes, total=len(rows), desc=f"decoding {manifest}", unit="clip")
        write_shard(output, shown, settings=lasting, listed=len(rows))


class _SourceDigests:
    """SHA-256 of sources below `root`, computed once for all segments of a file.

    Raises VideoError for a file that has gone.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, str] = {}
        self.lock = threading.Lock()

    def __call__(self, path: str) -> str:
        with self.lock:
            if path not in self.known:
                try:
                    self.known[path] = file_digest(locate(self.root, path))
                except OSError as error:
                    raise VideoError(f"the file cannot be read: {error.strerror}") from error
            return self.known[path]


def _decode(
    row: ManifestRow, *, root: Path, settings: ClipSettings, digests: _SourceDigests
) -> StoredClip | RejectedClip:
    try:
        clip = transcode(
            locate(root, row.path), start_s=row.start_s, end_s=row.end_s, settings=settings
        )
        return StoredClip(row.clip_id, row.path, digests(row.path), clip)
    except VideoError as error:
        return RejectedClip(row.clip_id, row.path, str(error))


def _map_ahead(pool: ThreadPoolExecutor, function, items: Iterable, ahead: int) -> Iterator:
    """Like `pool.map`, in order, but with at most `ahead` results waiting in memory."""
    pending: deque[Future] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


@dataclass
class _Index:
    """What a shard says about its clips, gathered while their packets are spooled."""

    stored: list[tuple[str, str, str]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    fps: list[float] = field(default_factory=list)
    packet_sizes: list[np.ndarray] = field(default_factory=list)
    key_frames: list[np.ndarray] = field(default_factory=list)
    rejected: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, outcome: StoredClip | RejectedClip) -> None:
        if isinstance(outcome, RejectedClip):
            self.rejected.append((outcome.clip_id, outcome.path, outcome.reason))
            return
        clip = outcome.clip
        self.stored.append((outcome.clip_id, outcome.path, outcome.source_sha256))
        self.sizes.append((clip.height, clip.width))
        self.fps.append(clip.fps)
        self.packet_sizes.append(np.array([len(packet) for packet in clip.packets], np.int64))
        self.key_frames.append(np.asarray(clip.key_frames, np.int32))


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
    write_digest(output)


def _write_hdf5(path: Path, index: _Index, spool: IO[bytes], settings: Mapping[str, Any]) -> None:
    sizes = np.concatenate([np.zeros(0, np.int64), *index.packet_sizes])
    lengths = [len(clip) for clip in index.packet_sizes]
    with h5py.File(path, "w", libver="v110") as file:
        file.attrs["codec"] = settings["codec"]
        file.attrs["settings"] = json.dumps(dict(settings), sort_keys=True)
        _write(file, "packet_offsets", np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))
        _write(file, "key_frames", np.concatenate([np.zeros(0, np.int32), *index.key_frames]))
        _write(file, "first_frame", np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
        _write(file, "sizes", np.asarray(index.sizes, np.int32).reshape(-1, 2))
        _write(file, "fps", np.asarray(index.fps, np.float64))
        _write_columns(file, ["clip_id", "path", "source_sha256"], index.stored)
        _write_columns(file.create_group("rejected"), REJECTED_COLUMNS, index.rejected)
        _write_packets(file, spool, int(sizes.sum()))


def _write(group: h5py.Group, name: str, values: np.ndarray) -> None:
    group.create_dataset(name, data=values, track_times=False)


def _write_columns(group: h5py.Group, names: list[str], rows: list[tuple[str, ...]]) -> None:
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


def merge_rejected(
    shards: Sequence[Path],
    output_csv: Path,
    limit_percent: float,
    dataset: str,
    source_digest: Path | None = None,
) -> None:
    """Gather the shards' rejected clips in `rejected/{dataset}.csv`, sorted by clip id.

    `source_digest` receives the digest of the data set's sources (`ClipStore.source_digest`).

    Raises UserError when more than `limit_percent` of the listed clips are rejected, after each
    with its reason is printed.
    """
    rejected: list[tuple[str, str, str]] = []
    listed = 0
    for shard in shards:
        with h5py.File(shard) as file:
            rows = _read_columns(file["rejected"], REJECTED_COLUMNS)
            listed += len(file["clip_id"]) + len(rows)
        rejected += rows
    with atomic(output_csv) as temporary, temporary.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(REJECTED_COLUMNS)
        writer.writerows(sorted(rejected))
    print(f"{dataset}: {listed} listed, {listed - len(rejected)} stored, {len(rejected)} rejected")
    if source_digest:
        with atomic(source_digest) as temporary:
            temporary.write_text(ClipStore(shards).source_digest + "\n")
    for clip_id, _, reason in sorted(rejected):
        print(f"rejected {clip_id}: {reason}")
    if len(rejected) * 100 > limit_percent * listed:
        raise UserError(_limit_message(rejected, listed, limit_percent, dataset))


def _limit_message(
    rejected: list[tuple[str, str, str]], listed: int, limit_percent: float, dataset: str
) -> str:
    reason, count = Counter(reason for _, _, reason in rejected).most_common(1)[0]
    return (
        f"{dataset}: {len(rejected)} of {listed} clips are unusable, more than the allowed "
        f"{limit_percent:g}%; {count} because: {reason}. "
        f"Mend the files, or raise the limit in the configuration"
    )


def _read_columns(group: h5py.Group, names: list[str]) -> list[tuple[str, ...]]:
    return list(zip(*(group[name].asstr()[:].tolist() for name in names), strict=True))


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


@dataclass(frozen=True)
class _Shard:
    """Where a shard's rows of bytes begin in its file."""

    path: str
    codec: str
    packets: int
    packet_offsets: int
    key_frames: int


class ClipStore:
    """Clips of one or more shards, read by their position: shard after shard, row after row.

    `n_frames` (N,) int64, `sizes` (N, 2) int32 height and width, `fps` (N,) float64. What stays
    in memory is about forty bytes a clip; frames are read from the files when they are asked for.
    Pickling carries no open file and no decoder, so that each worker opens its own.
    """

    def __init__(self, shards: Sequence[Path | str]) -> None:
        self.paths = [str(path) for path in shards]
        self._shards: list[_Shard] = []
        first, sizes, fps, lengths = [], [], [], []
        for path in self.paths:
            with _open_shard(path) as file:
                self._shards.append(_locate(path, file))
                first.append(file["first_frame"][:])
                sizes.append(file["sizes"][:])
                fps.append(file["fps"][:])
                lengths.append(len(file["fps"]))
        self._shard_start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self._first_frame = np.concatenate([np.zeros(0, np.int64), *(row[:-1] for row in first)])
        self.n_frames = np.concatenate([np.zeros(0, np.int64), *map(np.diff, first)])
        self.sizes = np.concatenate([np.zeros((0, 2), np.int32), *sizes])
        self.fps = np.concatenate([np.zeros(0), *fps])
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
    def _stored(self) -> list[tuple[str, str, str]]:
        """(clip id, path, source's SHA-256) of each clip."""
        rows = []
        for path in self.paths:
            with _open_shard(path) as file:
                rows += _read_columns(file, ["clip_id", "path", "source_sha256"])
        return rows

    @property
    def clip_ids(self) -> list[str]:
        """The clips' ids, in the order of their positions."""
        return [clip_id for clip_id, _, _ in self._stored]

    @property
    def rejected(self) -> list[tuple[str, str, str]]:
        """(clip id, path, reason) of every listed clip that is not in the store."""
        rows = []
        for path in self.paths:
            with _open_shard(path) as file:
                rows += _read_columns(file["rejected"], REJECTED_COLUMNS)
        return rows

    @cached_property
    def source_digest(self) -> str:
        """Digest of the sources' contents and of how they were made into clips.

        It does not change with the number of shards, the sources' places or the ffmpeg build.
        """
        settings = set()
        for path in self.paths:
            with _open_shard(path) as file:
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

    def _decode(self, clip: int, wanted: np.ndarray) -> Iterator[av.VideoFrame]:
        """The frames `wanted` (sorted, unique) of a clip, decoding from their key frames on."""
        number = int(np.searchsorted(self._shard_start, clip, side="right")) - 1
        shard = self._shards[number]
        begin = int(self._first_frame[clip])
        keys = self._read_row(number, shard.key_frames, np.int32, begin, wanted[-1] + 1)
        needed = frames_to_decode(wanted, keys)
        decoder = self._decoder(shard.codec)
        decoded = 0
        try:
            for frame in _decode_packets(decoder, self._packets(number, begin, needed)):
                if _contains(wanted, needed[decoded]):
                    yield frame
                decoded += 1
        finally:
            decoder.flush_buffers()
        if decoded != len(needed):
            raise RuntimeError(f"{shard.path}: clip {clip} gave {decoded} of {len(needed)} frames")

    def _packets(self, number: int, begin: int, frames: np.ndarray) -> Iterator[memoryview]:
        """The packets of a clip's `frames` (sorted), each with `PADDING` behind it."""
        shard = self._shards[number]
        for run in np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1):
            offsets = self._read_row(
                number, shard.packet_offsets, np.int64, begin + run[0], len(run) + 1
            )
            yield from read_padded(
                self._file(number), shard.packets + int(offsets[0]), np.diff(offsets)
            )

    def _read_row(
        self, number: int, offset: int, dtype: type, start: int, count: int
    ) -> np.ndarray:
        """`count` numbers from `start` on, of a row that begins at `offset` in a shard's file."""
        size = np.dtype(dtype).itemsize
        return np.frombuffer(
            os.pread(self._file(number), int(count) * size, offset + int(start) * size), dtype
        )

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
            decoder = av.CodecContext.create(codec, "r")
            decoder.thread_type = "NONE"
            self._decoders[codec] = decoder
        return self._decoders[codec]


def _open_shard(path: str) -> h5py.File:
    try:
        return h5py.File(path)
    except OSError as error:
        raise UserError(f"{path} is no clip store, or a damaged one: {error}") from error


def _locate(path: str, file: h5py.File) -> _Shard:
    """Where the rows that `ClipStore` reads without HDF5 begin; an empty row has no place."""
    names = ("packets", "packet_offsets", "key_frames")
    offsets = {name: file[name].id.get_offset() or 0 for name in names}
    return _Shard(path=path, codec=file.attrs["codec"], **offsets)


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
            raise RuntimeError("a clip store's shard ends too early; run the check of the store")
        offset += expected
    return packets


def _decode_packets(
    decoder: av.VideoCodecContext, packets: Iterable[memoryview]
) -> Iterator[av.VideoFrame]:
    for packet in packets:
        yield from decoder.decode(av.Packet(packet))
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
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        size = plane.height * plane.width
        target = flat[position : position + size].reshape(plane.height, plane.width)
        target[:] = rows[:, : plane.width]
        position += size
