"""Mistakes in a configuration: every one is named, with its key and the file, before any job."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_invalidation import put
from tiny_workflow import TABLE, Workspace, jobs_in, rules

MISTAKES: list[tuple[str, Any, str]] = [
    ("trainning", {"epochs": 3}, "trainning"),
    ("training.epoch", 3, "epoch"),
    ("training.epochs", "many", "training.epochs"),
    ("training.network", "resnet", "training.network"),
    ("clips.short_side", 41, "clips.short_side"),
    ("runs.demo-e2e.train_on", "demo-kinetiks", "demo-kinetics"),
    ("runs.demo-e2e.weights", "demo-sum", "demo-sun"),
    ("runs.demo-sun.weights", "demo-e2e", "circle"),
    ("runs.demo-e2e.unseen", ["demo-ucf"], "unseen"),
    ("table2", [{"run": "e2e", "datasets": ["demo-ucf"]}], "table2[0]"),
    ("table2", [], "table2"),
    ("datasets.demo-ucf.root", "/nowhere/UCF-101", "/nowhere/UCF-101"),
    ("datasets.demo-ucf.classes", "nowhere.tsv", "nowhere.tsv"),
    ("word_vectors", "nowhere.bin", "nowhere.bin"),
    ("datasets", {}, "datasets"),
]


@pytest.mark.parametrize(("key", "value", "named"), MISTAKES, ids=[key for key, _, _ in MISTAKES])
def test_mistake(workspace: Workspace, key: str, value: Any, named: str) -> None:
    put(workspace.config, key, value)
    done = workspace.call("--dry-run", TABLE)
    assert done.returncode != 0
    message = done.stdout[done.stdout.index("error: ") :]
    assert named in message and "config.yaml" in message
    assert "Traceback" not in done.stdout and "jsonschema" not in done.stdout
    assert len(message.splitlines()) < 12


def test_demo_without_configfile(finished: Workspace, tmp_path: Path) -> None:
    """The demo is read when no configuration is given, and nothing of it when one is."""
    target = "results/class_names/demo-activitynet.txt"
    with_one = Workspace(finished.repository, finished.folder).call("--dry-run", target)
    assert with_one.returncode != 0 and f"no rule makes {target}" in with_one.stdout
    command = [sys.executable, "-m", "snakemake", "--dry-run", target]
    without = subprocess.run(
        [*command, "--snakefile", f"{finished.repository}/Snakefile", "--directory", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert without.returncode == 0, without.stdout
    assert rules(jobs_in(without.stdout)) == {"render_demo", "list_clips"}


def test_without_a_target(workspace: Workspace) -> None:
    """All tables that have rows."""
    (workspace.folder / TABLE).unlink()
    assert rules(workspace.run("--dry-run")) == {"all", "make_table"}


def test_a_dry_run_leaves_the_specs_of_others(workspace: Workspace) -> None:
    """A job that is about to start reads what its own Snakemake has written."""
    specs = workspace.folder / ".snakemake/unseen_specs"
    before = {path.name: path.read_bytes() for path in specs.iterdir()}
    workspace.config["training"]["learning_rate"] = 0.5
    workspace.run("--dry-run", TABLE)
    after = {path.name: path.read_bytes() for path in specs.iterdir()}
    assert before and before.items() < after.items()


def test_a_misspelt_target(workspace: Workspace) -> None:
    """What it may have meant, instead of a missing rule (each kind: tests/unit/plan)."""
    done = workspace.call("--dry-run", "./results/predictions/demo-e2ee/demo-ucf.csv", "al")
    assert done.returncode != 0
    assert "no run demo-e2ee; did you mean demo-e2e?" in done.stdout
    assert "no target al (did you mean all?)" in done.stdout
    assert "MissingRule" not in done.stdout and "Traceback" not in done.stdout


def test_a_key_that_is_there_twice(workspace: Workspace) -> None:
    command = workspace.command("--dry-run", TABLE)
    path = workspace.folder / "config.yaml"
    path.write_text(path.read_text() + "seeds: [1]\nseeds: [2]\n")
    done = subprocess.run(command, cwd=workspace.folder, capture_output=True, text=True)
    assert done.returncode != 0
    assert "seeds is there twice" in done.stderr and "keep one" in done.stderr
