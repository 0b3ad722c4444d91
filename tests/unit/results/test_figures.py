"""Figures 1 to 7: the numbers behind them, and drawings that cope with small grids."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from repository import REPOSITORY, SCRIPTS
from small_results import make_test_set, named

from unseen.base.errors import UserError
from unseen.base.tabular import read_rows, write_rows
from unseen.classes.class_embedding_file import write_class_embeddings
from unseen.results import class_figures, figures, sweep_figures
from unseen.results.drawing import spread

PUBLISHED = REPOSITORY / "config" / "published.csv"
CLASSES = [f"class {number:02}" for number in range(12)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Scores of four runs on two test sets, training logs, and an overlap."""
    folder = tmp_path_factory.mktemp("figures")
    metrics, per_class = {}, {}
    for number, run in enumerate(("whole", "few", "few-repeat1", "frozen")):
        for dataset in ("mine", "ucf101"):
            place = folder / run / dataset
            videos = named(CLASSES, 4)
            files = make_test_set(place, CLASSES, videos, noise=0.8 + 0.3 * number, seed=number)
            outputs = files.score(place)
            metrics[f"{run}/{dataset}"] = str(outputs.metrics)
            per_class[f"{run}/{dataset}"] = str(outputs.per_class)
    logs = {}
    for clips in (40, 400):
        logs[clips] = str(folder / f"log{clips}.csv")
        write_rows(logs[clips], ["epoch", "clips"], [{"epoch": 0, "clips": clips}])
    return {"metrics": metrics, "per_class": per_class, "logs": logs, "folder": folder}


def top1(world, run, dataset, snippets="1"):
    (value,) = (
        float(row["top1"])
        for row in read_rows(world["metrics"][f"{run}/{dataset}"])
        if (row["split"], row["snippets"]) == ("all", snippets)
    )
    return value


def draw(number, spec, tmp_path):
    """Draw a figure, check that its files are there, and return its rows."""
    output = tmp_path / f"figure{number}.csv"
    headline = figures.draw_figure(number, spec, output)
    assert headline and all(isinstance(value, str) for value in headline.values())
    picture = np.asarray(Image.open(output.with_suffix(".png")).convert("L"))
    assert picture.shape[1] == 1280 and picture.std() > 5
    assert "<svg" in output.with_suffix(".svg").read_text()[:1000]
    return read_rows(output)


def test_figure1_is_the_error_beside_published_and_chance(world, tmp_path):
    rows = [{"method": "ours", "runs": ["whole"], "datasets": ["ucf101"]}]
    spec = {"dataset": "ucf101", "rows": rows, "published": str(PUBLISHED)}
    drawn = draw(1, spec | {"metrics": world["metrics"]}, tmp_path)
    by_source = {row["source"]: row for row in drawn}
    assert by_source["chance"]["error"] == "83.33"
    assert 0 < float(by_source["measured"]["error"]) < 80
    assert float(by_source["measured"]["error_sd"]) > 0
    assert {"URL", "TARN", "Action2Vec"} <= {row["method"] for row in drawn}
    errors = [float(row["error"]) for row in drawn]
    assert errors == sorted(errors, reverse=True)
    small = spec | {"dataset": "mine", "metrics": world["metrics"]}
    small["rows"] = [rows[0] | {"datasets": ["mine"]}]
    assert len(draw(1, small, tmp_path)) == 2


def overlap(path: Path, kept: int = 6) -> str:
    rows = [
        {
            "class": f"training {number}",
            "kept": number >= 8 - kept,
            "distance": f"{number * 0.03:.4f}",
            "nearest_class": "class 01",
            "nearest_dataset": "mine",
        }
        for number in range(8)
    ]
    write_rows(path, list(rows[0]), rows)
    return str(path)


def embeddings(path: Path, names: list[str], vectors: np.ndarray) -> str:
    write_class_embeddings(path, names, vectors)
    return str(path)


def test_figure2_places_every_class_in_its_group(tmp_path):
    rng = np.random.default_rng(0)
    training = [f"training {number}" for number in range(8)]
    spec = {
        "training": {"k": embeddings(tmp_path / "k.h5", training, rng.normal(size=(8, 5)))},
        "test": {"mine": embeddings(tmp_path / "t.h5", CLASSES, rng.normal(size=(12, 5)))},
        "overlap": overlap(tmp_path / "overlap.csv"),
        "seed": 0,
    }
    rows = draw(2, spec, tmp_path)
    groups = [row["group"] for row in rows]
    assert {group: groups.count(group) for group in set(groups)} == {
        "removed": 2,
        "kept": 6,
        "test": 12,
    }
    assert all(np.isfinite([float(row["x"]), float(row["y"])]).all() for row in rows)
    assert {row["class"] for row in rows if row["group"] == "removed"} == set(training[:2])


def test_figure2_draws_near_classes_near_each_other():
    vectors = np.repeat(np.eye(4), 6, axis=0) + 0.05 * np.random.default_rng(0).normal(size=(24, 4))
    places = class_figures.embed_in_plane(vectors, 0)
    group = np.repeat(np.arange(4), 6)
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (group[distances.argmin(axis=1)] == group).mean() > 0.9


def test_figure3_lists_the_removed_classes_and_the_next_ones(tmp_path):
    spec = {"overlap": overlap(tmp_path / "overlap.csv"), "threshold": 0.05, "count": 3}
    rows = draw(3, spec, tmp_path)
    assert [row["class"] for row in rows] == [f"training {number}" for number in range(5)]
    assert [class_figures.is_kept(row) for row in rows] == [False, False, True, True, True]
    write_rows(tmp_path / "empty.csv", list(rows[0]), [])
    with pytest.raises(UserError, match="nothing to draw"):
        draw(3, spec | {"overlap": str(tmp_path / "empty.csv")}, tmp_path)


def sweep(world):
    few, whole = ({"log": world["logs"][clips]} for clips in (40, 400))
    return [
        {"sweep": "clips", "method": "e2e", "run": "few", "classes": 40, "repeat": 0} | few,
        {"sweep": "clips", "method": "e2e", "run": "whole", "classes": 40, "repeat": 0} | whole,
        {"sweep": "classes", "method": "e2e", "run": "few", "classes": 4, "repeat": 0} | few,
        {"sweep": "classes", "method": "e2e", "run": "few-repeat1", "classes": 4, "repeat": 1}
        | few,
        {"sweep": "classes", "method": "e2e", "run": "whole", "classes": 40, "repeat": 0} | whole,
        {"sweep": "classes", "method": "fixed", "run": "frozen", "classes": 4, "repeat": 0} | few,
    ]


def test_figure4_has_a_row_a_run_and_test_set_with_one_snippet(world, tmp_path):
    spec = {"datasets": ["mine", "ucf101"], "metrics": world["metrics"], "points": sweep(world)}
    rows = draw(4, spec, tmp_path)
    assert len(rows) == 12
    for row in rows:
        assert row["top1"] == f"{top1(world, row['run'], row['dataset']):.2f}"
        assert row["clips"] == ("400" if row["run"] == "whole" else "40")


def test_figure4_draws_repeats_with_fewer_classes_as_one_point(world, tmp_path):
    """Repeats with the same number of classes have a few clips more or less."""
    runs = ("few", "few-repeat1", "frozen")
    points = []
    for repeat, (run, clips) in enumerate(zip(runs, (190, 188, 183), strict=True)):
        log = tmp_path / f"{run}.csv"
        write_rows(log, ["epoch", "clips"], [{"epoch": 1, "clips": clips}])
        point = {"sweep": "classes", "method": "e2e", "run": run, "classes": 4, "repeat": repeat}
        points.append(point | {"log": str(log)})
    whole = {"sweep": "classes", "method": "e2e", "run": "whole", "classes": 40, "repeat": 0}
    points.append(whole | {"log": world["logs"][400]})
    drawn = sweep_figures.figure4(
        {"datasets": ["mine"], "metrics": world["metrics"], "points": points}
    )
    (line,) = [line for line in drawn.figure.axes[0].lines if line.get_marker() != "None"]
    assert list(line.get_xdata()) == [187, 400]
    accuracies = [top1(world, run, "mine") for run in runs]
    assert line.get_ydata()[0] == pytest.approx(np.mean(accuracies), abs=0.01)
    (band,) = drawn.figure.axes[0].collections
    corners = band.get_paths()[0].vertices
    heights = corners[corners[:, 0] == 187, 1]
    assert heights.max() - np.mean(accuracies) == pytest.approx(np.std(accuracies, ddof=1), abs=0.1)


def test_figures_cope_with_a_single_point(world, tmp_path):
    common = {"datasets": ["mine"], "metrics": world["metrics"]}
    for number, point in (
        (4, sweep(world)[0]),
        (5, {"clusters": 1, "run": "few", "repeat": 0}),
        (6, {"method": "e2e", "run": "few", "classes": 2, "repeat": 0}),
    ):
        assert len(draw(number, common | {"points": [point]}, tmp_path)) == 1


def test_figure5_groups_repeats_by_the_number_of_clusters(world, tmp_path):
    points = [
        {"clusters": 1, "run": "few", "repeat": 0},
        {"clusters": 1, "run": "few-repeat1", "repeat": 1},
        {"clusters": 3, "cluster": 2, "run": "frozen", "repeat": 0},
    ]
    spec = {"datasets": ["mine", "ucf101"], "metrics": world["metrics"], "points": points}
    rows = draw(5, spec, tmp_path)
    headline = figures.draw_figure(5, spec, tmp_path / "again.csv")
    mean = (top1(world, "few", "mine") + top1(world, "few-repeat1", "mine")) / 2
    assert float(headline["clusters 1 mine"]) == pytest.approx(mean, abs=0.01)
    assert [row["cluster"] for row in rows] == ["", "", "", "", "2", "2"]


def test_figure6_compares_methods_by_the_number_of_classes(world, tmp_path):
    points = [
        {"method": "e2e", "run": "few", "classes": 4, "repeat": 0},
        {"method": "e2e", "run": "whole", "classes": 40, "repeat": 0},
        {"method": "photographs", "run": "frozen", "classes": 4, "repeat": 0},
    ]
    spec = {"datasets": ["mine"], "metrics": world["metrics"], "points": points}
    rows = draw(6, spec, tmp_path)
    assert [(row["method"], row["classes"]) for row in rows] == [
        ("e2e", "4"),
        ("e2e", "40"),
        ("photographs", "4"),
    ]


def test_a_run_without_scores_is_named(world, tmp_path):
    points = [{"method": "e2e", "run": "nobody", "classes": 4, "repeat": 0}]
    spec = {"datasets": ["mine"], "metrics": world["metrics"], "points": points}
    with pytest.raises(UserError, match="run nobody has no scores on mine"):
        figures.draw_figure(6, spec, tmp_path / "figure6.csv")


def test_figure7_counts_the_classes_beyond_each_distance(world, tmp_path):
    """Training classes lie on one axis; each test class is turned away from it by its number."""
    angles = np.linspace(0.1, 1.5, len(CLASSES))
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    names = ["first", "second", "third"]
    (tmp_path / "kept.txt").write_text("first\nsecond\n")
    spec = {
        "dataset": "mine",
        "methods": [
            {"method": name, "per_class": [world["per_class"][f"{run}/mine"] for run in runs]}
            for name, runs in (("e2e", ["whole", "few"]), ("fixed", ["frozen"]))
        ],
        "training": [embeddings(tmp_path / "k.h5", names, np.array([[1, 0], [1, 0], [0, 1]]))],
        "kept": str(tmp_path / "kept.txt"),
        "test": embeddings(tmp_path / "t.h5", CLASSES, vectors),
    }
    rows = [row for row in draw(7, spec, tmp_path) if row["method"] == "fixed"]
    assert [int(row["classes"]) for row in rows] == list(range(12, 0, -1))
    assert float(rows[0]["threshold"]) == 0
    assert float(rows[1]["threshold"]) == pytest.approx(1 - np.cos(angles[0]), abs=1e-4)
    assert float(rows[0]["top1"]) == pytest.approx(top1(world, "frozen", "mine"), abs=0.01)
    right = {
        row["class"]: int(row["right1"])
        for row in read_rows(world["per_class"]["frozen/mine"])
        if row["snippets"] == "1"
    }
    far = [right[name] for name in CLASSES[7:]]
    assert float(rows[7]["top1"]) == pytest.approx(100 * sum(far) / (4 * len(far)), abs=0.01)


def test_labels_are_moved_apart_and_keep_their_order():
    assert spread([0.1, 0.5, 0.9], 0.1) == [0.1, 0.5, 0.9]
    moved = spread([0.5, 0.52, 0.51, 0.9], 0.1)
    assert moved[0] < moved[2] < moved[1] < moved[3]
    assert np.diff(sorted(moved)).min() >= 0.1 - 1e-9
    assert np.mean(moved[:3]) == pytest.approx(0.51)


def test_pictures_are_the_same_bytes_each_time(world, tmp_path):
    points = [{"clusters": 1, "run": "few", "repeat": 0}]
    spec = {"datasets": ["mine"], "metrics": world["metrics"], "points": points}
    options = ["--figure", "5", "--data", json.dumps(spec)]
    options += ["--versions", tmp_path / "versions"]
    for name in ("a", "b"):
        done = subprocess.run(
            [sys.executable, SCRIPTS / "draw_figure.py", *options, "--output", f"{name}.csv"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    for ending in (".csv", ".svg", ".png"):
        one, two = ((tmp_path / f"{name}{ending}").read_bytes() for name in ("a", "b"))
        assert one == two
    assert b"dc:date" not in (tmp_path / "a.svg").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text())["headline"]
