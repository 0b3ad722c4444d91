"""What reruns after a change: what depends on it in content, and nothing else."""

import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Job, Workspace, copy_of, rules
from unseen.provenance import code_digest, import_closure

SCRIPTS = {
    "render_demo": "render_demo",
    "list_clips": "list_clips",
    "name_words": "name_words",
    "select_vectors": "select_vectors",
    "embed_classes": "embed_classes",
    "prune_classes": "prune_classes",
    "decode_clips": "decode_clips",
    "synthesize_clips": "synthesize_clips",
    "merge_rejected": "merge_rejected",
    "train": "train",
    "embed_videos": "embed_videos",
    "score_videos": "score_videos",
    "make_table": "make_table",
}
"""The script of each rule behind table 2 of the tiny configuration."""

AFTER_SETTLE = {
    "decode_clips": {"merge_rejected", "train", "embed_videos", "score_videos", "make_table"},
    "synthesize_clips": {"merge_rejected", "train", "embed_videos", "score_videos", "make_table"},
    "merge_rejected": {"score_videos", "make_table"},
    "train": {"embed_videos", "score_videos", "make_table"},
    "embed_videos": {"score_videos", "make_table"},
    "score_videos": {"make_table"},
    "make_table": set(),
}
"""What a rerun brings along even where its output comes out the same, since Snakemake decides first."""

BEFORE_SETTLE = set(SCRIPTS) - set(AFTER_SETTLE)


def own(jobs: list[Job]) -> set[str]:
    return {job.rule for job in jobs if job.is_own}


def outputs(jobs: list[Job], rule: str) -> list[str]:
    return sorted(job.output for job in jobs if job.rule == rule)


def put(config: dict[str, Any], key: str, value: Any) -> None:
    """Set a key such as `training.epochs`."""
    *sections, last = key.split(".")
    for section in sections:
        config = config.setdefault(section, {})
    config[last] = value


# Nothing changed in content


def test_nothing_to_do(workspace: Workspace) -> None:
    started = time.monotonic()
    assert workspace.would_rerun() == []
    assert time.monotonic() - started < 60


def test_no_change_in_content(own_repository: Workspace) -> None:
    """A moved repository, comments and docstrings, touched files, threads, a profile: all at once."""
    for path in (own_repository.repository / "workflow/scripts").rglob("*.py"):
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


def test_sources_elsewhere(workspace: Workspace) -> None:
    """The same files in another folder are listed anew and then found to be the same."""
    move_sources(workspace)
    assert rules(workspace.would_rerun()) == {"list_clips", "name_words", *CLASS_SIDE}


CLASS_SIDE = {"select_vectors", "embed_classes", "prune_classes", "settle"}


def move_sources(workspace: Workspace) -> None:
    """From the demo's rendered folder to one of the user's own, in which a test may edit."""
    shutil.copytree(workspace.folder / "resources/demo/tiny", workspace.folder / "videos")
    for name, dataset in workspace.config["datasets"].items():
        for key in ("root", "annotations"):
            if key in dataset:
                dataset[key] = dataset[key].replace("resources/demo/tiny", "videos")
        assert (workspace.folder / "videos" / name).is_dir()


# Settings

SETTINGS: list[tuple[str, Any, set[str]]] = [
    ("clips.short_side", 44, {"decode_clips"}),
    ("clips.gop", 4, {"decode_clips", "synthesize_clips"}),
    ("photographs.seed", 1, {"synthesize_clips"}),
    ("photographs.clips_per_photo", 2, {"synthesize_clips"}),
    ("training.epochs", 3, {"train"}),
    ("training.learning_rate", "2e-3", {"train"}),
    ("training.frames", 5, {"synthesize_clips", "train"}),
    ("runs.demo-e2e.batch_size", 4, {"train"}),
    ("testing.snippets", 3, {"embed_videos"}),
    ("seeds", [1], {"train"}),
    ("runs.demo-e2e.allow_seen", True, set()),
    ("table2", [{"method": "x", "run": "demo-e2e", "datasets": ["demo-ucf"]}], {"make_table"}),
    ("demo.seed", 1, {"render_demo"}),
    ("raw_words", True, {"embed_classes"}),
    ("overlap.threshold", 0.06, {"prune_classes"}),
    ("datasets.demo-hmdb.exclude", ["bouncing_leaf"], {"list_clips", "name_words"}),
]


@pytest.mark.parametrize(
    ("key", "value", "expected"), SETTINGS, ids=[key for key, _, _ in SETTINGS]
)
def test_setting(workspace: Workspace, key: str, value: Any, expected: set[str]) -> None:
    put(workspace.config, key, value)
    jobs = workspace.run("--dry-run", "results/table2.csv")
    assert own(jobs) - {"settle"} == expected
    if expected <= set(AFTER_SETTLE):
        assert rules(jobs) == expected.union(*(AFTER_SETTLE[rule] for rule in expected))
    if key.startswith("runs."):
        assert outputs(jobs, "train") == ["results/models/demo-e2e/model.pt"][: len(expected)]


def test_threshold_without_effect(workspace: Workspace) -> None:
    """The kept classes stay the same: the change ends there."""
    put(workspace.config, "overlap.threshold", 0.06)
    assert rules(workspace.would_rerun()) == {"prune_classes", "settle"}


def test_threshold_with_effect(workspace: Workspace) -> None:
    """Runs whose kept classes changed are trained again, others not."""
    put(workspace.config, "overlap.threshold", 0.4)
    jobs = workspace.would_rerun()
    assert rules(jobs) == {"prune_classes", "settle", "train", *AFTER_SETTLE["train"]}
    assert outputs(jobs, "train") == ["results/models/demo-e2e/model.pt"]


# Words and sources


def test_word_vectors(workspace: Workspace) -> None:
    """Word vectors with other times are read again; the same content changes nothing after that."""
    os.utime(workspace.folder / "tests/config/words.txt", (1, 1))
    assert rules(workspace.would_rerun()) == CLASS_SIDE


def test_word_list(own_repository: Workspace) -> None:
    """Other words for a test class: its embedding changes, so the score, and not the training."""
    path = own_repository.repository / "config/classes/demo-hmdb.tsv"
    text = path.read_text()
    assert "\tbouncing leaf\n" in text
    path.write_text(text.replace("\tbouncing leaf\n", "\tbouncing trout\n"))
    jobs = own_repository.would_rerun()
    assert outputs(jobs, "name_words") == ["results/classes/demo-hmdb.tsv"]
    after = {"score_videos", "make_table"}
    assert rules(jobs) == {"name_words", *CLASS_SIDE, *after}
    assert outputs(jobs, "score_videos") == ["results/metrics/demo-e2e/demo-hmdb.csv"]


@pytest.fixture(scope="session")
def moved(finished: Workspace, session_folder: Path) -> Workspace:
    """The finished work folder with sources of the user's own."""
    workspace = copy_of(finished, session_folder / "moved")
    move_sources(workspace)
    workspace.run("results/settled")
    assert workspace.would_rerun() == []
    return workspace


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


@pytest.mark.parametrize("change", [add_video, change_video, remove_video])
def test_one_test_video(moved: Workspace, tmp_path: Path, change: Callable[[Path], None]) -> None:
    """One shard is decoded, the test videos are embedded and scored, nothing is trained."""
    workspace = copy_of(moved, tmp_path / "work")
    change(workspace.folder / "videos")
    jobs = workspace.would_rerun()
    assert outputs(jobs, "list_clips") == ["results/manifests/demo-ucf/000.csv"]
    assert len(outputs(jobs, "decode_clips")) == 1
    assert outputs(jobs, "merge_rejected") == ["results/rejected/demo-ucf.csv"]
    after = {"decode_clips", *AFTER_SETTLE["decode_clips"]} - {"train"}
    assert rules(jobs) - {"name_words", *CLASS_SIDE} == {"list_clips", *after}


def test_training_video(moved: Workspace, tmp_path: Path) -> None:
    """One more training video: one shard, and of the runs the one that learns from it."""
    workspace = copy_of(moved, tmp_path / "work")
    with (workspace.folder / "videos/demo-kinetics/train.csv").open() as stream:
        row = stream.readlines()[1]
    video = first(workspace.folder / "videos/demo-kinetics", "*.mp4")
    assert row.count(",") >= 3
    os.utime(video)
    jobs = workspace.would_rerun()
    assert len(outputs(jobs, "decode_clips")) == 1
    assert outputs(jobs, "train") == ["results/models/demo-e2e/model.pt"]


def test_new_class(moved: Workspace, tmp_path: Path) -> None:
    """A new folder of photographs, a class of its own: the runs that learn from them learn again."""
    workspace = copy_of(moved, tmp_path / "work")
    photograph = first(workspace.folder / "videos/demo-sun", "*.jpg")
    old = photograph.parent
    new = old.with_name("night" if old.name != "night" else "sky")
    shutil.copytree(old, new)
    jobs = workspace.would_rerun()
    assert outputs(jobs, "synthesize_clips") == ["results/clips/demo-sun/000.h5"]
    assert "decode_clips" not in rules(jobs)
    assert len(outputs(jobs, "train")) == 2
