"""Names of any bytes: shown without what a terminal obeys, and found again."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseen.base.names import by_plain_name, locate, shown

NAMES = [
    b"plain.avi",
    "été \N{IDEOGRAPHIC SPACE}.avi".encode(),
    b"\xff\xfe.avi",
    b"half \xc3.avi",
    b"line\nend\ttab\x1b[2J.avi",
    "\N{LINE SEPARATOR}.avi".encode(),
    "next\x85line.avi".encode(),
    rb"back\slash \x41.avi",
]


@given(st.text())
def test_what_is_shown_is_text_in_one_line(text):
    shown(text).encode()
    assert len(f"a{shown(text)}b".splitlines()) == 1
    assert "\x1b" not in shown(text)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_found_by_what_is_shown_of_it(tmp_path, name):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    path.write_bytes(name)
    assert locate(tmp_path, shown(path.name)).read_bytes() == name
    assert os.fsencode(by_plain_name(Path)(path)).isascii() or name.decode()


def test_a_reader_of_plain_names_reads_any(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt"))
    path.write_text("content")

    @by_plain_name
    def read(path: Path | str, suffix: str) -> str:
        assert str(path).encode() and Path(path).suffix == suffix
        return Path(path).read_text()

    assert read(path, ".txt") == "content"
