"""Class splits by name: which of a data set's classes are tested."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from unseen.base.errors import UserError
from unseen.base.tabular import iterate_rows

PART = "test"
"""The part of a split that counts; others, such as validation, are passed over."""

SUMS = ("mean", "sd", "low", "high")
"""What the metrics have in the place of a split's name where a row sums up others."""


def read_class_splits(path: Path) -> dict[str, list[str]]:
    """The test classes of each split of a CSV `split,part,class`.

    Raises:
        UserError: The file is no such CSV, or no row of it is of the part `test`.
    """
    splits: dict[str, dict[str, None]] = {}
    for number, row in iterate_rows(path, ["split", "part", "class"]):
        if not row["split"] or not row["class"]:
            raise UserError(f"{path}, row {number}: the split or the class is empty")
        if row["split"] in SUMS:
            raise UserError(f"{path}, row {number}: a split cannot be called {row['split']}")
        if row["part"] == PART:
            splits.setdefault(row["split"], {})[row["class"]] = None
    if not splits:
        raise UserError(f"{path}: no row is of the part {PART}, so there is no class to test")
    return {name: list(classes) for name, classes in splits.items()}


def check_class_splits(
    path: Path, splits: Mapping[str, Sequence[str]], classes: Collection[str]
) -> None:
    """Raise UserError for a split of `path` with a class that is not among `classes`."""
    for split, names in splits.items():
        strangers = [name for name in names if name not in classes]
        if strangers:
            near = difflib.get_close_matches(strangers[0], classes, n=1)
            hint = f" (is it {near[0]!r}?)" if near else ""
            raise UserError(
                f"{path}: of split {split}'s {len(names)} classes the data set lacks"
                f" {len(strangers)}, {strangers[0]!r}{hint} the first: a split is scored with all"
                f" its classes or not at all"
            )
