"""The digest of a stage's code changes with what the code does, and with nothing else."""

import os
from pathlib import Path

import pytest

from unseen.base import stage_code


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
    return stage_code.code_digest(project(folder, **(BASE | changes)) / "stage.py", folder)


@pytest.mark.parametrize(
    "change",
    [
        {"library__second": "number = 1  # a comment\n\n\n"},
        {"library__second": '"""What it is."""\n\nnumber = (1)\n'},
        {"library__first": BASE["library__first"].replace("():", '():\n    """Doc."""')},
        {"library__second": 'number = 1\n"""What the number is for."""\n'},
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
    closure = stage_code.import_closure(
        project(folder, **(BASE | {"stage": late})) / "stage.py", folder
    )
    assert [path.name for path in closure] == ["__init__.py", "second.py", "stage.py"]
