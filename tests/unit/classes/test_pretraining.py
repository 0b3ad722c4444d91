"""What initial weights have seen: of each training its own classes, and never a guess."""

import csv
from pathlib import Path

import numpy as np
import pytest

from unseen.classes.class_embedding_file import write_class_embeddings
from unseen.classes.pretraining import Training, trace_pretraining

X = {"x": 0}


@pytest.fixture
def trace(tmp_path):
    """The stage on class embeddings given as angles: its state and its rows."""

    def save(name: str, classes: dict[str, float]) -> Path:
        radians = np.deg2rad(list(classes.values()))
        path = tmp_path / f"{name}.h5"
        write_class_embeddings(path, list(classes), np.stack([np.cos(radians), np.sin(radians)], 1))
        return path

    def run(trainings, unknown=(), tests=X):
        told = []
        for number, (classes, kept) in enumerate(trainings):
            path = tmp_path / f"kept{number}.txt"
            path.write_text("".join(f"{name}\n" for name in kept or ()))
            files = {"t": save(f"t{number}", classes)}
            told.append(Training(f"weights{number}", files, None if kept is None else path))
        outputs = {"overlap": tmp_path / "overlap.csv", "state": tmp_path / "state.txt"}
        trace_pretraining(told, unknown, {"u": save("u", tests)}, threshold=0.05, **outputs)
        with outputs["overlap"].open(newline="") as stream:
            return outputs["state"].read_text(), list(csv.DictReader(stream))

    return run


def test_without_weights_there_is_nothing_to_have_seen(trace):
    assert trace([]) == ("none\n", [])


def test_each_training_counts_with_the_classes_that_it_kept(trace):
    """The first dropped `same`; the second, on the same data, did not."""
    classes = {"same": 0, "near": 10, "far": 90}
    state, rows = trace([(classes, ["near", "far"]), (classes, None)])
    assert state == "2\n"
    found = [(row["weights"], row["class"], row["overlaps"]) for row in rows]
    assert found == [
        ("weights0", "near", "True"),
        ("weights0", "far", "False"),
        ("weights1", "near", "True"),
        ("weights1", "same", "True"),
        ("weights1", "far", "False"),
    ]
    assert rows[0]["nearest_class"] == "x" and rows[0]["nearest_dataset"] == "u"


def test_weights_that_kept_nothing_near_have_seen_no_overlap(trace):
    assert trace([({"same": 0, "far": 90}, ["far"])])[0] == "0\n"


def test_what_nobody_says_is_not_known(trace):
    assert trace([], ["a.pt"])[0] == "not known\n"
    assert trace([({"far": 90}, None)], ["a.pt"])[0] == "not known\n"
    assert trace([({"same": 0}, None)], ["a.pt"])[0] == "not known, at least 1\n"
