"""Small made-up results of a run on a test set, as the stages before scoring leave them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np
from unseen.class_embeddings import write_class_embeddings
from unseen.clipstore import RejectedClip, StoredClip, write_shard
from unseen.scoring import Outputs, score
from unseen.tabular import write_rows
from unseen.video import ClipSettings, encode_frames

DIMENSIONS = 24
SNIPPETS = 3


@dataclass(frozen=True)
class TestSet:
    """The files of a test set, and of a run on it."""

    __test__ = False

    embeddings: Path
    class_embeddings: Path
    labels: Path
    rejected: Path
    missing: Path

    def score(self, folder: Path, **options: object) -> Outputs:
        """Score into `folder` and return where the files went."""
        outputs = Outputs(
            folder / "predictions.csv",
            folder / "metrics.csv",
            folder / "per_class.csv",
            folder / "confusions.csv",
        )
        score(*(getattr(self, name) for name in asdict(self)), outputs, **options)
        return outputs


def class_vectors(count: int, seed: int = 0) -> np.ndarray:
    """(count, DIMENSIONS) random unit vectors."""
    vectors = np.random.default_rng([seed, count]).normal(size=(count, DIMENSIONS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_test_set(
    folder: Path,
    classes: Sequence[str],
    videos: Mapping[str, str],
    *,
    vectors: np.ndarray | None = None,
    noise: float = 0.5,
    rejected: Mapping[str, str] | None = None,
    missing: Mapping[str, str] | None = None,
    labelled: bool = True,
    seed: int = 0,
) -> TestSet:
    """Write a test set whose videos lie near their classes; mappings are of clip ids to classes."""
    folder.mkdir(parents=True, exist_ok=True)
    vectors = class_vectors(len(classes)) if vectors is None else vectors
    rejected, missing = rejected or {}, missing or {}
    files = TestSet(
        folder / "videos.h5",
        folder / "classes.h5",
        folder / "labels.csv",
        folder / "rejected.csv",
        folder / "missing.csv",
    )
    write_class_embeddings(files.class_embeddings, classes, vectors)
    rng = np.random.default_rng(seed)
    centres = vectors[[list(classes).index(name) for name in videos.values()]]
    snippets = centres.reshape(-1, 1, DIMENSIONS) + noise * rng.normal(
        size=(len(videos), SNIPPETS, DIMENSIONS)
    )
    write_embeddings(files.embeddings, list(videos), snippets)
    labels = {**videos, **rejected} if labelled else {}
    rows = [{"clip_id": clip, "class": name} for clip, name in labels.items()]
    write_rows(files.labels, ["clip_id", "class"], rows)
    write_rows(
        files.rejected,
        ["clip_id", "path", "reason"],
        [{"clip_id": clip, "path": clip, "reason": "no video stream"} for clip in rejected],
    )
    write_rows(
        files.missing,
        ["clip_id", "class"],
        [{"clip_id": clip, "class": name} for clip, name in missing.items()],
    )
    return files


def write_embeddings(path: Path, clip_ids: Sequence[str], snippets: np.ndarray) -> None:
    """Write video embeddings whose features (N, T, D) are the snippets' own embeddings."""
    with h5py.File(path, "w") as store:
        store.create_dataset("clip_id", data=list(clip_ids), dtype=h5py.string_dtype())
        store["features"] = snippets.astype(np.float32)
        store["embedding"] = snippets.mean(axis=1).astype(np.float32)
        store["embedding_1"] = snippets[:, snippets.shape[1] // 2].astype(np.float32)


def named(classes: Sequence[str], each: int) -> dict[str, str]:
    """`each` clips of every class, by id."""
    return {f"{name}/{number}.avi": name for name in classes for number in range(each)}


def make_shard(path: Path, clip_ids: Sequence[str], rejected: Sequence[str] = ()) -> None:
    """A clip store whose clips are plain, each of its own colour."""
    settings = ClipSettings(short_side=32, min_frames=1)
    rng = np.random.default_rng(0)
    outcomes: list[StoredClip | RejectedClip] = [
        RejectedClip(clip, clip, "no video stream") for clip in rejected
    ]
    for clip in clip_ids:
        frames = np.empty((4, 32, 48, 3), np.uint8)
        frames[:] = rng.integers(40, 216, 3)
        outcomes.append(StoredClip(clip, clip, "0" * 64, encode_frames(frames, settings)))
    write_shard(
        path, outcomes, settings=json.loads(json.dumps(asdict(settings))), listed=len(outcomes)
    )
