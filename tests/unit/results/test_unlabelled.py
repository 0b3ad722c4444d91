"""Predictions of videos without labels: which are unsure, and which classes have been seen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_results import DIMENSIONS, TestSet, class_vectors, make_test_set, write_embeddings

from unseen.base.tabular import read_rows
from unseen.classes.class_embedding_file import write_class_embeddings
from unseen.classes.pretraining import Training
from unseen.results.predictions import PREDICTIONS_COLUMNS
from unseen.results.unlabelled import Known, predict_classes

WANTED = ["ant", "bee", "cat"]
TRAINED = [f"old {number}" for number in range(6)]
VECTORS = class_vectors(len(WANTED) + len(TRAINED))
NEAR_BEE = VECTORS[1], VECTORS[1]
BETWEEN_TRAINED = VECTORS[3:].mean(axis=0), VECTORS[3:].mean(axis=0)


@pytest.fixture
def files(tmp_path: Path) -> TestSet:
    """One video that is a bee, and one that lies among the training classes."""
    found = make_test_set(tmp_path, WANTED, {}, vectors=VECTORS[:3], labelled=False)
    write_embeddings(found.embeddings, ["1.avi", "2.avi"], np.stack([NEAR_BEE, BETWEEN_TRAINED]))
    return found


def training(path: Path, names: list[str], vectors: np.ndarray, kept: str = "") -> Training:
    write_class_embeddings(path, names, vectors)
    if not kept:
        return Training(path.stem, {"set": path})
    path.with_suffix(".txt").write_text(kept)
    return Training(path.stem, {"set": path}, path.with_suffix(".txt"))


def predict(files: TestSet, known: Known) -> tuple[list[dict[str, str]], str]:
    output = files.embeddings.with_name("predictions.csv")
    said = predict_classes(
        files.embeddings,
        files.class_embeddings,
        files.labels,
        files.rejected,
        files.missing,
        output,
        known,
    )
    assert list(read_rows(output)[0]) == [*PREDICTIONS_COLUMNS, "unsure", "seen"]
    return read_rows(output), said


def test_unsure_is_what_lies_nearer_to_half_of_the_training_classes(files: TestSet) -> None:
    trained = training(files.labels.with_name("run.h5"), TRAINED, VECTORS[3:])
    known = Known(trained, False, [trained], files.class_embeddings, 0.05)
    rows, said = predict(files, known)
    assert [(row["top1"], row["unsure"], row["seen"]) for row in rows] == [
        ("bee", "false", "false"),
        (rows[1]["top1"], "true", "false"),
    ]
    assert {row["class"] for row in rows} == {""}
    assert said == "2 videos predicted among 3 classes, 1 of them unsure"


def test_kept_classes_alone_are_those_of_the_training(files: TestSet) -> None:
    """A class that was pruned from the training is none of those that make a bee unsure."""
    names, vectors = [*TRAINED[:2], "a bee", "bees", "one bee"], VECTORS[[3, 4, 1, 1, 1]]
    all_of_them = training(files.labels.with_name("all.h5"), names, vectors)
    pruned = training(files.labels.with_name("kept.h5"), names, vectors, "old 0\nold 1\n")
    known = Known(all_of_them, False, [all_of_them], files.class_embeddings, 0.05)
    rows, said = predict(files, known)
    assert (rows[0]["unsure"], rows[0]["seen"]) == ("true", "true")
    assert "seen before: bee = a bee of all" in said
    rows, _ = predict(files, replace(known, trained=pruned, trainings=[pruned]))
    assert (rows[0]["unsure"], rows[0]["seen"]) == ("false", "false")
    rows, said = predict(files, replace(known, trained=pruned, trainings=[pruned, all_of_them]))
    assert (rows[0]["unsure"], rows[0]["seen"]) == ("false", "true"), said


def test_a_convex_combination_is_held_against_the_nearest_of_its_classes(files: TestSet) -> None:
    """Of six classes the nearest of three random ones is nearer than the median of all."""
    axes = np.eye(DIMENSIONS, dtype=np.float32)
    video = 0.5 * axes[0] + 0.45 * axes[1]
    write_embeddings(files.embeddings, ["1.avi"], np.stack([[video, video]]))
    write_class_embeddings(files.class_embeddings, WANTED, axes[[1, 2, 3]])
    nearer, farther = axes[0], axes[4:9]
    trained = training(files.labels.with_name("run.h5"), TRAINED, np.stack([nearer, *farther]))
    known = Known(trained, False, [], files.class_embeddings, 0.05)
    assert predict(files, known)[0][0]["unsure"] == "false"
    assert predict(files, replace(known, is_convex=True))[0][0]["unsure"] == "false"
    near = np.stack([nearer, nearer, *farther[:4]])
    write_class_embeddings(trained.embeddings["set"], TRAINED, near)
    assert predict(files, known)[0][0]["unsure"] == "false"
    assert predict(files, replace(known, is_convex=True))[0][0]["unsure"] == "true"


def test_without_training_classes_nothing_tells(files: TestSet) -> None:
    rows, said = predict(files, Known(None, False, [], files.class_embeddings, 0.05))
    assert {(row["unsure"], row["seen"]) for row in rows} == {("", "false")}
    assert said == "2 videos predicted among 3 classes, 0 of them unsure"
