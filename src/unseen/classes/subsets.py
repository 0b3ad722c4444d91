"""Subsets of training classes and clips: random, nested, or from one cluster (Fig. 4 to 6).

Names are ordered by a digest of seed, repeat and name, and a subset takes the first of them. So a
smaller subset lies in a larger one, and a class or clip more or less moves no other one.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from unseen.base.errors import UserError
from unseen.base.files import atomic
from unseen.classes.class_embedding_file import read_class_embeddings


def write_subset(
    kept: Path,
    class_embeddings: Sequence[Path],
    subset: Mapping[str, int],
    seed: int,
    output: Path,
) -> str:
    """Write a subset of a run's kept classes, one name a line, and return what it holds in words.

    `subset` has the keys `classes` (how many), and if need be `repeat`, `clusters`, `cluster`.
    """
    vectors: dict[str, np.ndarray] = {}
    for path in class_embeddings:
        vectors |= dict(zip(*read_class_embeddings(path), strict=True))
    classes = kept.read_text().splitlines()
    settings = dict(subset)
    count = settings.pop("classes")
    embeddings = np.stack([vectors[name] for name in classes])
    chosen = select_classes(classes, embeddings, count, seed=seed, **settings)
    with atomic(output) as temporary:
        temporary.write_text("".join(f"{name}\n" for name in chosen))
    return f"{len(chosen)} of {len(classes)} classes: {', '.join(chosen)}"


def select_classes(
    classes: Sequence[str],
    embeddings: np.ndarray,
    count: int,
    *,
    seed: int,
    repeat: int = 0,
    clusters: int = 1,
    cluster: int | None = None,
) -> list[str]:
    """`count` of the classes, sorted; with `clusters` above 1 all of them from one cluster.

    The clusters are those of `embeddings` (C, D). It is a random one that has enough classes, or
    the one numbered `cluster`.
    """
    if clusters == 1:
        candidates = list(classes)
    else:
        groups = cluster_classes(classes, embeddings, clusters, seed)
        candidates = _choose(groups, count, seed, repeat, cluster)
    if len(candidates) < count:
        raise UserError(f"{count} training classes were asked for, but there are {len(candidates)}")
    return sorted(ordered(candidates, seed, repeat)[:count])


def cluster_classes(
    classes: Sequence[str], embeddings: np.ndarray, clusters: int, seed: int
) -> list[list[str]]:
    """k-means clusters of the classes by their unit embeddings (C, D), ordered by first names."""
    from sklearn.cluster import KMeans

    if len(classes) < clusters:
        raise UserError(f"{len(classes)} training classes cannot make {clusters} clusters")
    order = sorted(range(len(classes)), key=classes.__getitem__)
    rows = embeddings[order].astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = KMeans(clusters, n_init=10, random_state=seed).fit_predict(rows)
    groups: dict[int, list[str]] = {}
    for index, group in zip(order, found.tolist(), strict=True):
        groups.setdefault(group, []).append(classes[index])
    return list(groups.values())


def select_clips(
    clip_ids: Sequence[str], fraction: float, *, seed: int, repeat: int = 0
) -> list[str]:
    """A random fraction of the clips of any class, at least one, in their given order."""
    count = max(1, round(fraction * len(clip_ids)))
    chosen = set(ordered(clip_ids, seed, repeat)[:count])
    return [clip for clip in clip_ids if clip in chosen]


def ordered(names: Iterable[str], seed: int, repeat: int) -> list[str]:
    """Names in a random order that seed and repeat decide, each name's place by itself."""
    return sorted(names, key=lambda name: _place(f"{seed}/{repeat}/{name}"))


def _place(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _choose(
    groups: list[list[str]], count: int, seed: int, repeat: int, cluster: int | None
) -> list[str]:
    """The numbered cluster, or a random one with at least `count` classes."""
    if cluster is not None:
        return groups[cluster]
    enough = [group for group in groups if len(group) >= count]
    if not enough:
        sizes = ", ".join(str(len(group)) for group in groups)
        raise UserError(
            f"no cluster holds {count} training classes (the {len(groups)} clusters hold {sizes}): "
            f"lower figures.cluster_classes or the number of clusters"
        )
    # Another order than that of the classes: else the first class of each cluster would come first
    # in the order that has chosen its cluster, and be drawn nearly always.
    return min(enough, key=lambda group: _place(f"cluster/{seed}/{repeat}/{group[0]}"))
