"""Weights as they are, scored without training: the authors', and a classifier's."""

from pathlib import Path

import pytest
import torch
from released import authors_checkpoint
from tiny_workflow import TABLE, Workspace, rules

from unseen.network.model_file import load_model

SETS = ("demo-ucf", "demo-hmdb")


@pytest.mark.long
def test_released_weights_are_scored(workspace: Workspace, tmp_path: Path) -> None:
    """The weights of a trained run, as a file in the authors' format, get that run's scores."""
    trained = workspace.folder / "results/models/demo-e2e/model.safetensors"
    path = tmp_path / "checkpoint.pth.tar"
    torch.save(authors_checkpoint(load_model(trained)[0]), path)
    run = {"weights": str(path), "trained_on": "demo-kinetics", "unseen": list(SETS)}
    workspace.config["runs"] = {"released": run}
    workspace.config["table2"] = [{"method": "released", "run": "released", "datasets": list(SETS)}]
    jobs = rules(workspace.run(TABLE))
    assert {"train", "embed_videos", "score_videos", "make_table"} <= jobs
    assert jobs.isdisjoint({"decode_clips", "synthesize_clips"})
    for kind in ("metrics", "predictions"):
        for name in SETS:
            folder = workspace.folder / "results" / kind
            scores = (folder / "released" / f"{name}.csv").read_text()
            assert scores == (folder / "demo-e2e" / f"{name}.csv").read_text()
    assert workspace.run("--dry-run", TABLE) == []


@pytest.mark.long
def test_what_is_combined_changes_without_the_network(workspace: Workspace) -> None:
    """The classes of a run with `loss: classification`: another T, another threshold and a second
    run of the same classifier take its probabilities as they are."""
    runs = workspace.config["runs"]
    runs["plain"] = {"train_on": "demo-kinetics", "loss": "classification", "epochs": 1}
    runs["own"] = {"method": "convex", "weights": "plain", "unseen": ["demo-hmdb"]}
    workspace.config["table2"] = [{"run": "own", "datasets": ["demo-hmdb"]}]
    jobs = rules(workspace.run(TABLE))
    assert {"make_convex", "classify_videos", "combine_classes", "score_videos"} <= jobs
    assert jobs.isdisjoint({"embed_videos", "decode_clips"})
    score = (workspace.folder / "results/metrics/own/demo-hmdb.csv").read_text()
    behind = {"make_convex", "combine_classes", "score_videos", "make_table"}
    runs["own"]["likeliest"] = 1
    assert rules(workspace.run(TABLE)) == behind
    assert (workspace.folder / "results/metrics/own/demo-hmdb.csv").read_text() != score
    runs["centred"] = runs["own"] | {"centre": True, "likeliest": 10}
    workspace.config["table2"] += [{"run": "centred", "datasets": ["demo-hmdb"]}]
    assert "classify_videos" not in rules(workspace.run(TABLE))
    workspace.config["overlap"] = {"threshold": 0.4}
    assert "classify_videos" not in rules(workspace.would_rerun(TABLE))
