"""Figure 7: accuracy over the test classes that lie far from the training classes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from unseen.base.tabular import read_rows
from unseen.classes.class_embedding_file import read_class_embeddings
from unseen.results import drawing
from unseen.results.drawing import Drawn, Line, Row, Spec
from unseen.results.nearest import cosine_distances
from unseen.results.tables import decimals, mean_and_sd

NEIGHBOURS = 10


def figure7(spec: Spec) -> Drawn:
    """Accuracy over the test classes beyond a distance from the training classes.

    That distance is the mean cosine distance to the nearest `neighbours` training classes. All
    test classes stay candidates. `dataset`, `methods` (each `method` and `per_class`, a CSV a
    seed), `training` (class embeddings), `kept` (the training classes), `test` (class embeddings).
    """
    distances = far_from_training(
        [Path(path) for path in spec["training"]],
        Path(spec["kept"]),
        Path(spec["test"]),
        spec.get("neighbours", NEIGHBOURS),
    )
    thresholds = [0.0, *sorted(set(distances.values()))[:-1]]
    rows: list[Row] = []
    for method in spec["methods"]:
        counts = [_right_of_class(Path(path)) for path in method["per_class"]]
        for threshold in thresholds:
            beyond = [name for name, distance in distances.items() if distance > threshold]
            mean, deviation = mean_and_sd(_accuracy_over(beyond, count) for count in counts)
            rows.append(
                {
                    "method": method["method"],
                    "threshold": f"{threshold:.4f}",
                    "classes": len(beyond),
                    "top1": decimals(mean),
                    "top1_sd": decimals(deviation),
                }
            )
    middle = f"{thresholds[len(thresholds) // 2]:.4f}"
    return Drawn(
        ("method", "threshold", "classes", "top1", "top1_sd"),
        rows,
        _by_distance(rows, spec["dataset"], sorted(distances.values())),
        {
            f"{row['method']} beyond {row['threshold']}": row["top1"]
            for row in rows
            if row["threshold"] in ("0.0000", middle)
        },
    )


def far_from_training(
    training: Sequence[Path], kept: Path, test: Path, neighbours: int
) -> dict[str, float]:
    """Each test class's mean cosine distance to its nearest kept training classes."""
    vectors: dict[str, np.ndarray] = {}
    for path in training:
        vectors |= dict(zip(*read_class_embeddings(path), strict=True))
    rows = np.stack([vectors[name] for name in kept.read_text().splitlines()])
    names, embeddings = read_class_embeddings(test)
    nearest = np.sort(cosine_distances(embeddings, rows), axis=1)[:, :neighbours]
    return dict(zip(names, nearest.mean(axis=1).tolist(), strict=True))


def _right_of_class(path: Path) -> dict[str, tuple[int, int]]:
    """(right, scored) videos of each class with one snippet."""
    return {
        row["class"]: (int(row["right1"]), int(row["videos"]) + int(row["rejected"]))
        for row in read_rows(path, ["class", "snippets", "right1", "videos", "rejected"])
        if row["snippets"] == "1"
    }


def _accuracy_over(classes: Iterable[str], counts: Mapping[str, tuple[int, int]]) -> float | None:
    right, scored = np.sum([counts.get(name, (0, 0)) for name in classes], axis=0)
    return 100 * float(right) / float(scored) if scored else None


def _by_distance(rows: Sequence[Row], dataset: str, distances: Sequence[float]) -> Figure:
    figure, (axes, below) = drawing.panels(2, height=2.1, columns=1, ratios=(3, 1))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    lines = []
    for number, method in enumerate(methods):
        own = [row for row in rows if row["method"] == method and row["top1"]]
        lines.append(
            Line(
                method,
                [float(row["threshold"]) for row in own],
                [float(row["top1"]) for row in own],
                [float(row["top1_sd"]) if row["top1_sd"] else None for row in own],
                number,
            )
        )
    axes.set_title(dataset)
    axes.set_ylabel("top-1 accuracy (%)")
    drawing.draw_lines(axes, lines, steps=True)
    left = [row for row in rows if row["method"] == methods[0]]
    x = [float(row["threshold"]) for row in left]
    below.fill_between(x, [row["classes"] for row in left], step="post", color="#dddddd")
    below.set_ylabel("classes left")
    below.set_xlabel("mean distance to the nearest training classes above which classes count")
    for part in (axes, below):
        part.set_xlim(distances[0] - 0.01, distances[-1])
    below.set_ylim(bottom=0)
    return figure
