"""The test set stays unseen: its labels reach nothing before the score.

Everything before the score is made anew, checkpoints and all, with the labels of a test set dealt
out otherwise and with none, and has to come out the same byte for byte. Two leaks are planted to
see that the check would notice one.
"""

import csv
import re
import shutil

import pytest
from tiny_workflow import TABLE, Workspace, own, rules

from unseen.base.files import file_digest, write_digest

LISTING = ("class_names", "labels", "manifests", "missing", "source_videos")
MADE = ("class_embeddings", "clips", "kept", "models", "overlap", "video_embeddings")
TEST_SETS = ("demo-ucf", "demo-hmdb")
TARGETS = [f"results/video_embeddings/demo-e2e/{name}.h5" for name in TEST_SETS]


def made_anew(workspace: Workspace) -> dict[str, str]:
    """Digests of all files that the stages between listing and score make from nothing.

    Files that hold times are left out; what a checkpoint leads to is in the model.
    """
    results = workspace.folder / "results"
    for path in results.iterdir():
        if path.name not in LISTING:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    jobs = workspace.run(*TARGETS)
    needed = {"decode_clips", "embed_classes", "prune_classes", "train", "embed_videos"}
    assert needed <= rules(jobs), "not everything was made anew"
    return {
        str(path.relative_to(results)): file_digest(path)
        for folder in MADE
        for path in sorted((results / folder).rglob("*"))
        if path.is_file() and not re.search(r"tfevents|^log\.csv$|^checkpoint-", path.name)
    }


def deal_out_otherwise(workspace: Workspace, dataset: str) -> None:
    """Give every video of a test set the class after its own: no label stays."""
    labels = workspace.folder / "results/labels" / f"{dataset}.csv"
    with labels.open(newline="") as stream:
        header, *rows = csv.reader(stream)
    classes = sorted({name for _, name in rows})
    following = dict(zip(classes, [*classes[1:], classes[0]], strict=True))
    with labels.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([header, *([clip, following[name]] for clip, name in rows)])
    write_digest(labels)


def changed_by_other_labels(workspace: Workspace) -> set[str]:
    """The check itself: what comes out otherwise, made anew with other labels of the test sets."""
    with_true = made_anew(workspace)
    assert any(path.startswith("models/demo-e2e/model") for path in with_true)
    for dataset in TEST_SETS:
        deal_out_otherwise(workspace, dataset)
    with_others = made_anew(workspace)
    return {path for path, _ in with_true.items() ^ with_others.items()}


@pytest.mark.long
def test_other_test_labels_change_nothing_before_the_score(workspace: Workspace) -> None:
    assert changed_by_other_labels(workspace) == set()


@pytest.mark.long
def test_absent_test_labels_change_nothing_before_the_score(workspace: Workspace) -> None:
    with_labels = made_anew(workspace)
    for dataset in TEST_SETS:
        for path in (workspace.folder / "results/labels").glob(f"{dataset}.csv*"):
            path.unlink()
    assert made_anew(workspace) == with_labels
    left = {path.stem for path in (workspace.folder / "results/labels").glob("*.csv")}
    assert not left & set(TEST_SETS), "the labels were listed anew, so they were not absent"


def test_other_test_labels_rerun_the_score_alone(workspace: Workspace) -> None:
    deal_out_otherwise(workspace, "demo-ucf")
    jobs = workspace.would_rerun(TABLE)
    assert own(jobs) == {"score_videos"}
    assert rules(jobs) == {"score_videos", "make_table"}


# What the check must notice: code at the end of a module that reads the labels of a test set

A_CLIP_IS_DROPPED = """

_without_a_leak = _class_of_clips


def _class_of_clips(path):
    classes = _without_a_leak(path)
    tests = read_rows("results/labels/demo-ucf.csv")
    number = sorted({row["class"] for row in tests}).index(tests[0]["class"])
    del classes[sorted(classes)[number % len(classes)]]
    return classes
"""
A_CLASS_IS_DROPPED = """

_without_a_leak = kept_classes


def kept_classes(neighbours, threshold, excluded=()):
    from unseen.base.tabular import read_rows

    names = _without_a_leak(neighbours, threshold, excluded)
    tests = read_rows("results/labels/demo-ucf.csv")
    if names:  # none at the largest of the thresholds whose counts are written
        del names[sorted({row["class"] for row in tests}).index(tests[0]["class"]) % len(names)]
    return names
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("module", "leak", "changed"),
    [
        ("network/labelled_clips.py", A_CLIP_IS_DROPPED, "models/demo-e2e/model.safetensors"),
        ("classes/overlap.py", A_CLASS_IS_DROPPED, "kept/demo-e2e.txt"),
    ],
)
def test_a_planted_leak_is_noticed(
    own_repository: Workspace, module: str, leak: str, changed: str
) -> None:
    path = own_repository.repository / "src/unseen" / module
    path.write_text(path.read_text() + leak)
    assert changed in changed_by_other_labels(own_repository)
