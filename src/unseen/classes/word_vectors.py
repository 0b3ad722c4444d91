"""The vectors of a few words out of a large file of word vectors, and what the file lacks."""

import difflib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unseen.base.errors import UserError
from unseen.classes.vector_files import find_vectors

HELPED = 200
"""So many missing words come with words spelled like them."""


@dataclass
class Selection:
    """Words and their vectors as they stand in the file, and what the file lacks."""

    words: list[str]
    vectors: npt.NDArray[np.float32]
    """(W, D), in the order of `words`."""
    missing: dict[str, list[str]] = field(default_factory=dict)
    """Words without a vector, each with similarly spelled words that have one."""
    passed_over: int = 0
    """Broken words of the file that nobody needs."""


def read_vectors(path: Path, needed: Collection[str], optional: Collection[str] = ()) -> Selection:
    """The vectors of the `needed` words, sorted by word; the file is one of `find_vectors`.

    Those of `optional` words are read along; that they are missing is not told.

    Raises:
        UserError: The file is absent, damaged or of no known format, a needed word is there twice
            or broken, or its vector is zero or not finite.
    """
    found = find_vectors(path, {*needed, *optional})
    words = sorted(found.vectors)
    vectors = np.zeros((len(words), found.dimension), np.float32)
    for row, word in enumerate(words):
        vectors[row] = found.vectors[word]
    sound = np.isfinite(vectors).all(axis=1) & vectors.any(axis=1)
    broken = [words[row] for row in np.flatnonzero(~sound)]
    if broken:
        raise UserError(f"{path}: the vector is not finite or is zero: {', '.join(broken)}")
    missing = sorted(set(needed) - found.vectors.keys())
    similar = _similar(missing, found.vocabulary)
    return Selection(words, vectors, dict(zip(missing, similar, strict=True)), found.passed_over)


def _similar(missing: Sequence[str], vocabulary: Sequence[str]) -> Iterator[list[str]]:
    """For each missing word up to three words spelled like it, the nearest first.

    Only the first `HELPED` words get any: the search takes a moment for each.
    """
    shelves: dict[str, dict[str, str]] = {}
    for word in vocabulary:
        shelves.setdefault(word[:1].lower(), {}).setdefault(word.lower(), word)
    for place, word in enumerate(missing):
        if place >= HELPED:
            yield []
            continue
        shelf = shelves.get(word[:1].lower(), {})
        near = [other for other in shelf if abs(len(other) - len(word)) <= 3]
        yield [shelf[other] for other in difflib.get_close_matches(word.lower(), near, cutoff=0.75)]
