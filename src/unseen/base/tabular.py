"""CSV files as lists of rows: read within limits, written whole or not at all.

A spreadsheet computes a cell that begins as a formula does. In stages' files such a cell has an
apostrophe before it, which `read_rows` takes away; files from elsewhere are read as they are.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from unseen.base.errors import UserError
from unseen.base.files import atomic

Row = dict[str, str]

LONGEST_LINE = 1 << 20
"""Characters."""
_FORMULA = re.compile("'*(?:[=+@\t\r\uff1d\uff0b\uff0d\uff20]|-(?![\\w.-]*(?:e\\+\\d+)?\\Z))")
"""How a cell begins that is computed, and one that `as_text` has made. Numbers are none, nor is a
word after a dash, as in one of 64 ids of YouTube's."""


def read_rows(path: Path | str, columns: Sequence[str] = ()) -> list[Row]:
    """The rows of a CSV file that a stage has made, which must have at least the given columns."""
    if not Path(path).exists():
        raise UserError(f"{path} is not there: the stage that makes it has not run")
    return [
        {column: _from_text(cell) for column, cell in row.items()}
        for _, row in iterate_rows(path, columns)
    ]


def iterate_rows(path: Path | str, columns: Sequence[str] = ()) -> Iterator[tuple[int, Row]]:
    """The rows of a CSV file, each with its number; the header is row 1.

    Raises:
        UserError: The file cannot be read, is no UTF-8 or no CSV, lacks a column or has one twice,
            has a row with more or fewer fields than the header, or a line over `LONGEST_LINE`.
    """
    number = 0
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(_lines(stream, path))
            header = next(reader, [])
            _check_header(path, header, columns)
            for number, fields in enumerate(reader, start=2):
                if len(fields) != len(header):
                    if not fields:
                        continue
                    raise UserError(
                        f"{path}, row {number}: {len(fields)} fields, the header has {len(header)}"
                    )
                yield number, dict(zip(header, fields, strict=True))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}, after row {number or 1}: not UTF-8 text") from None
    except csv.Error as error:
        raise UserError(f"{path}, after row {number or 1}: no sound CSV: {error}") from None


def _lines(stream: TextIO, path: Path | str) -> Iterator[str]:
    while line := stream.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise UserError(f"{path} has a line of more than {LONGEST_LINE:,} characters")
        yield line


def _check_header(path: Path | str, header: list[str], columns: Sequence[str]) -> None:
    absent = [column for column in columns if column not in header]
    if absent:
        raise UserError(f"{path} has no column {', '.join(absent)}")
    twice = [column for column in header if header.count(column) > 1]
    if twice:
        raise UserError(f"{path} has the column {twice[0]} twice")


def write_rows(path: Path | str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV; a column that a row lacks, or whose value is None, stays empty.

    Texts that a spreadsheet would compute are written `as_text`.
    """
    with (
        atomic(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: as_text(cell) for key, cell in row.items()} for row in rows)


def as_text(cell: Any) -> Any:
    """A cell that spreadsheets take for the text that it is, not for a formula.

    >>> as_text("=1+1"), as_text("-3B32lodo2M_000059"), as_text("-0.5"), as_text("jogging")
    ("'=1+1", '-3B32lodo2M_000059', '-0.5', 'jogging')
    """
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _from_text(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
