"""A simple opponent: the classes of the training clips that move alike, without any network.

What a trained network is worth shows beside it: a clip is a coarse map of where its frames change.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from unseen.base.files import atomic
from unseen.base.hdf5 import new_hdf5
from unseen.base.progress import progress
from unseen.network.labelled_clips import (
    TrainingSources,
    open_store,
    select_training_set,
    stored_clips,
)
from unseen.videos.clip_store import ClipStore

Array = npt.NDArray[np.float64]

NEIGHBOURS = 10
CELLS = 14
"""Cells of a map, along each side."""


def match_motion(sources: TrainingSources, shards: Sequence[Path], output: Path) -> str:
    """Write the embeddings of a test set's clips, as `embed_videos` writes them, and the digest.

    A clip's embedding (D,) is the mean of the class embeddings of the training clips whose maps
    are nearest by cosine distance. Its features are its map, from all its frames, so one snippet.
    """
    training = open_store(sources.shards)
    selected = select_training_set(stored_clips(sources.shards), sources)
    known = motion_maps(training, selected.clips)
    vectors = selected.class_embeddings[selected.labels[selected.clips]]
    store = ClipStore(shards)
    maps = motion_maps(store, np.arange(len(store)))
    embedding = nearest_mean(maps, known, vectors)
    with new_hdf5(output) as file:
        file.attrs.update(snippets=1, scheme="linear")
        file.create_dataset("clip_id", data=store.clip_ids, dtype=h5py.string_dtype())
        values: Mapping[str, npt.NDArray[np.generic]] = {
            "features": maps[:, None],
            "embedding": embedding,
            "embedding_1": embedding,
        }
        for name, value in values.items():
            file.create_dataset(name, data=value.astype(np.float32), track_times=False)
    with atomic(output.with_suffix(".txt")) as temporary:
        temporary.write_text("computed in float64 on the CPU\n", encoding="utf-8")
    return f"{len(maps)} clips beside {len(known)} of training"


def motion_maps(store: ClipStore, clips: npt.NDArray[np.int64]) -> Array:
    """(N, CELLS * CELLS) of unit length: the mean change from frame to frame in each cell."""
    maps = [motion_map(store.read_all(clip)) for clip in progress(clips.tolist(), desc="motion")]
    return np.stack(maps) if maps else np.empty((0, CELLS * CELLS))


def motion_map(frames: npt.NDArray[np.uint8]) -> Array:
    """(CELLS * CELLS,) of unit length from frames (L, H * 3 // 2, W) I420, of which the brightness
    counts; zeros where nothing moves."""
    luma = frames[:, : frames.shape[1] * 2 // 3].astype(np.int16)
    steps = np.abs(np.diff(luma, axis=0))
    change = steps.sum(axis=0) / max(1, len(steps))
    rows, columns = (np.linspace(0, side, CELLS + 1).astype(int) for side in change.shape)
    sums = np.add.reduceat(np.add.reduceat(change, rows[:-1], axis=0), columns[:-1], axis=1)
    cells: Array = (sums / np.outer(np.diff(rows), np.diff(columns))).ravel()
    norm = np.linalg.norm(cells)
    return cells / norm if norm > 0 else cells


def nearest_mean(maps: Array, known: Array, vectors: npt.NDArray[np.float32]) -> Array:
    """(M, D): for each of the maps (M, F) the mean of the vectors (N, D) of its nearest among the
    known maps (N, F); of those that tie the first."""
    nearest = np.argsort(-(maps @ known.T), axis=1, kind="stable")[:, :NEIGHBOURS]
    mean: Array = vectors.astype(np.float64)[nearest].mean(axis=1)
    return mean
