"""Digests of code and files, and writing that is whole or not at all."""

import os
import subprocess
from pathlib import Path

import pytest

from unseen import provenance


def project(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        os.utime(path, ns=(1, hash(text) % 10**12))
    (folder / "library").mkdir(exist_ok=True)
    (folder / "library" / "__init__.py").touch()
    return folder


BASE = {
    "stage": "import json\nfrom library import first\n\ndef main():\n    return first.value()\n",
    "library__first": "from library.second import number\n\ndef value():\n    return number\n",
    "library__second": "number = 1\n",
    "library__other": "number = 5\n",
}


def digest_with(tmp_path: Path, name: str, **changes: str) -> str:
    folder = tmp_path / name
    folder.mkdir()
    return provenance.code_digest("stage", project(folder, **(BASE | changes)))


@pytest.mark.parametrize(
    "change",
    [
        {"library__second": "number = 1  # a comment\n\n\n"},
        {"library__second": '"""What it is."""\n\nnumber = (1)\n'},
        {"library__first": BASE["library__first"].replace("():", '():\n    """Doc."""')},
        {"library__other": "number = 6\n"},
    ],
)
def test_what_changes_nothing(tmp_path, change):
    assert digest_with(tmp_path, "a") == digest_with(tmp_path, "b", **change)


@pytest.mark.parametrize(
    "change",
    [
        {"library__second": "number = 2\n"},
        {"library__first": BASE["library__first"].replace("number\n\n", "number\nnumber += 1\n\n")},
        {"stage": BASE["stage"].replace("import json", "import library.other")},
    ],
)
def test_what_changes_the_code(tmp_path, change):
    assert digest_with(tmp_path, "a") != digest_with(tmp_path, "b", **change)


def test_imports_inside_functions_count(tmp_path):
    late = "def main():\n    from library import second\n    return second.number\n"
    folder = tmp_path / "late"
    folder.mkdir()
    closure = provenance.import_closure(
        project(folder, **(BASE | {"stage": late})) / "stage.py", folder
    )
    assert [path.name for path in closure] == ["__init__.py", "second.py", "stage.py"]


def test_what_a_killed_writer_has_left_is_removed(tmp_path):
    target = tmp_path / "file.txt"
    with provenance.atomic(target) as mine:
        gone = subprocess.Popen(["true"])
        gone.wait()
        left = Path(str(mine).replace(f"-{os.getpid()}-", f"-{gone.pid}-"))
        left.write_text("half")
        with provenance.atomic(target) as other:
            other.write_text("whole")
        assert mine.exists() and not left.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_atomic_takes_the_place_only_when_all_went_well(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(ValueError), provenance.atomic(target) as temporary:
        temporary.write_text("half")
        raise ValueError
    assert target.read_text() == "old"
    with provenance.atomic(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_digest_companion(tmp_path):
    target = tmp_path / "x.h5"
    target.write_bytes(b"abc")
    digest = provenance.write_digest(target)
    assert (tmp_path / "x.h5.sha256").read_text() == digest + "\n"
    assert digest.startswith("ba7816bf")


def test_json_digest_ignores_the_order_of_keys():
    assert provenance.json_digest({"a": 1, "b": 2}) == provenance.json_digest({"b": 2, "a": 1})
    assert provenance.json_digest({"a": 1}) != provenance.json_digest({"a": 2})
