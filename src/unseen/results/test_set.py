"""What is scored: a run's embeddings of a test set, its classes, and what the clips truly are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unseen.base.errors import UserError
from unseen.base.hdf5 import open_hdf5, read_array, read_texts
from unseen.base.tabular import read_rows
from unseen.classes.class_embedding_file import read_class_embeddings
from unseen.results.nearest import cosine_distances


@dataclass(frozen=True)
class Videos:
    """A run's embeddings of a test set: (N, D) arrays by the number of snippets behind them."""

    clip_ids: list[str]
    embeddings: dict[int, np.ndarray]
    cosines: dict[int, np.ndarray] | None = None
    """(N, C) to the classes `classes`, of a model whose classes depend on the video."""
    classes: tuple[str, ...] = ()

    @property
    def snippets(self) -> int:
        """T, the larger number of snippets."""
        return max(self.embeddings)


@dataclass(frozen=True)
class Truth:
    """What a test set should have been called: an index into the sorted classes for each clip.

    `readable` (N,) belongs to the embedded videos, with -1 for a video without a label; `rejected`
    (R,) and `missing` to the clips that have no embedding. `clip_ids` names the readable and then
    the rejected clips, and `sources` (N + R,) numbers what they were cut from, alike for clips of
    one source.
    """

    readable: np.ndarray
    rejected: np.ndarray
    missing: np.ndarray
    clip_ids: tuple[str, ...]
    sources: np.ndarray


def read_videos(path: Path) -> Videos:
    """The embeddings of a test set, from one snippet and from all snippets."""
    with open_hdf5(path, "video embeddings") as store:
        clip_ids = read_texts(store, "clip_id")
        snippets = int(store.attrs["snippets"])
        count = len(clip_ids)
        single = read_array(store, "embedding_1", count, None)
        mean = read_array(store, "embedding", count, single.shape[1])
        classes = tuple(read_texts(store, "classes")) if "cosines" in store else ()
        cosines = {
            number: read_array(store, name, count, len(classes))
            for number, name in {1: "cosines_1", snippets: "cosines"}.items()
            if classes
        }
    embeddings = {1: single, snippets: mean}
    for embedding in embeddings.values():
        broken = np.flatnonzero(~np.isfinite(embedding).all(axis=1))
        if broken.size:
            raise UserError(
                f"{path}: the embedding of {clip_ids[broken[0]]} is not finite: "
                f"the training has diverged; try a smaller learning_rate"
            )
    return Videos(clip_ids, embeddings, cosines or None, classes)


def project_classes(path: Path, vectors: np.ndarray) -> np.ndarray:
    """Class embeddings (C, D) in the videos' space: unchanged, or through the run's class encoder.

    A run of the contrastive loss with projection heads keeps the class side's two layers, a ReLU
    between them, beside its video embeddings.
    """
    with open_hdf5(path, "video embeddings") as store:
        if "class_encoder" not in store:
            return vectors
        width = store["class_encoder/bias_0"].size
        first = read_array(store, "class_encoder/weight_0", width, vectors.shape[1])
        second = read_array(store, "class_encoder/weight_1", None, width)
        biases = [read_array(store, f"class_encoder/bias_{layer}", None) for layer in (0, 1)]
    hidden = np.maximum(vectors @ first.T + biases[0], 0)
    projected: np.ndarray = hidden @ second.T + biases[1]
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    return projected


def class_distances(
    path: Path, videos: Videos, classes: Sequence[str], vectors: np.ndarray, order: np.ndarray
) -> dict[int, np.ndarray]:
    """(N, C) distances to the classes, dealt out in another `order`, by the number of snippets:
    cosine distances to `vectors` (C, D), or what was compared while the videos were at hand."""
    if videos.cosines is None:
        projected = project_classes(path, vectors)[order]
        return {number: cosine_distances(of, projected) for number, of in videos.embeddings.items()}
    if {*videos.classes} != {*classes}:
        raise UserError(f"{path} was compared with other classes than those of the test set")
    place = [videos.classes.index(name) for name in classes]
    return {number: 1 - of[:, place][:, order] for number, of in videos.cosines.items()}


def read_classes(path: Path) -> tuple[list[str], np.ndarray]:
    """The classes sorted by code point, and their embeddings (C, D) in that order."""
    names, vectors = read_class_embeddings(path)
    if len(names) < 2:
        raise UserError(f"{path} holds {len(names)} classes: at least 2 are needed to score")
    order = sorted(range(len(names)), key=names.__getitem__)
    return [names[index] for index in order], vectors[order]


def read_truth(
    clip_ids: Sequence[str],
    classes_of: dict[str, str],
    classes: Sequence[str],
    rejected: Path,
    missing: Path,
    sources: Path | None = None,
) -> Truth:
    """The true classes of embedded, rejected and missing clips; no labelled clip may be lost.

    `sources` is a CSV (`clip_id,source`); a clip that it does not name is its own source, and so is
    a photograph, whatever the number of its clips.
    """
    rejected_ids = [row["clip_id"] for row in read_rows(rejected, ["clip_id"])]
    missing_classes = [row["class"] for row in read_rows(missing, ["class"])]
    names = [_class_of(clip, classes_of) for clip in clip_ids]
    rejected_names = [_class_of(clip, classes_of) for clip in rejected_ids]
    _check_complete(classes_of, [*clip_ids, *rejected_ids])

    index_of = {name: index for index, name in enumerate(classes)}
    unknown = sorted({*filter(None, [*names, *rejected_names])} - index_of.keys())
    if unknown:
        raise UserError(
            f"labels name the class {unknown[0]}, which has no class embedding: "
            f"add it to the class list of the data set, or exclude it there"
        )
    known = (c for c, name in zip(rejected_ids, rejected_names, strict=True) if name)
    all_ids = (*clip_ids, *known)
    return Truth(
        np.array([index_of[name] if name else -1 for name in names], dtype=int),
        np.array([index_of[name] for name in rejected_names if name], dtype=int),
        np.array([index_of[name] for name in missing_classes if name in index_of], dtype=int),
        all_ids,
        _sources(all_ids, sources),
    )


def _sources(clip_ids: Sequence[str], path: Path | None) -> np.ndarray:
    """(N,) numbers, alike for clips of one source."""
    rows = read_rows(path, ["clip_id", "source"]) if path else []
    of_clip = {row["clip_id"]: f"source {row['source']}" for row in rows if row["source"]}
    names = []
    for clip in clip_ids:
        whole = clip.rpartition("#")[0] or clip
        names.append(of_clip.get(clip) or of_clip.get(whole) or f"clip {whole}")
    number = {name: index for index, name in enumerate(dict.fromkeys(names))}
    return np.array([number[name] for name in names], dtype=int)


def classes_of_clips(labels: Path) -> dict[str, str]:
    """The class of each labelled clip."""
    rows = read_rows(labels, ["clip_id", "class"])
    return {row["clip_id"]: row["class"] for row in rows if row["class"]}


def _class_of(clip_id: str, classes_of: dict[str, str]) -> str | None:
    """A clip's class; a photograph's clips, `<photograph>#<number>`, have the photograph's."""
    return classes_of.get(clip_id) or classes_of.get(clip_id.rpartition("#")[0])


def check_test_set(path: Path, videos: Videos, rejected: Path, missing: Path) -> None:
    if not videos.clip_ids:
        raise UserError(
            f"{path} holds no video: the test set is empty ({len(read_rows(rejected))} rejected, "
            f"see {rejected}; {len(read_rows(missing))} missing)"
        )


def _check_complete(classes_of: dict[str, str], clip_ids: Iterable[str]) -> None:
    """Every labelled clip is embedded or rejected."""
    known = {name for clip in clip_ids for name in (clip, clip.rpartition("#")[0])}
    lost = [clip for clip in classes_of if clip not in known]
    if lost:
        raise UserError(
            f"{len(lost)} labelled clips are neither embedded nor rejected, {lost[0]} the first: "
            f"labels and embeddings belong to different states of the data set"
        )
