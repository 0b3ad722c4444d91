"""Digests of files, and writing that is whole or not at all."""

import os
import subprocess
from pathlib import Path

import pytest

from unseen.base import files
from unseen.base.errors import UserError
from unseen.base.files import atomic, check_writable


def test_what_a_killed_writer_has_left_is_removed(tmp_path):
    target = tmp_path / "file.txt"
    with files.atomic(target) as mine:
        gone = subprocess.Popen(["true"])
        gone.wait()
        left = Path(str(mine).replace(f"-{os.getpid()}-", f"-{gone.pid}-"))
        left.write_text("half")
        with files.atomic(target) as other:
            other.write_text("whole")
        assert mine.exists() and not left.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_atomic_takes_the_place_only_when_all_went_well(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(ValueError), files.atomic(target) as temporary:
        temporary.write_text("half")
        raise ValueError
    assert target.read_text() == "old"
    with files.atomic(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_digest_companion(tmp_path):
    target = tmp_path / "x.h5"
    target.write_bytes(b"abc")
    digest = files.write_digest(target)
    assert (tmp_path / "x.h5.sha256").read_text() == digest + "\n"
    assert digest.startswith("ba7816bf")


def test_json_digest_ignores_the_order_of_keys():
    assert files.json_digest({"a": 1, "b": 2}) == files.json_digest({"b": 2, "a": 1})
    assert files.json_digest({"a": 1}) != files.json_digest({"a": 2})


def test_links_stay_and_devices_and_pipes_are_written_to(tmp_path):
    target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(target)
    for text in ("first", "second"):
        with atomic(link) as temporary:
            temporary.write_text(text)
        assert link.is_symlink() and target.read_text() == text
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True)
    with atomic(pipe) as temporary:
        temporary.write_text("through")
    assert reader.communicate()[0] == "through" and pipe.is_fifo()
    with atomic("/dev/null") as temporary:
        temporary.write_text("away")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder", "is a folder: name a file in it"),
        ("file/below.csv", "cannot be written: Not a directory"),
        ("a" * 300, "cannot be written: File name too long"),
    ],
)
def test_places_are_tried(tmp_path, name, said):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=said):
        check_writable(tmp_path / name)
    before = sorted(tmp_path.rglob("*"))
    check_writable(tmp_path / "new" / "out.csv")
    assert sorted(tmp_path.rglob("*")) == before
