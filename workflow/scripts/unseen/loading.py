"""Snippets from a clip store to a network: read by worker processes, finished on the device.

Workers decode and hand over whole frames as they are stored, uint8 I420, in one block of shared
memory a batch; conversion to RGB, crop, flip and normalisation run where the network does. What a
batch holds depends on (seed, epoch, clip) alone, so that neither the number of workers nor
stopping and resuming changes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from unseen import sampling
from unseen.clipstore import ClipStore
from unseen.errors import UserError
from unseen.video import i420_to_rgb

MEAN = (0.43216, 0.394666, 0.37645)
STD = (0.22803, 0.22145, 0.216989)


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

    def pin_memory(self) -> SnippetBatch:
        """The same batch in page-locked memory, which a GPU copies while the host goes on."""
        return replace(self, pixels=self.pixels.pin_memory())


def read_batch(
    store: ClipStore, clips: Sequence[int], indices: Sequence[np.ndarray]
) -> SnippetBatch:
    """Read the snippets of V clips: for each of them T snippets of the frames `indices` (T, L).

    A clip is decoded once; the batch holds its V * T snippets in order.
    """
    snippets, frames = indices[0].shape
    sizes = store.sizes[clips].astype(np.int64)
    frame_bytes = sizes.prod(axis=1) * 3 // 2
    needed = [np.unique(rows, return_inverse=True) for rows in indices]
    ends = np.cumsum(frame_bytes * [len(kept) for kept, _ in needed])
    pixels = _block(int(ends[-1]))
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


def _block(size: int) -> torch.Tensor:
    """(size,) uint8, uninitialised; in a worker it lies in shared memory and travels uncopied."""
    block = torch.empty(0, dtype=torch.uint8)
    if get_worker_info() is None:
        return block.new_empty(size)
    return block.set_(torch.UntypedStorage._new_shared(size))


class _TrainingSnippets(Dataset):
    """Answers (epoch, clips (B,)) with one random snippet of each clip."""

    def __init__(self, store: ClipStore, frames: int, seed: int) -> None:
        self.store, self.frames, self.seed = store, frames, seed

    def __getitem__(self, request: tuple[int, np.ndarray]) -> SnippetBatch:
        epoch, clips = request
        return read_batch(self.store, clips, [self._indices(epoch, int(clip)) for clip in clips])

    def _indices(self, epoch: int, clip: int) -> np.ndarray:
        """(1, L) frames of the clip's snippet in this epoch."""
        n_frames = int(self.store.n_frames[clip])
        rng = sampling.snippet_rng(self.seed, epoch, clip)
        start = sampling.random_start(n_frames, self.frames, rng)
        return sampling.snippet_indices(np.array([start]), self.frames, n_frames)


class _TestSnippets(Dataset):
    """Answers clips (V,) with the T snippets of each, by a scheme of `sampling.test_indices`."""

    def __init__(self, store: ClipStore, frames: int, snippets: int, scheme: str) -> None:
        self.store, self.frames, self.snippets, self.scheme = store, frames, snippets, scheme

    def __getitem__(self, clips: np.ndarray) -> SnippetBatch:
        indices = [
            sampling.test_indices(
                int(self.store.n_frames[clip]), self.frames, self.snippets, self.scheme
            )
            for clip in clips
        ]
        return read_batch(self.store, clips, indices)


def _loader(dataset: Dataset, requests: list, workers: int) -> DataLoader:
    """Answers `requests` in order, by `workers` processes (0: this one).

    Pages are locked where there is a GPU. The loader draws its workers' seeds, which nothing here
    uses, from a generator of its own: the global one stays as it is.
    """
    return DataLoader(
        dataset,
        sampler=requests,
        batch_size=None,
        collate_fn=_as_it_is,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),
    )


def _as_it_is(batch: SnippetBatch) -> SnippetBatch:
    return batch


class TrainingLoader:
    """Batches of training snippets, epoch by epoch, from workers that live as long as the loader.

    An epoch visits `clips_per_epoch` of the positions `clips` (all of them when None or more than
    there are), each once, in an order drawn from (seed, epoch). `batch_size` counts one process's
    snippets; of `world_size` processes each takes its share of every step, and the first clips of
    the order come twice where the last step would not divide. The last batch may be smaller.
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
    ) -> None:
        if not len(clips):
            raise UserError("no clips to train on: no stored clip has a class that is kept")
        self.clips = np.asarray(clips, dtype=np.int64)
        self.clips_per_epoch = min(clips_per_epoch or len(clips), len(clips))
        self.batch_size, self.seed = batch_size, seed
        self.rank, self.world_size = rank, world_size
        self._requests: list[tuple[int, np.ndarray]] = []
        self._loader = _loader(_TrainingSnippets(store, frames, seed), self._requests, workers)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-self.clips_per_epoch // (self.batch_size * self.world_size))

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[SnippetBatch]:
        """The batches of one epoch from `first_step` on; ends an earlier epoch still under way."""
        order = epoch_order(self.clips, self.clips_per_epoch, self.seed, epoch)
        order = np.resize(order, -(-len(order) // self.world_size) * self.world_size)
        own = order[self.rank :: self.world_size]
        self._requests[:] = [
            (epoch, own[first : first + self.batch_size])
            for first in range(first_step * self.batch_size, len(own), self.batch_size)
        ]
        return iter(self._loader)


def epoch_order(clips: np.ndarray, clips_per_epoch: int, seed: int, epoch: int) -> np.ndarray:
    """(min(N, clips_per_epoch),) of the positions `clips` (N,), in the order of one epoch."""
    return np.random.default_rng([seed, epoch]).permutation(clips)[:clips_per_epoch]


def training_batches(
    store: ClipStore, clips: np.ndarray, *, epoch: int, first_step: int = 0, **settings: object
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
) -> Iterator[tuple[np.ndarray, SnippetBatch]]:
    """Test videos in order: positions (V,) and a batch of their V * `snippets` snippets.

    A batch holds as many whole videos as `batch_size` snippets allow, and at least one.
    """
    videos = max(1, batch_size // snippets)
    clips = np.asarray(clips, dtype=np.int64)
    requests = [clips[first : first + videos] for first in range(0, len(clips), videos)]
    dataset = _TestSnippets(store, frames, snippets, scheme)
    for batch in _loader(dataset, requests, workers):
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
    pixels = batch.pixels.to(device, non_blocking=True)
    scale = [torch.tensor(value, device=device)[:, None, None] for value in (mean, std)]
    output = torch.empty(
        (len(batch), 3, batch.offsets.shape[1], crop, crop), dtype=dtype, device=device
    )
    # A GPU wants few large operations; on a CPU a snippet at a time stays in the cache.
    together = len(batch) if output.is_cuda else 1
    for first in range(0, len(batch), together):
        chunk = range(first, min(first + together, len(batch)))
        rgb = i420_to_rgb(_cut(batch, pixels, chunk, places, crop)).sub_(scale[0]).div_(scale[1])
        for row, snippet in zip(chunk, rgb, strict=True):
            top, left = places[row] % 2
            window = snippet[..., top : top + crop, left : left + crop]
            output[row] = (window.flip(-1) if flipped[row] else window).transpose(0, 1)
    return output


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
