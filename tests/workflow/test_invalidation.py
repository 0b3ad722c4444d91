"""What reruns after a change: what depends on it in content, and nothing else."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from repository import REPOSITORY
from tiny_workflow import TABLE, Job, Workspace, copy_of, elsewhere, once, own, put, rules

from unseen.base.stage_code import import_closure

AFTER = {
    "render_demo": {"list_clips", "decode_clips", "synthesize_clips"},
    "list_clips": {"name_words", "settle"},
    "name_words": {"select_vectors", "embed_classes"},
    "select_vectors": {"embed_classes"},
    "embed_classes": {"prune_classes", "trace_pretraining"},
    "prune_classes": {"settle", "trace_pretraining"},
    "trace_pretraining": {"settle"},
    "decode_clips": {"merge_rejected", "train", "embed_videos"},
    "synthesize_clips": {"merge_rejected", "train"},
    "merge_rejected": {"score_videos", "make_table"},
    "train": {"embed_videos"},
    "embed_videos": {"score_videos"},
    "score_videos": {"make_table"},
}
"""The rules behind table 2 of the tiny configuration, and what a rerun of each brings along.

Snakemake decides before it runs, so what follows a rerun reruns even where its input comes out the
same. `settle` is where it looks again. Videos that are rendered anew have other times.
"""

RULES = [*AFTER, "make_table"]


def with_followers(some: set[str]) -> set[str]:
    """Rules and all that their reruns bring along."""
    followers = set().union(*(AFTER.get(rule, set()) for rule in some))
    return some if followers <= some else with_followers(some | followers)


def outputs(jobs: list[Job], rule: str) -> list[str]:
    return sorted(job.output for job in jobs if job.rule == rule)


# Nothing changed in content


def test_nothing_to_do(workspace: Workspace) -> None:
    started = time.monotonic()
    assert workspace.would_rerun() == []
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    "target", ["predictions/demo-e2e/demo-ucf.csv", "rejected/demo-ucf.csv"], ids=lambda t: t[:8]
)
def test_dry_run_of_a_target_behind_the_cut_off(
    finished: Workspace, tmp_path: Path, target: str
) -> None:
    """Before anything is made, a dry-run of any target shows the way there."""
    fresh = replace(finished, folder=tmp_path)
    shutil.copytree(finished.folder / "tests", tmp_path / "tests")
    assert "settle" in rules(fresh.run("--dry-run", f"results/{target}"))


def test_no_change_in_content(own_repository: Workspace) -> None:
    """A moved repository, comments and docstrings, touched files, threads, a profile, in one."""
    for path in code_of(own_repository.repository):
        path.write_text(path.read_text() + '\n# a comment\ndef _later():\n    """Text."""\n')
        lines = path.read_text().rsplit("def _later", 1)[0]
        path.write_text(lines.replace('"""', '"""Another text. ', 1))
    soon = time.time() + 3600
    for folder in ("results", "tests"):
        for path in (own_repository.folder / folder).rglob("*"):
            if path.is_file() and path.name not in ("words.txt", "settled"):
                os.utime(path, (soon, soon))
    for path in own_repository.repository.rglob("*"):
        os.utime(path, (soon, soon))
    for key, value in {
        "training.threads": 2,
        "training.workers": 1,
        "training.checkpoint_minutes": 1,
        "clips.threads": 2,
        "clips.max_rejected_percent": 50,
        "training.gpus": 2,
    }.items():
        put(own_repository.config, key, value)
    own_repository.config["table3"] = [{"run": "demo-e2e", "datasets": ["demo-ucf"]}]
    assert own_repository.run("--dry-run", "--workflow-profile", "none", "results/table2.csv") == []


@pytest.mark.long
def test_sources_elsewhere(workspace: Workspace) -> None:
    """The same files in another folder are listed anew and then found to be the same."""
    move_sources(workspace)
    assert rules(workspace.would_rerun()) == {"list_clips", "name_words", *CLASS_SIDE}


PRUNING = {"prune_classes", "trace_pretraining", "settle"}
CLASS_SIDE = {"select_vectors", "embed_classes", *PRUNING}


def move_sources(workspace: Workspace) -> None:
    """From the demo's rendered folder to one of the user's own, in which a test may edit."""
    shutil.copytree(workspace.folder / "resources/demo/tiny", workspace.folder / "videos")
    for name, dataset in workspace.config["datasets"].items():
        for key in ("root", "annotations"):
            if key in dataset:
                dataset[key] = dataset[key].replace("resources/demo/tiny", "videos")
        assert (workspace.folder / "videos" / name).is_dir()


def test_a_changed_setting_is_said_in_the_words_of_the_configuration(workspace: Workspace) -> None:
    workspace.config["training"]["epochs"] = 3
    workspace.config["testing"]["snippets"] = 3
    shown = {job.rule: job.reason for job in workspace.run("--dry-run", TABLE)}
    assert shown["train"] == "epochs: 2 -> 3"
    workspace.config["training"]["epochs"] = 2
    shown = {job.rule: job.reason for job in workspace.run("--dry-run", TABLE)}
    assert shown["embed_videos"] == "snippets: 2 -> 3"


def test_a_run_ends_with_what_was_asked_for(workspace: Workspace) -> None:
    target = "results/predictions/demo-e2e/demo-ucf.csv"
    (workspace.folder / target).unlink()
    lines = workspace.call(target).stdout.splitlines()
    assert target in lines and not any("table2" in line for line in lines)


# Settings: what follows a rerun. What each key reruns is in test_every_key.py.

SETTINGS: list[tuple[str, Any, set[str]]] = [
    ("clips.short_side", 44, {"decode_clips"}),
    ("clips.gop", 4, {"decode_clips", "synthesize_clips"}),
    ("photographs.seed", 1, {"synthesize_clips"}),
    ("training.epochs", 3, {"train"}),
    ("training.frames", 5, {"synthesize_clips"}),
    ("runs.demo-e2e.batch_size", 4, {"train"}),
    ("testing.snippets", 3, {"embed_videos"}),
    ("seeds", [1], {"train"}),
    ("table2", [{"method": "x", "run": "demo-e2e", "datasets": ["demo-ucf"]}], {"make_table"}),
    ("demo.seed", 1, {"render_demo"}),
    ("raw_words", True, {"embed_classes"}),
    ("overlap.threshold", 0.06, {"prune_classes"}),
    ("datasets.demo-hmdb.exclude", ["blinking_boat"], {"list_clips"}),
    ("datasets.demo-hmdb.splits", ["unseen"], {"score_videos"}),
]


@pytest.mark.parametrize(
    ("key", "value", "expected"), SETTINGS, ids=[key for key, _, _ in SETTINGS]
)
def test_setting(workspace: Workspace, key: str, value: Any, expected: set[str]) -> None:
    put(workspace.config, key, value)
    jobs = workspace.run("--dry-run", "results/table2.csv")
    assert own(jobs) - {"settle"} == expected
    if "settle" in rules(jobs):  # a dry-run does not look beyond it
        seen = RULES[: RULES.index("decode_clips")]
        assert rules(jobs) == with_followers(expected) & {*seen, "settle"} | {"make_table"}
    else:
        assert rules(jobs) == with_followers(expected)
    if key.startswith("runs."):
        assert (
            outputs(jobs, "train") == ["results/models/demo-e2e/model.safetensors"][: len(expected)]
        )


def test_threshold_without_effect(workspace: Workspace) -> None:
    """The kept classes stay the same: the change ends there."""
    put(workspace.config, "overlap.threshold", 0.06)
    assert rules(workspace.would_rerun()) == PRUNING


def test_threshold_with_effect(workspace: Workspace) -> None:
    """Runs whose kept classes changed are trained again, others not."""
    put(workspace.config, "overlap.threshold", 0.4)
    jobs = workspace.would_rerun()
    assert rules(jobs) == {*PRUNING, *with_followers({"train"})}
    assert outputs(jobs, "train") == ["results/models/demo-e2e/model.safetensors"]


# Words and sources


@pytest.mark.long
def test_word_vectors(workspace: Workspace) -> None:
    """Word vectors with other times are read again; the same content changes nothing after that."""
    os.utime(workspace.folder / "tests/config/words.txt", (1, 1))
    assert rules(workspace.would_rerun()) == CLASS_SIDE


def test_word_list(own_repository: Workspace) -> None:
    """Other words for a test class: its embedding changes, so the score, and not the training."""
    path = own_repository.repository / "config/classes/demo-hmdb.tsv"
    text = path.read_text()
    assert "\tblinking boat\n" in text
    path.write_text(text.replace("\tblinking boat\n", "\tblinking trout\n"))
    jobs = own_repository.would_rerun()
    assert outputs(jobs, "name_words") == ["results/classes/demo-hmdb.tsv"]
    after = {"score_videos", "make_table"}
    assert rules(jobs) == {"name_words", *CLASS_SIDE, *after}
    assert outputs(jobs, "score_videos") == ["results/metrics/demo-e2e/demo-hmdb.csv"]


@pytest.fixture(scope="session")
def moved(finished: Workspace, session_folder: Path) -> Workspace:
    """The finished work folder with sources of the user's own."""

    def make(base: Workspace) -> None:
        copy_of(finished, base.folder)
        move_sources(base)
        base.run("results/settled")
        assert base.would_rerun() == []

    return once(elsewhere(finished, session_folder / "moved"), make)


def first(folder: Path, pattern: str) -> Path:
    return min(folder.rglob(pattern))


def add_video(folder: Path) -> None:
    video = first(folder / "demo-ucf", "*.avi")
    shutil.copy(video, video.with_name(video.name.replace("_c0", "_c9")))


def change_video(folder: Path) -> None:
    first(folder / "demo-ucf", "*.avi").write_bytes(
        first(folder / "demo-hmdb", "*.avi").read_bytes()
    )


def remove_video(folder: Path) -> None:
    first(folder / "demo-ucf", "*.avi").unlink()


@pytest.mark.parametrize(
    "change",
    [
        add_video,
        *(pytest.param(change, marks=pytest.mark.long) for change in (change_video, remove_video)),
    ],
)
def test_one_test_video(moved: Workspace, tmp_path: Path, change: Callable[[Path], None]) -> None:
    """One shard is decoded, the test videos are embedded and scored, nothing is trained."""
    workspace = copy_of(moved, tmp_path / "work")
    change(workspace.folder / "videos")
    jobs = workspace.would_rerun()
    assert outputs(jobs, "list_clips") == ["results/manifests/demo-ucf/000.csv"]
    assert len(outputs(jobs, "decode_clips")) == 1
    assert outputs(jobs, "merge_rejected") == ["results/rejected/demo-ucf.csv"]
    after = with_followers({"decode_clips"}) - {"train"}
    assert rules(jobs) - {"name_words", *CLASS_SIDE} == {"list_clips", *after}


def test_training_video(moved: Workspace, tmp_path: Path) -> None:
    """Another training video: one shard, and of the runs the one that learns from it."""
    workspace = copy_of(moved, tmp_path / "work")
    os.utime(first(workspace.folder / "videos/demo-kinetics", "*.mp4"))
    jobs = workspace.would_rerun()
    assert len(outputs(jobs, "decode_clips")) == 1
    assert outputs(jobs, "train") == ["results/models/demo-e2e/model.safetensors"]


@pytest.mark.long
def test_touched_video_in_two_steps(moved: Workspace, tmp_path: Path) -> None:
    """A video of which only the time changed: decoded in a call of its own, it trains nothing."""
    workspace = copy_of(moved, tmp_path / "work")
    os.utime(first(workspace.folder / "videos/demo-kinetics", "*.mp4"))
    assert "decode_clips" in rules(workspace.run("results/rejected/demo-kinetics.csv"))
    assert rules(workspace.would_rerun()) <= {"score_videos", "make_table"}


@pytest.mark.long
def test_new_class(moved: Workspace, tmp_path: Path) -> None:
    """A new folder of photographs, a class of its own: all that learn from it learn again."""
    workspace = copy_of(moved, tmp_path / "work")
    photographs = workspace.folder / "videos/demo-sun"
    new = photographs / "b/boat/night"
    shutil.copytree(first(photographs, "*.jpg").parent, new)
    with (photographs / "ClassName.txt").open("a") as stream:
        stream.write("/b/boat/night\n")
    jobs = workspace.would_rerun()
    assert outputs(jobs, "synthesize_clips") == ["results/clips/demo-sun/000.h5"]
    assert "decode_clips" not in rules(jobs)
    assert len(outputs(jobs, "train")) == 2


# Code


def code_of(repository: Path) -> list[Path]:
    """Every file of the library and every script."""
    return [*(repository / "src").rglob("*.py"), *(repository / "workflow/scripts").rglob("*.py")]


def stage_files(rule: str, repository: Path) -> list[Path]:
    return import_closure(repository / f"workflow/scripts/{rule}.py", repository / "src")


RUNNER = ("workflow/scripts/run_stage.py", "src/unseen/base/run_stage.py")
"""What runs the stages is no part of their code."""
MODULES = sorted(str(path.relative_to(REPOSITORY)) for path in code_of(REPOSITORY))
MODULES = [name for name in MODULES if name not in RUNNER]
"""Every file of the library and every script."""

QUICK = ("src/unseen/videos/clip_store.py", "src/unseen/network/losses.py")


def expected_after_edit(module: str, repository: Path) -> set[str]:
    """The rules whose scripts import a module, directly or not, and what follows them."""
    users = {rule for rule in RULES if repository / module in stage_files(rule, repository)}
    return with_followers(users)


@pytest.mark.parametrize(
    "module",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in MODULES],
)
def test_module(own_repository: Workspace, module: str) -> None:
    """An effective edit reruns the stages whose code it is part of, and none besides."""
    repository = own_repository.repository
    path = repository / module
    modified = path.stat().st_mtime
    path.write_text(path.read_text() + "\nEDITED = 1\n")
    os.utime(path, (modified, modified))
    expected = expected_after_edit(module, repository)
    assert rules(own_repository.would_rerun()) == expected


def test_imports_at_run_time(finished: Workspace, session_folder: Path) -> None:
    """What a stage's process had imported when it ended is in what the code digest is made of."""
    traces = {
        path.name: set(path.read_text().split()) for path in (session_folder / "traces").iterdir()
    }
    assert set(traces) >= set(RULES)
    for script, imported in traces.items():
        closure = stage_files(script, finished.repository)
        known = {str(path.relative_to(finished.repository)) for path in closure}
        assert imported - set(RUNNER) <= known, script
    assert len(traces["score_videos"]) < len(traces["train"])
