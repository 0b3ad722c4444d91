"""The house: a wing of the library imports only what its floor allows, and there is no circle."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from repository import SOURCE

LIBRARY = SOURCE / "unseen"
ALLOWED = {
    "base": set(),
    "videos": {"base"},
    "classes": {"base"},
    "datasets": {"base"},
    "demo": {"base"},
    "network": {"base", "videos", "classes", "datasets", "demo"},
    "results": {"base", "videos", "classes", "datasets", "demo"},
}
ALLOWED["prediction"] = {*ALLOWED}
ALLOWED["plan"] = {*ALLOWED} - {"prediction"}


def imported(path: Path) -> set[str]:
    """The library's modules that a file imports, by their full names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are written in full"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name for name in names if name.split(".")[0] == "unseen"}
    return found


def wings_of(names: set[str]) -> set[str]:
    """The version belongs to none."""
    return {name.split(".")[1] for name in names - {"unseen", "unseen.__version__"}}


def test_every_wing_is_in_the_table() -> None:
    folders = {path.name for path in LIBRARY.iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders == set(ALLOWED)
    assert [path.name for path in LIBRARY.glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("wing", ALLOWED)
def test_a_wing_imports_what_its_floor_allows(wing: str) -> None:
    for path in (LIBRARY / wing).rglob("*.py"):
        others = wings_of(imported(path)) - {wing}
        assert others <= ALLOWED[wing], f"{path.relative_to(SOURCE)} imports {others}"


def test_the_table_has_no_circle() -> None:
    """What may be imported comes before, so that the wings can be put in an order."""
    known: set[str] = set()
    for wing, others in ALLOWED.items():
        assert others <= known
        known.add(wing)


def test_the_rooms_of_a_wing_form_no_circle() -> None:
    needs = {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in LIBRARY.rglob("*.py")
    }
    edges = {
        name: {
            other
            for found in imported(path)
            for other in (found, found.rpartition(".")[0])
            if other in needs and not f"{name}.".startswith(f"{other}.")
        }
        for name, path in needs.items()
    }
    done: set[str] = set()
    while rest := {name for name in edges if name not in done}:
        free = {name for name in rest if edges[name] <= done}
        assert free, f"a circle among {sorted(rest)}"
        done |= free


def test_importing_the_library_is_light() -> None:
    command = "import sys, unseen.prediction.command; print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", command],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"torch", "numpy", "pandas", "gensim", "matplotlib", "av", "h5py", "torchvision"}
    assert not heavy & set(shown.stdout.split())
