"""The test set stays unseen: its labels reach nothing before the score."""

import csv

from tiny_workflow import TABLE, Workspace, rules

from unseen.base.files import file_digest, write_digest

BEFORE_SCORING = ("class_embeddings", "clips", "kept", "models", "overlap", "video_embeddings")


def content(workspace: Workspace) -> dict[str, str]:
    """Digests of all files that the stages before the score have made, but for records of times."""
    results = workspace.folder / "results"
    return {
        str(path.relative_to(results)): file_digest(path)
        for folder in BEFORE_SCORING
        for path in sorted((results / folder).rglob("*"))
        if path.is_file() and "tfevents" not in path.name and path.name != "log.csv"
    }


def test_permuted_test_labels(workspace: Workspace, finished: Workspace) -> None:
    """Other labels for the same test videos change the scores and no byte before them."""
    labels = workspace.folder / "results" / "labels" / "demo-ucf.csv"
    with labels.open(newline="") as stream:
        header, *rows = csv.reader(stream)
    classes = [name for _, name in rows]
    with labels.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        dealt = classes[3:] + classes[:3]
        writer.writerows([clip, name] for (clip, _), name in zip(rows, dealt, strict=True))
    write_digest(labels)
    assert rules(workspace.would_rerun()) == {"score_videos", "make_table"}
    workspace.run("--forcerun", "train", "embed_videos_0", "--", TABLE)
    assert content(workspace) == content(finished)
