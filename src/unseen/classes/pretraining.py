"""What the trainings behind a run's weights have seen of its test sets (Eq. 3 for pretraining)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unseen.base.files import atomic
from unseen.base.tabular import write_rows
from unseen.classes.class_embedding_file import read_class_embeddings
from unseen.classes.overlap import (
    Embeddings,
    as_row,
    borderline_first,
    nearest_unseen,
    read_all,
)

COLUMNS = ["class", "overlaps", "distance", "nearest_class", "nearest_dataset", "weights"]
NONE = "none"
"""The state of a run that starts from no weights."""
UNKNOWN = "not known"
"""The state of a run that starts from weights of which nobody says what they have seen."""


@dataclass(frozen=True)
class Training:
    """A training behind a run's weights: what the weights are called, the class embeddings of its
    data sets, and the list of the classes that it kept, where it did not take all."""

    weights: str
    embeddings: Mapping[str, Path]
    kept: Path | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Training":
        """A training as the plan tells it, as a JSON value."""
        embeddings = {name: Path(path) for name, path in told["embeddings"].items()}
        return cls(told["weights"], embeddings, Path(told["kept"]) if told["kept"] else None)


def trace_pretraining(
    trainings: Sequence[Training],
    unknown: Sequence[str],
    tests: Mapping[str, Path],
    *,
    threshold: float,
    overlap: Path,
    state: Path,
) -> str:
    """Write which classes a run's weights have seen before, and how many lie near a test class.

    Args:
        trainings: Those behind the run's weights, from the latest to the first.
        unknown: Weights behind it of which nobody says what they have seen.
        tests: Class embeddings of the run's test sets, by name.
        threshold: A class within this cosine distance of a test class overlaps with it.
        overlap: A row a training and class (`COLUMNS`), the borderline first.
        state: One line: `none` without weights, the number of overlapping classes, or `not known`.

    Returns:
        A summary for the log.

    Raises:
        UserError: The embeddings differ in dimension.
    """
    opponents = read_all(tests)
    rows = []
    for training in trainings:
        near = nearest_unseen(classes_of_training(training), opponents)
        rows += [
            as_row(neighbour)
            | {"overlaps": not neighbour.beyond(threshold), "weights": training.weights}
            for neighbour in borderline_first(near, threshold)
        ]
    write_rows(overlap, COLUMNS, rows)
    overlapping = {row["class"] for row in rows if row["overlaps"]}
    found = _state(len(overlapping), bool(trainings), bool(unknown))
    with atomic(state) as temporary:
        temporary.write_text(f"{found}\n", encoding="utf-8")
    return f"classes near a test class that the initial weights have seen: {found}" + (
        f" (what {', '.join(unknown)} has seen)" if unknown else ""
    )


def seen_classes(trainings: Sequence[Training], meanings: Path, threshold: float) -> dict[str, str]:
    """The classes within the threshold of one that some trainings took (Eq. 3), and which that is.

    `meanings` has their embeddings by what words mean, as the trainings' are.
    """
    wanted = {"": read_class_embeddings(meanings)}
    seen: dict[str, str] = {}
    for training in trainings:
        for one in nearest_unseen(wanted, classes_of_training(training)):
            if not one.beyond(threshold):
                seen.setdefault(one.name, f"{one.nearest_class} of {training.weights}")
    return seen


def classes_of_training(training: Training) -> dict[str, Embeddings]:
    """The classes that a training took, by data set."""
    found = read_all(training.embeddings)
    if training.kept is None:
        return found
    kept = set(training.kept.read_text(encoding="utf-8").splitlines())
    return {name: _only(kept, *embeddings) for name, embeddings in found.items()}


def _only(kept: set[str], names: list[str], vectors: np.ndarray) -> Embeddings:
    places = [place for place, name in enumerate(names) if name in kept]
    return [names[place] for place in places], vectors[places]


def _state(overlapping: int, known: bool, unknown: bool) -> str:
    if unknown:
        return f"{UNKNOWN}, at least {overlapping}" if overlapping else UNKNOWN
    return str(overlapping) if known else NONE
