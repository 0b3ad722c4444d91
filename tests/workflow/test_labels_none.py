"""Videos without labels in the pipeline: predicted as the command `unseen predict` does."""

import h5py
import numpy as np
import pytest
from test_every_key import wide  # noqa: F401
from tiny_workflow import Workspace

from unseen.base.tabular import read_rows
from unseen.prediction import load_classifier

CLASSES = ["bouncing_star", "rotating cube", "spinning_ring"]


def test_predictions_are_those_of_the_command(wide: Workspace) -> None:  # noqa: F811
    results = wide.folder / "results"
    classifier = load_classifier(
        results / "models/demo-e2e/model.safetensors",
        CLASSES,
        wide.folder / "tests/config/words.txt",
        device="cpu",
    )
    with h5py.File(results / "video_embeddings/demo-e2e/mine.h5") as file:
        clips = file["clip_id"].asstr()[:]
        expected = classifier.nearest(np.asarray(file["features"]).mean(axis=1))
    rows = read_rows(results / "predictions/demo-e2e/mine.csv")
    assert [row["clip_id"] for row in rows] == [*clips] and len(rows) == 2
    for row, prediction in zip(rows, expected, strict=True):
        assert row["class"] == ""
        assert [row[f"top{rank}"] for rank in (1, 2, 3)] == prediction.classes
        distances = [float(row[f"distance{rank}"]) for rank in (1, 2, 3)]
        assert distances == pytest.approx(prediction.distances, abs=1e-5)
        assert row["unsure"] == str(prediction.unsure).lower()
        assert row["seen"] == str(prediction.classes[0] in classifier.seen).lower()
