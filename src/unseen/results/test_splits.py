"""What published numbers are evaluated on beside halves and all classes: publishers' test lists,
class splits by name, and the classes that a run's weights have not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unseen.base.errors import UserError
from unseen.classes.class_splits import check_class_splits, read_class_splits
from unseen.classes.pretraining import Training, seen_classes
from unseen.datasets.test_lists import read_test_lists
from unseen.results.protocol_names import LISTS, UNSEEN


@dataclass(frozen=True)
class Split:
    """What one accuracy is taken over.

    `classes` are the candidates, as sorted indices into the test set's sorted classes; `clips`
    are the ids of the videos, or None for all of these classes.
    """

    name: str
    classes: np.ndarray
    clips: frozenset[str] | None = None


@dataclass(frozen=True)
class Protocol:
    """A protocol's name, its splits, and what a user should know about them."""

    name: str
    splits: tuple[Split, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What a run's weights are known to have seen, and the test set's classes by what their words
    mean: a class counts as seen within `threshold` (Eq. 3)."""

    trainings: Sequence[Training]
    meanings: Path
    threshold: float


@dataclass(frozen=True)
class Protocols:
    """Where a test set's further protocols come from: the `layout` and folder of its publisher's
    test lists, its class splits (a CSV by name), and what was seen."""

    lists: tuple[str, Path] | None = None
    splits: Mapping[str, Path] = field(default_factory=dict)
    seen: Seen | None = None


def read_protocols(
    told: Protocols, classes: Sequence[str], clip_ids: Sequence[str]
) -> list[Protocol]:
    """The further protocols of a test set with these sorted classes and clips.

    Raises:
        UserError: A split names a class that the test set does not have, a test list none of its
            videos, or a file is none of its kind.
    """
    found = [_test_lists(*told.lists, classes, clip_ids)] if told.lists else []
    found += [_class_splits(name, path, classes) for name, path in told.splits.items()]
    if told.seen:
        found.append(_unseen(told.seen, classes))
    return found


def _class_splits(name: str, path: Path, classes: Sequence[str]) -> Protocol:
    splits = read_class_splits(path)
    check_class_splits(path, splits, classes)
    return Protocol(
        name, tuple(Split(split, _places(names, classes)) for split, names in splits.items())
    )


def _places(names: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    return np.flatnonzero(np.isin(np.array(classes), names))


def _test_lists(
    layout: str, folder: Path, classes: Sequence[str], clip_ids: Sequence[str]
) -> Protocol:
    """All classes are candidates; the videos are those of a list."""
    splits, notes = [], []
    known, everything = set(clip_ids), np.arange(len(classes))
    for number, listed in read_test_lists(layout, folder).items():
        tested = {clip for clip, name in listed.items() if name in {*classes}}
        if not tested & known:
            raise UserError(
                f"{folder}: none of the {len(listed)} videos of test list {number}"
                f" ({next(iter(listed), 'it is empty')} the first) is in the data set: do"
                f" `annotations` and `root` belong to the same data set?"
            )
        splits.append(Split(number, everything, frozenset(tested)))
        if others := len(listed) - len(tested):
            notes.append(f"test list {number}: {others} videos of classes that are not tested here")
        if absent := len(tested - known):
            notes.append(f"test list {number}: {absent} of {len(tested)} videos are missing")
    return Protocol(LISTS, tuple(splits), tuple(notes))


def _unseen(seen: Seen, classes: Sequence[str]) -> Protocol:
    """The classes beyond the threshold of every class that the weights are known to have seen."""
    near = seen_classes(seen.trainings, seen.meanings, seen.threshold)
    left = [name for name in classes if name not in near]
    notes = [f"{len(left)} of {len(classes)} classes are known to no training behind the run"]
    return Protocol(UNSEEN, (Split("all", _places(left, classes)),), tuple(notes))
