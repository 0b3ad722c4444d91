"""The three test lists that UCF101's and HMDB51's publishers evaluate on."""

import re
from pathlib import Path

from unseen.base.errors import UserError
from unseen.base.text import read_text
from unseen.datasets import ucf101
from unseen.datasets.files import split_name

LISTS = ("1", "2", "3")
LAYOUTS = ("ucf101", "hmdb51")
"""The layouts that have test lists; they lie in the folder that `annotations` names."""
TESTED = "2"
"""HMDB51's mark of a test video; 1 is for training, 0 for neither."""

_HMDB51 = re.compile(r"(?P<class>.+)_test_split(?P<list>[123])\.txt")
_NUMBER = re.compile(r"\s+\d+$")
"""A class's, behind a path."""


def list_files(layout: str, folder: Path) -> dict[str, list[Path]]:
    """The files of each test list: `testlist0<k>.txt` of UCF101, `<class>_test_split<k>.txt` of
    HMDB51.

    Raises:
        UserError: A file of a list is not there.
    """
    if layout == "ucf101":
        found = {number: [folder / f"testlist0{number}.txt"] for number in LISTS}
    else:
        names = sorted(path.name for path in folder.glob("*_test_split[123].txt"))
        classes = sorted({match["class"] for name in names if (match := _HMDB51.fullmatch(name))})
        found = {
            number: [folder / f"{name}_test_split{number}.txt" for name in classes or ["<class>"]]
            for number in LISTS
        }
    absent = [path for paths in found.values() for path in paths if not path.is_file()]
    if absent:
        raise UserError(
            f"{folder} lacks {absent[0].name}, a part of the three test lists: name the publisher's"
            f" folder that holds them (`unseen fetch {layout}-splits`)"
        )
    return found


def read_test_lists(layout: str, folder: Path) -> dict[str, dict[str, str]]:
    """The class of each test video by clip id, for each list.

    Raises:
        UserError: A file is not there, or a line of it is none of a test list's.
    """
    read = _read_ucf101 if layout == "ucf101" else _read_hmdb51
    return {
        number: {clip: name for path in paths for clip, name in read(path)}
        for number, paths in list_files(layout, folder).items()
    }


def _read_ucf101(path: Path) -> list[tuple[str, str]]:
    """Lines `Archery/v_Archery_g01_c01.avi`, also with the class's number behind."""
    clips = []
    for number, line in _lines(path):
        folder, _, name = _NUMBER.sub("", line).rpartition("/")
        stem = split_name(name)[0]
        if not folder or not ucf101.CLIP_NAME.fullmatch(stem):
            raise _no_line(path, number, line, "Archery/v_Archery_g01_c01.avi")
        clips.append((stem, folder.rpartition("/")[2]))
    return clips


def _read_hmdb51(path: Path) -> list[tuple[str, str]]:
    """Lines `some_name.avi 2`."""
    match = _HMDB51.fullmatch(path.name)
    class_name = match["class"] if match else ""
    clips = []
    for number, line in _lines(path):
        name, _, mark = line.rpartition(" ")
        if not name or mark not in ("0", "1", TESTED):
            raise _no_line(path, number, line, "NAME.avi 2")
        if mark == TESTED:
            clips.append((f"{class_name}/{split_name(name.strip())[0]}", class_name))
    return clips


def _lines(path: Path) -> list[tuple[int, str]]:
    lines = enumerate(read_text(path).splitlines(), start=1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def _no_line(path: Path, number: int, line: str, example: str) -> UserError:
    return UserError(f"{path}, line {number}: {line[:60]!r} is no line of the kind `{example}`")
