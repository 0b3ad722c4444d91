"""Weights as the authors released theirs, scored without training."""

from pathlib import Path

import torch
from released import authors_checkpoint
from tiny_workflow import TABLE, Workspace, rules

from unseen.network.model_file import load_model

SETS = ("demo-ucf", "demo-hmdb")


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
