"""CSV files as lists of rows, written whole or not at all."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from unseen.base.errors import UserError
from unseen.base.files import atomic

Row = dict[str, str]


def read_rows(path: Path | str, columns: Sequence[str] = ()) -> list[Row]:
    """The rows of a CSV file, which must have at least the given columns."""
    try:
        with Path(path).open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
    except FileNotFoundError:
        raise UserError(f"{path} is not there: the stage that makes it has not run") from None
    absent = [column for column in columns if column not in (reader.fieldnames or [])]
    if absent:
        raise UserError(f"{path} has no column {', '.join(absent)}")
    return rows


def write_rows(path: Path | str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV; a column that a row lacks, or whose value is None, stays empty."""
    with (
        atomic(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
