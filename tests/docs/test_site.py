"""The site builds strictly and loads nothing from elsewhere; its pages say what the code says."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from repository import REPOSITORY

from unseen.base import errors
from unseen.network import signals
from unseen.plan import paths
from unseen.prediction import command
from unseen.prediction.classifier import Failure, Prediction, Video, Window
from unseen.prediction.command import as_json
from unseen.prediction.requested_classes import Seen

DOCS = REPOSITORY / "docs"
LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?([^\s\">]+)")
LINKED = re.compile(r"<link\b[^>]*>")


def test_the_site_is_whole_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """Every link and anchor is checked by the strict build."""
    pytest.importorskip("material")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pages = [*(tmp_path / "site").rglob("*.html")]
    assert len(pages) > 20
    for page in pages:
        text = page.read_text(encoding="utf-8")
        links = [link for link in LINKED.findall(text) if "stylesheet" in link or "icon" in link]
        assert not re.findall(r"https?://", " ".join([*LOADED.findall(text), *links])), page
    reference = (tmp_path / "site/reference/command-line.html").read_text(encoding="utf-8")
    assert "--leave-out-seen" in reference and "unseen export" in reference
    python = (tmp_path / "site/reference/python.html").read_text(encoding="utf-8")
    assert "classify_frames" in python


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert len(links) > 15
    assert [link for link in links if not (REPOSITORY / link).is_file()] == []


def test_every_file_is_on_the_page_of_files() -> None:
    text = (DOCS / "reference/files.md").read_text(encoding="utf-8")
    named = {
        value.removeprefix(paths.RESULTS)
        for value in vars(paths).values()
        if isinstance(value, str) and value.startswith(paths.RESULTS) and "{}" not in value
    }
    files = {name for name in named if "." in name}
    assert len(files) > 25 and [name for name in sorted(files) if f"`{name}`" not in text] == []


def test_the_json_of_a_prediction_is_as_documented() -> None:
    text = (DOCS / "reference/command-line.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    documented = {key for row in rows for key in re.findall(r"`([\w.\[\]]+)`", row.split("|")[1])}
    one = Prediction(["a", "b"], [0.1, 0.2], 0.5)
    requested = SimpleNamespace(
        names=["a", "b"], words=[["a"], []], notes=[], seen={"a": Seen("a", 0.0, "training")}
    )
    video = Video("v.mp4", 4.0, one, [Window(0.0, 2.0, one)])
    results = [video, Failure("w.mp4", "empty")]
    summary = as_json(SimpleNamespace(requested=requested), results, "m")
    found = set(_keys(json.loads(json.dumps(summary))))
    inside = ("videos[].windows[].", "classes[].seen.")
    told_in_prose = {key for key in found if key.startswith(inside)}
    assert found - told_in_prose == documented
    for key in told_in_prose:
        assert f"`{key.rpartition('.')[2]}`" in text


def _keys(value: Any, before: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inside in value.items():
            yield f"{before}{key}"
            yield from _keys(inside, f"{before}{key}.")
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield from _keys(value[0], f"{before.removesuffix('.')}[].")


def test_every_exit_code_is_in_the_table() -> None:
    text = (DOCS / "reference/command-line.md").read_text(encoding="utf-8")
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.M)}
    ours = {command.SOME_FAILED, signals.STOPPED, errors.INTERRUPTED}
    assert listed == {0, 1, 2, 141} | ours


def test_a_loss_is_added_where_contributing_says(tmp_path: Path) -> None:
    """The patch changes the files of the list, applies, and is a loss that can be trained by."""
    patch = DOCS / "hinge-loss.patch"
    changed = re.findall(r"^\+\+\+ b/(\S+)", patch.read_text(), re.M)
    contributing = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = contributing.split("### A loss\n")[1].split("\n### ")[0]
    listed = re.findall(r"^\| `(src/\S+)`", section, re.M)
    assert sorted(changed) == sorted(listed)

    for name in changed:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, tmp_path / name)
    subprocess.run(["git", "apply", "--unsafe-paths", patch], cwd=tmp_path, check=True)
    settings, losses, objective = (
        _module(tmp_path / f"src/unseen/network/{name}.py")
        for name in ("settings", "losses", "objective")
    )
    objective.losses = losses
    loss = settings.TrainingSettings.from_mapping({"loss": "hinge"}).loss
    network = torch.nn.Module()
    network.classifier = None
    network.visual_encoder = network.embed = network.class_encoder = torch.nn.Identity()
    trained = objective.Objective(network, torch.eye(2), loss=loss)
    values = [float(trained(torch.tensor([[1.0, 0]]), torch.tensor([c]))[0]) for c in (0, 1)]
    assert values == pytest.approx([0, 1.1])


def _module(path: Path) -> ModuleType:
    """A changed module of the library, beside the one that is installed."""
    spec = importlib.util.spec_from_file_location(f"changed_{path.stem}", path)
    assert spec and spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
