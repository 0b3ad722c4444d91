"""Snippets from a clip store to a network: read by worker processes, finished on the device.

Workers decode and hand over whole frames as they are stored, uint8 I420, in one block of shared
memory a batch; conversion to RGB, crop, flip and normalisation run where the network does. What a
batch holds depends on (seed, epoch, clip) alone, so that neither the number of workers nor
stopping and resuming changes it.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from unseen.base.errors import UserError
from unseen.videos import sampling
from unseen.videos.clip_store import ClipStore
from unseen.videos.colour import i420_to_rgb

MEAN = (0.43216, 0.394666, 0.37645)
STD = (0.22803, 0.22145, 0.216989)
PREFETCH = 2  # requests that wait at each worker
BLOCK_QUANTILE = 0.95  # share of the clips, by size, that a block of memory is made for


@dataclass(frozen=True)
class SnippetBatch:
    """B snippets of L frames, as they travel from a worker to the device.

    `pixels` (bytes,) uint8 holds the frames that the snippets need, each once, in I420;
    `offsets` (B, L) int64 says at which byte a snippet's frames begin. `sizes` (B, 2) int64 are
    height and width in pixels, `clips` (B,) int64 positions in the store, `starts` (B,) int64
    each snippet's first frame in its clip.
    """

    pixels: torch.Tensor
    offsets: np.ndarray
    sizes: np.ndarray
    clips: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.clips)


def read_batch(
    store: ClipStore,
    clips: Sequence[int],
    indices: Sequence[np.ndarray],
    block: torch.Tensor | None = None,
) -> SnippetBatch:
    """Read the snippets of V clips: for each of them T snippets of the frames `indices` (T, L).

    A clip is decoded once; the batch holds its V * T snippets in order. Its pixels lie in `block`,
    uint8, when they fit, and in new memory otherwise.
    """
    snippets, frames = indices[0].shape
    sizes = store.sizes[clips].astype(np.int64)
    frame_bytes = sizes.prod(axis=1) * 3 // 2
    needed = [np.unique(rows, return_inverse=True) for rows in indices]
    ends = np.cumsum(frame_bytes * [len(kept) for kept, _ in needed])
    if block is None or len(block) < ends[-1]:
        block = torch.empty(int(ends[-1]), dtype=torch.uint8)
    pixels = block[: ends[-1]]
    offsets = np.empty((len(clips), snippets, frames), dtype=np.int64)
    for row, (clip, (kept, inverse)) in enumerate(zip(clips, needed, strict=True)):
        height, width = sizes[row]
        begin = ends[row] - len(kept) * frame_bytes[row]
        target = pixels.numpy()[begin : ends[row]].reshape(len(kept), height * 3 // 2, width)
        store.read(int(clip), kept, out=target)
        offsets[row] = begin + inverse.reshape(snippets, frames) * frame_bytes[row]
    return SnippetBatch(
        pixels=pixels,
        offsets=offsets.reshape(-1, frames),
        sizes=sizes.repeat(snippets, axis=0),
        clips=np.repeat(np.asarray(clips, dtype=np.int64), snippets),
        starts=np.concatenate(indices)[:, 0],
    )


def training_indices(
    store: ClipStore,
    frames: int,
    seed: int,
    frame_rate: float | None,
    request: tuple[int, np.ndarray],
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Of a request (epoch, clips (B,)): the clips, and of each its snippet's frames (1, L)."""
    epoch, clips = request
    indices = []
    for clip in clips.tolist():
        seen = _frames_seen(store, clip, frame_rate)
        start = sampling.random_start(len(seen), frames, sampling.snippet_rng(seed, epoch, clip))
        indices.append(seen[sampling.snippet_indices(np.array([start]), frames, len(seen))])
    return clips, indices


def test_indices(
    store: ClipStore,
    frames: int,
    snippets: int,
    scheme: str,
    frame_rate: float | None,
    clips: np.ndarray,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Of a request clips (V,): the clips, and of each its snippets' frames (T, L)."""
    seen = [_frames_seen(store, clip, frame_rate) for clip in clips.tolist()]
    return clips, [own[sampling.test_indices(len(own), frames, snippets, scheme)] for own in seen]


def _frames_seen(store: ClipStore, clip: int, frame_rate: float | None) -> np.ndarray:
    """(M,) the frames of a clip that snippets are taken from: all, or those at a rate."""
    if frame_rate is None:
        return np.arange(store.n_frames[clip])
    return sampling.frames_at_rate(store.times(clip), frame_rate)


class _Blocks:
    """Memory that workers fill and batches are lent, and the queue of requests that it is lent for.

    A block is free again when the last reference to its batch's pixels is gone. New memory for
    every batch would cost a third of a worker's time in page faults.
    """

    def __init__(self, count: int, size: int, shared: bool) -> None:
        self.memory = [torch.empty(0, dtype=torch.uint8) for _ in range(count)]
        for block in self.memory:
            block.set_(_new_storage(size, shared))
        self.requests: Sequence[Any] = ()
        self._free = deque(range(count))
        self._lent: deque[int | None] = deque()

    def __iter__(self) -> Iterator[tuple[int | None, Any]]:
        """Each request with a free block's number, or with None when batches hold all of them."""
        self._free.extend(block for block in self._lent if block is not None)
        self._lent.clear()
        for request in self.requests:
            self._lent.append(self._free.popleft() if self._free else None)
            yield self._lent[-1], request

    def receive(self, answer: tuple[int, SnippetBatch]) -> SnippetBatch:
        """The batch that answers the oldest request still open, its pixels in place."""
        size, batch = answer
        block = self._lent.popleft()
        if size and block is not None:
            pixels = self.memory[block].numpy()[:size]
            weakref.finalize(pixels, self._free.append, block).atexit = False
            return replace(batch, pixels=torch.from_numpy(pixels))
        if block is not None:
            self._free.append(block)
        return batch


def _new_storage(size: int, shared: bool) -> torch.UntypedStorage:
    """`size` bytes that are not touched, and so take no memory, before they are used."""
    if shared:
        return torch.UntypedStorage._new_shared(size)  # type: ignore[no-untyped-call, no-any-return]
    return torch.UntypedStorage(size)  # type: ignore[no-untyped-call]


class _Reader(Dataset[Any]):
    """What a worker does: answers (number of a block, request) with that request's batch.

    `plan` turns a request into what `read_batch` takes. The answer is (bytes in the block, batch):
    pixels that lie there are left out of the batch, since the asking process has the block too.
    """

    def __init__(
        self, store: ClipStore, plan: Callable[..., Any], blocks: list[torch.Tensor]
    ) -> None:
        self.store, self.plan, self.blocks = store, plan, blocks

    def __getitem__(self, item: tuple[int | None, Any]) -> tuple[int, SnippetBatch]:
        number, request = item
        clips, indices = self.plan(request)
        block = None if number is None else self.blocks[number]
        batch = read_batch(self.store, clips, indices, block)
        if block is None or batch.pixels.data_ptr() != block.data_ptr():
            return 0, batch
        return len(batch.pixels), replace(batch, pixels=torch.empty(0, dtype=torch.uint8))


class _Loader:
    """Batches in the order of requests, read by `workers` processes (0: this one).

    `batch_bytes` is about what a batch takes. The workers live as long as the loader.
    """

    def __init__(
        self, store: ClipStore, plan: Callable[..., Any], batch_bytes: int, workers: int
    ) -> None:
        # All requests under way, the batch that was handed out last, and the one before it.
        self.blocks = _Blocks(PREFETCH * workers + 2, batch_bytes, shared=workers > 0)
        self.answers = DataLoader(
            _Reader(store, plan, self.blocks.memory),
            sampler=self.blocks,
            batch_size=None,
            collate_fn=_as_it_is,  # type: ignore[arg-type]
            num_workers=workers,
            prefetch_factor=PREFETCH if workers else None,
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # for seeds that nothing uses; spares the global one
        )

    def batches(self, requests: Sequence[Any]) -> Iterator[SnippetBatch]:
        """The requests' batches; ends an earlier iteration that is still under way."""
        self.blocks.requests = requests
        return map(self.blocks.receive, iter(self.answers))

    def close(self) -> None:
        """End the workers. Those that are deaf to SIGTERM end no other way."""
        if self.answers._iterator is not None:
            self.answers._iterator._shutdown_workers()  # type: ignore[attr-defined]


def _as_it_is(answer: tuple[int, SnippetBatch]) -> tuple[int, SnippetBatch]:
    return answer


class TrainingLoader:
    """Batches of training snippets, epoch by epoch, from workers that live as long as the loader.

    An epoch visits `clips_per_epoch` of the positions `clips` (all of them when None or more than
    there are), each once, in an order drawn from (seed, epoch). `batch_size` counts one process's
    snippets; of `world_size` processes each takes its share of every step, and the first clips of
    the order come twice where the last step would not divide. The last batch may be smaller.
    Snippets are of `frame_rate` frames a second, or without it of consecutive frames.
    """

    def __init__(
        self,
        store: ClipStore,
        clips: np.ndarray,
        *,
        frames: int,
        batch_size: int,
        clips_per_epoch: int | None,
        seed: int,
        workers: int,
        rank: int = 0,
        world_size: int = 1,
        frame_rate: float | None = None,
    ) -> None:
        if not len(clips):
            raise UserError("no clips to train on: no stored clip has a class that is kept")
        self.clips = np.asarray(clips, dtype=np.int64)
        self.clips_per_epoch = min(clips_per_epoch or len(clips), len(clips))
        self.batch_size, self.seed = batch_size, seed
        self.rank, self.world_size = rank, world_size
        frame_bytes = np.quantile(store.sizes[self.clips].prod(axis=1) * 3 // 2, BLOCK_QUANTILE)
        plan = partial(training_indices, store, frames, seed, frame_rate)
        self._loader = _Loader(store, plan, int(frame_bytes) * frames * batch_size, workers)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-self.clips_per_epoch // (self.batch_size * self.world_size))

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[SnippetBatch]:
        """The batches of one epoch from `first_step` on; ends an earlier epoch still under way."""
        order = epoch_order(self.clips, self.clips_per_epoch, self.seed, epoch)
        order = np.resize(order, -(-len(order) // self.world_size) * self.world_size)
        own = order[self.rank :: self.world_size]
        firsts = range(first_step * self.batch_size, len(own), self.batch_size)
        return self._loader.batches(
            [(epoch, own[first : first + self.batch_size]) for first in firsts]
        )

    def close(self) -> None:
        """End the workers."""
        self._loader.close()


def epoch_order(clips: np.ndarray, clips_per_epoch: int, seed: int, epoch: int) -> np.ndarray:
    """(min(N, clips_per_epoch),) of the positions `clips` (N,), in the order of one epoch."""
    return np.random.default_rng([seed, epoch]).permutation(clips)[:clips_per_epoch]


def training_batches(
    store: ClipStore, clips: np.ndarray, *, epoch: int, first_step: int = 0, **settings: Any
) -> Iterator[SnippetBatch]:
    """The batches of a single epoch; `settings` are those of `TrainingLoader`."""
    yield from TrainingLoader(store, clips, **settings).epoch(epoch, first_step)


def video_batches(
    store: ClipStore,
    clips: np.ndarray,
    *,
    frames: int,
    snippets: int,
    scheme: str = "linear",
    workers: int = 0,
    batch_size: int = 25,
    frame_rate: float | None = None,
) -> Iterator[tuple[np.ndarray, SnippetBatch]]:
    """Test videos in order: positions (V,) and a batch of their V * `snippets` snippets.

    A batch holds as many whole videos as `batch_size` snippets allow, and at least one.
    """
    videos = max(1, batch_size // snippets)
    clips = np.asarray(clips, dtype=np.int64)
    if not len(clips):
        return
    kept = np.minimum(store.n_frames[clips], snippets * frames)
    video_bytes = np.quantile(kept * store.sizes[clips].prod(axis=1) * 3 // 2, BLOCK_QUANTILE)
    plan = partial(test_indices, store, frames, snippets, scheme, frame_rate)
    loader = _Loader(store, plan, int(video_bytes) * videos, workers)
    requests = [clips[first : first + videos] for first in range(0, len(clips), videos)]
    for batch in loader.batches(requests):
        yield batch.clips[::snippets], batch


def to_network_input(
    batch: SnippetBatch,
    *,
    crop: int,
    training: bool,
    generator_seed: Sequence[int] = (),
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    flip: bool = True,
    mean: Sequence[float] = MEAN,
    std: Sequence[float] = STD,
) -> torch.Tensor:
    """(B, 3, L, crop, crop): RGB, cropped, flipped and normalised on `device`.

    In training each snippet's place, and whether it is flipped (if `flip`), are drawn from
    `generator_seed` and the batch's clips; in testing the crop is the centre one, never flipped.

    Raises UserError when a clip is smaller than the crop.
    """
    places, flipped = _places(batch, crop, training, generator_seed)
    flipped &= flip
    pixels = _to_device(batch.pixels, torch.device(device))
    output = torch.empty(
        (len(batch), 3, batch.offsets.shape[1], crop, crop), dtype=dtype, device=device
    )
    # A GPU wants few large operations; on a CPU a snippet at a time stays in the cache.
    together = len(batch) if output.is_cuda else 1
    for first in range(0, len(batch), together):
        chunk = range(first, min(first + together, len(batch)))
        rgb = i420_to_rgb(_cut(batch, pixels, chunk, places, crop))
        for channel, offset, scale in zip(rgb.unbind(-3), mean, std, strict=True):
            channel.sub_(offset).div_(scale)
        for row, snippet in zip(chunk, rgb, strict=True):
            top, left = places[row] % 2
            window = snippet[..., top : top + crop, left : left + crop]
            output[row] = (window.flip(-1) if flipped[row] else window).transpose(0, 1)
    return output


def _to_device(pixels: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The pixels on `device`; to a GPU by way of locked pages, so that the host need not wait."""
    if device.type == "cuda":
        return pixels.pin_memory().to(device, non_blocking=True)
    return pixels.to(device)


def _places(
    batch: SnippetBatch, crop: int, training: bool, generator_seed: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """(B, 2) int64 top and left of each snippet's crop in pixels, and (B,) bool: to be flipped."""
    room = batch.sizes - crop
    if room.min() < 0:
        height, width = batch.sizes[room.min(axis=1).argmin()]
        raise UserError(
            f"training: crop is {crop} and a stored clip has {width} x {height} pixels; "
            f"lower crop or raise short_side of clips"
        )
    if not training:
        return room // 2, np.zeros(len(batch), dtype=bool)
    rng = np.random.default_rng([*generator_seed, *batch.clips])
    return rng.integers(room + 1), rng.random(len(batch)) < 0.5


def _cut(
    batch: SnippetBatch, pixels: torch.Tensor, rows: range, places: np.ndarray, crop: int
) -> torch.Tensor:
    """(b, L, S * 3 // 2, S) uint8 I420 around the crops of the snippets `rows`.

    I420 can only be cut at even places: the cut begins at the even place before the crop and is up
    to two pixels larger. What lies beyond the frame's edge is left uninitialised.
    """
    side = crop + 2 - crop % 2
    frames = batch.offsets.shape[1]
    cut = pixels.new_empty((len(rows), frames, side * 3 // 2, side))
    for target, row in zip(cut, rows, strict=True):
        source = _snippet(pixels, batch.offsets[row], *batch.sizes[row].tolist())
        top, left = places[row] // 2
        for to, plane, scale in zip(_planes(target), _planes(source), (2, 1), strict=True):
            y, x, extent = top * scale, left * scale, side * scale // 2
            window = plane[..., y : y + extent, x : x + extent]
            to[..., : window.shape[-2], : window.shape[-1]] = window
    return cut


def _snippet(pixels: torch.Tensor, offsets: np.ndarray, height: int, width: int) -> torch.Tensor:
    """(L, H * 3 // 2, W) uint8: one snippet's frames, a view where they lie one after another."""
    frame_bytes = height * width * 3 // 2
    first = int(offsets[0])
    if (np.diff(offsets) == frame_bytes).all():
        block = pixels[first : first + len(offsets) * frame_bytes]
    else:
        block = torch.cat([pixels[int(byte) : int(byte) + frame_bytes] for byte in offsets])
    return block.view(len(offsets), height * 3 // 2, width)


def _planes(i420: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Views of I420 frames (L, H * 3 // 2, W): luma (L, H, W) and chroma (L, 2, H / 2, W / 2)."""
    length, rows, width = i420.shape
    height = rows * 2 // 3
    chroma = i420[:, height:].view(length, 2, height // 2, width // 2)
    return i420[:, :height], chroma
