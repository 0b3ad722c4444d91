"""Class lists: the project's own, and those in the forms in which people have them."""

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from unseen.base.errors import UserError
from unseen.base.files import atomic
from unseen.base.names import shown
from unseen.base.text import read_text

ClassWords = dict[str, list[str]]
"""The words of each class, in the order of the list."""

HEADER = "class\twords"
MOST = 100_000
"""Classes of a list."""
LARGEST = 16 << 20
"""Bytes of a list."""
COLUMNS = ("class", "classes", "class_name", "classname", "name", "label", "category", "action")
"""What a table of classes may call the column with their names."""

_COMMENT = "#"
_NUMBERED = re.compile(r"(\d+)(?:[.):]?[ \t]+|[,;][ \t]*)(?=\S)")


def read_class_list(path: Path) -> ClassWords:
    """The classes of the project's own kind of list and the words of each.

    It is a TSV with the columns `class` and `words`; a line that begins with `#` and has no tab is
    a comment.

    Raises:
        UserError: The file is absent or empty, or a row has no words or repeats a class.
    """
    lines = _lines(path)
    if not lines or lines[0].rstrip() != HEADER:
        raise UserError(f"{path}, line 1: a class list begins with 'class', a tab and 'words'")
    return _classes(path, _own_rows(lines), need_words=True)


def read_classes(path: Path) -> ClassWords:
    """The classes of a list in one of the forms in which people have them.

    The project's own; names one a line, after a tab the words if they are not the name's own;
    numbered names, as in UCF101's `classInd.txt`; a table (CSV, TSV, semicolons) with one of
    `COLUMNS`, and with `words` or without. Empty lines and lines that begin with `#` are passed
    over. A class without words has none here: they follow from its name.

    Raises:
        UserError: The file cannot be read, has no class or more than `MOST`, gives a class words
            twice, or is of another form.
    """
    lines = _lines(path)
    if lines and lines[0].rstrip() == HEADER:
        return _classes(path, _own_rows(lines))
    kept = [
        (number, line)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith(_COMMENT)
    ]
    if kept and kept[0][1].lstrip().startswith(("{", "[")):
        raise UserError(f"{path} looks like JSON: write the class names one a line")
    delimiter = _table_delimiter(kept[0][1]) if kept else None
    if delimiter:
        return _classes(path, _table_rows(path, kept, delimiter))
    return _classes(path, _plain_rows(_unnumbered(kept)))


def write_class_list(path: Path, classes: ClassWords) -> None:
    """Write a list that `read_class_list` reads."""
    rows = [HEADER, *(f"{name}\t{' '.join(words)}" for name, words in classes.items())]
    with atomic(path) as temporary:
        temporary.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


Row = tuple[int, str, list[str]]
"""The number of a line, a class name, its words."""


def _lines(path: Path) -> list[str]:
    try:
        text = read_text(path, at_most=LARGEST)
    except UserError as error:
        raise UserError(f"class list {error}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _own_rows(lines: list[str]) -> Iterator[Row]:
    for number, line in enumerate(lines[1:], start=2):
        comment = line.startswith(_COMMENT) and "\t" not in line
        if line.strip() and not comment:
            name, _, words = line.partition("\t")
            yield number, name, words.split()


def _plain_rows(lines: Iterable[tuple[int, str]]) -> Iterator[Row]:
    for number, line in lines:
        name, _, words = line.partition("\t")
        yield number, name.strip(), words.split()


def _unnumbered(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Lines without their numbers, where these count on from 0 or 1 in every line."""
    matches = [_NUMBERED.match(line.strip()) for _, line in lines]
    numbers = [int(match[1][:9]) for match in matches if match]
    first = numbers[0] if numbers else 0
    if len(lines) < 2 or first not in (0, 1) or numbers != [*range(first, first + len(lines))]:
        return lines
    return [
        (number, line.strip()[match.end() :])
        for (number, line), match in zip(lines, matches, strict=True)
        if match
    ]


def _table_delimiter(header: str) -> str | None:
    """What separates the fields of a table's first line; None where it is no such line."""
    for delimiter in "\t,;":
        if _name_column(header.split(delimiter)) is not None:
            return delimiter
    return None


def _name_column(fields: list[str]) -> int | None:
    plain = [_plain(field) for field in fields]
    return next((plain.index(column) for column in COLUMNS if column in plain), None)


def _plain(field: str) -> str:
    return field.strip().strip("\"'").lower().replace(" ", "_")


def _table_rows(path: Path, lines: list[tuple[int, str]], delimiter: str) -> Iterator[Row]:
    fields = lines[0][1].split(delimiter)
    column = _name_column(fields)
    assert column is not None
    plain = [_plain(field) for field in fields]
    words = plain.index("words") if "words" in plain else len(fields)
    reader = csv.reader((line for _, line in lines[1:]), delimiter=delimiter)
    try:
        for row in reader:
            number = lines[reader.line_num][0]
            if len(row) <= column or not row[column].strip():
                raise UserError(f"{path}, line {number}: no class in the column {fields[column]!r}")
            own = row[words].split() if len(row) > words else []
            yield number, row[column].strip(), own
    except csv.Error as error:
        raise UserError(f"{path} is no sound table: {error}") from None


def _classes(path: Path, rows: Iterable[Row], *, need_words: bool = False) -> ClassWords:
    """Rows as classes, each once. Raises UserError for names that are none."""
    classes: ClassWords = {}
    for number, name, words in rows:
        if not name:
            raise UserError(f"{path}, line {number}: no class before the tab")
        if shown(name) != name:
            raise UserError(f"{path}, line {number}: a control character in {name!r}")
        if need_words and not words:
            raise UserError(f"{path}, line {number}: no words (after a tab) for the class {name!r}")
        if (words and name in classes) or classes.get(name):
            raise UserError(f"{path}, line {number}: the class {name!r} is there twice: remove one")
        classes[name] = words
        if len(classes) > MOST:
            raise UserError(f"{path} holds more than {MOST:,} classes, the most that are read")
    if not classes:
        raise UserError(f"class list {path} has no classes")
    return classes
