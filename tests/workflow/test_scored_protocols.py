"""A protocol more: the score and what shows it are made again, and nothing else."""

import statistics

import h5py
import numpy as np
from tiny_workflow import TABLE, Workspace, rules

from unseen.base.tabular import read_rows


def test_test_lists_and_unseen_classes_are_scored(workspace: Workspace) -> None:
    """All classes are candidates of a test list: its numbers follow from the predictions."""
    folder = workspace.folder
    labels = read_rows(folder / "results/labels/demo-ucf.csv")
    clips = {row["clip_id"]: row["class"] for row in labels}
    listed = {number: list(clips)[number::4] for number in (1, 2, 3)}
    (folder / "lists").mkdir()
    for number, names in listed.items():
        lines = "".join(f"{clips[name]}/{name}.avi\n" for name in names)
        (folder / f"lists/testlist0{number}.txt").write_text(lines)
    dataset = workspace.config["datasets"]["demo-ucf"]
    dataset |= {"annotations": "lists", "splits": "unseen"}
    protocols = ["full", "lists", "unseen"]
    workspace.config["table2"] = [
        {"method": "e2e", "run": "demo-e2e", "datasets": ["demo-ucf"], "protocols": protocols}
    ]
    assert rules(workspace.run(TABLE)) == {"score_videos", "make_table"}

    predictions = read_rows(folder / "results/predictions/demo-e2e/demo-ucf.csv")
    right = {row["clip_id"]: row["top1"] == row["class"] for row in predictions}
    means = [
        100 * sum(right.get(name, False) for name in names) / len(names)
        for names in listed.values()
    ]
    rows = {
        row["protocol"]: row for row in read_rows(folder / TABLE) if row["source"] == "measured"
    }
    assert list(rows) == protocols
    assert rows["lists"]["demo-ucf_top1"] == f"{statistics.fmean(means):.2f}"
    assert rows["lists"]["demo-ucf_top1_sd"] == f"{statistics.stdev(means):.2f}"
    assert rows["lists"]["sd_over"] == "3 lists, sample"
    whole = 100 * sum(right.values()) / len(clips)
    assert rows["full"]["demo-ucf_top1"] == f"{whole:.2f}"

    metrics = read_rows(folder / "results/metrics/demo-e2e/demo-ucf.csv")
    (unseen, *_) = (row for row in metrics if row["protocol"] == "unseen")
    assert int(unseen["classes"]) == beyond(0.05, workspace)
    assert workspace.run("--dry-run", TABLE) == []


def beyond(threshold: float, workspace: Workspace) -> int:
    """The test classes that are farther from all that the run and its weights were trained on."""
    results = workspace.folder / "results"

    def vectors_of(dataset: str, run: str | None = None) -> list[np.ndarray]:
        kept = (results / f"kept/{run}.txt").read_text().splitlines() if run else None
        with h5py.File(results / f"class_embeddings/word2vec/{dataset}.h5") as file:
            names = file["classes"].asstr()[:]
            rows = zip(names, file["embeddings"][:].astype(float), strict=True)
            return [vector for name, vector in rows if kept is None or name in kept]

    seen = [*vectors_of("demo-kinetics", "demo-e2e"), *vectors_of("demo-sun", "demo-sun")]
    return sum(min(1 - own @ one for one in seen) > threshold for own in vectors_of("demo-ucf"))
