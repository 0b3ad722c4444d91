"""The paper's Figures 1 to 7: the data behind each as CSV, and the drawing as SVG and PNG.

Each figure is described by a JSON value: names, and paths of files that earlier stages have made.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from unseen.results import drawing
from unseen.results import tables
from unseen.classes.class_embeddings import read_class_embeddings
from unseen.results.drawing import COLOURS, GREY, LIGHT_GREY, MARKERS, Line
from unseen.base.errors import UserError
from unseen.results.scoring import cosine_distances
from unseen.results.tables import decimals, mean_and_sd
from unseen.base.tabular import read_rows, write_rows

Spec = Mapping[str, Any]
Row = dict[str, Any]

NEIGHBOURS = 10
LISTED_KEPT = 20
NAMED_POINTS = 14
PERPLEXITY = 30


@dataclass(frozen=True)
class Drawn:
    """A figure: the columns and rows of its CSV, the drawing, and the numbers that sum it up."""

    columns: tuple[str, ...]
    rows: list[Row]
    figure: Figure
    headline: dict[str, str]


def draw_figure(number: int, spec: Spec, output: Path) -> dict[str, str]:
    """Write a figure as `.csv`, `.svg` and `.png`, and return its headline numbers."""
    with matplotlib.rc_context(drawing.STYLE):
        drawn = FIGURES[number](spec)
        drawing.save(drawn.figure, output)
    write_rows(output, drawn.columns, drawn.rows)
    return drawn.headline


# Figure 1: error beside published methods


def figure1(spec: Spec) -> Drawn:
    """Error (100 - top-1, protocol 1) on one test set, beside chance and published numbers.

    `dataset`, `rows` and `metrics` as for table 1, `published`.
    """
    layout, column = tables.LAYOUTS[1], f"{spec['dataset']}_top1"
    metrics = {key: Path(path) for key, path in spec["metrics"].items()}
    scores = {key: read_rows(path, ["protocol"]) for key, path in metrics.items()}
    lines = [
        *tables.published_rows(1, Path(spec["published"]), [spec["dataset"]]),
        tables.chance_row(layout, [spec["dataset"]], scores),
        *(tables.measured_row(layout, row, scores, {}) for row in spec["rows"]),
    ]
    rows = []
    for line in lines:
        top1, deviation = line.values[column]
        if top1 is not None:
            error = {"error": decimals(100 - top1), "error_sd": decimals(deviation)}
            rows.append(line.texts | error)
    rows.sort(key=lambda row: -float(row["error"]))
    return Drawn(
        ("method", "visual_features", "source", "error", "error_sd"),
        [{key: row[key] for key in row if key != "training_classes"} for row in rows],
        _bars(rows, f"Error on {spec['dataset']} (%), half of the classes"),
        {row["method"]: row["error"] for row in rows if row["source"] == "measured"},
    )


def _bars(rows: Sequence[Row], label: str) -> Figure:
    figure, (axes,) = drawing.panels(1, height=0.8 + 0.27 * len(rows))
    places = np.arange(len(rows))[::-1]
    errors = [float(row["error"]) for row in rows]
    spreads = [float(row["error_sd"] or 0) for row in rows]
    colours = {"measured": COLOURS[0], "chance": "#ffffff"}
    axes.barh(
        places,
        errors,
        height=0.68,
        color=[colours.get(row["source"], LIGHT_GREY) for row in rows],
        edgecolor=[GREY if row["source"] == "chance" else "none" for row in rows],
        xerr=[spread or np.nan for spread in spreads],
        error_kw={"ecolor": "#333333", "elinewidth": 0.9, "capsize": 2},
    )
    for place, error, deviation in zip(places, errors, spreads, strict=True):
        axes.annotate(
            f"{error:.1f}",
            (error + deviation, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    names = [
        f"{row['method']} ({row['visual_features']})" if row["visual_features"] else row["method"]
        for row in rows
    ]
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0, labelcolor="#222222")
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 108)
    axes.set_xlabel(label)
    if any(row["source"] not in colours for row in rows):
        axes.set_title(
            "blue: measured here   grey: published", color=GREY, fontsize=8, fontweight="normal"
        )
    return figure


# Figure 2: the class embeddings


def figure2(spec: Spec) -> Drawn:
    """t-SNE of the class embeddings: training classes kept and removed, test classes, photographs.

    `training`, `test` and `photographs` are class embeddings by data set, `overlap` the CSV of the
    pruning, `seed` that of t-SNE.
    """
    kept = {row["class"]: is_kept(row) for row in read_rows(spec["overlap"], ["class", "kept"])}
    points: list[Row] = []
    vectors = []
    for part in ("photographs", "training", "test"):
        for dataset, path in spec.get(part, {}).items():
            names, embeddings = read_class_embeddings(Path(path))
            vectors.append(embeddings)
            for name in names:
                group = part
                if part == "training":
                    group = "kept" if kept.get(name) else "removed"
                points.append({"class": name, "dataset": dataset, "group": group})
    places = embed_in_plane(np.concatenate(vectors), spec.get("seed", 0))
    for point, (x, y) in zip(points, places.tolist(), strict=True):
        point |= {"x": f"{x:.4f}", "y": f"{y:.4f}"}
    counts = {group: sum(point["group"] == group for point in points) for group in GROUPS}
    return Drawn(
        ("class", "dataset", "group", "x", "y"),
        points,
        _scatter(points, places),
        {group: str(count) for group, count in counts.items()},
    )


GROUPS = ("photographs", "removed", "kept", "test")


def embed_in_plane(vectors: np.ndarray, seed: int) -> np.ndarray:
    """(N, 2): t-SNE of (N, D) by cosine distance."""
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    model = TSNE(perplexity=perplexity, metric="cosine", init="random", random_state=seed)
    return model.fit_transform(vectors)


def _scatter(points: Sequence[Row], places: np.ndarray) -> Figure:
    figure, (axes,) = drawing.panels(1, height=5.2)
    tests = list(dict.fromkeys(point["dataset"] for point in points if point["group"] == "test"))
    looks = {
        "photographs": {"color": COLOURS[5], "marker": ".", "s": 14, "linewidths": 0},
        "removed": {"color": LIGHT_GREY, "marker": "o", "s": 22, "linewidths": 0},
        "kept": {"color": COLOURS[1], "marker": "o", "s": 12, "linewidths": 0},
    }
    names = {
        "photographs": "photographs",
        "removed": "training, removed",
        "kept": "training, kept",
    }
    for group, look in looks.items():
        inside = [point["group"] == group for point in points]
        if any(inside):
            label = f"{names[group]} ({sum(inside)})"
            axes.scatter(*places[inside].T, label=label, **look)
    for number, dataset in enumerate(tests):
        inside = [point["group"] == "test" and point["dataset"] == dataset for point in points]
        axes.scatter(
            *places[inside].T,
            label=f"test, {dataset} ({sum(inside)})",
            color=("#000000", COLOURS[0], COLOURS[2], COLOURS[3])[number % 4],
            marker=("x", "+", "1", "2")[number % 4],
            s=26,
            linewidths=1,
        )
    for index in scattered(places, NAMED_POINTS):
        axes.annotate(
            points[index]["class"],
            places[index],
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=6.5,
            color="#222222",
            path_effects=[withStroke(linewidth=2, foreground="#ffffff")],
        )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(0.08)
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, handletextpad=0.2, columnspacing=1.2)
    return figure


def scattered(places: np.ndarray, count: int) -> list[int]:
    """Indices of up to `count` places (N, 2), each as far as can be from those before it."""
    chosen = [0]
    nearest = np.linalg.norm(places - places[0], axis=1)
    while len(chosen) < min(count, len(places)):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return chosen


def is_kept(row: Mapping[str, str]) -> bool:
    """Whether a row of `overlap/{run}.csv` is that of a class that is trained on."""
    return row["kept"].lower() in ("yes", "true", "1")


# Figure 3: the training classes nearest the test sets


def figure3(spec: Spec) -> Drawn:
    """The training classes nearest the test sets, their distances, and the threshold.

    `overlap` is the CSV of the pruning, `threshold` is tau, `count` how many
    of the kept classes are shown after the removed ones.
    """
    columns = ("class", "kept", "distance", "nearest_class", "nearest_dataset")
    everything = read_rows(spec["overlap"], columns)
    known = [row for row in everything if row["distance"]]
    known.sort(key=lambda row: (float(row["distance"]), row["class"]))
    if not known:
        raise UserError(f"{spec['overlap']} holds no distances, so there is nothing to draw")
    removed = sum(not is_kept(row) for row in everything)
    rows = _select(known[: removed + spec.get("count", LISTED_KEPT)], columns)
    return Drawn(
        columns,
        rows,
        _nearest(rows, spec["threshold"]),
        {"classes removed": str(removed), "of": str(len(everything))},
    )


def _nearest(rows: Sequence[Row], threshold: float) -> Figure:
    figure, (axes,) = drawing.panels(1, height=0.8 + 0.165 * len(rows))
    places = np.arange(len(rows))[::-1]
    distances = np.array([float(row["distance"]) for row in rows])
    kept = np.array([is_kept(row) for row in rows])
    axes.hlines(places, 0, distances, color="#dddddd", linewidth=0.8)
    axes.scatter(distances[kept], places[kept], color=COLOURS[0], s=18, zorder=3)
    axes.scatter(
        distances[~kept], places[~kept], facecolor="#ffffff", edgecolor=GREY, s=18, zorder=3
    )
    for place, distance, row in zip(places, distances, rows, strict=True):
        axes.annotate(
            f"{row['nearest_class']} ({row['nearest_dataset']})",
            (max(distance, threshold if distance < threshold else 0), place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=6.5,
            color=GREY,
        )
    axes.axvline(threshold, color=COLOURS[1], linewidth=1)
    axes.annotate(
        f"τ = {threshold:g}",
        (threshold, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        color=COLOURS[1],
    )
    axes.set_yticks(places, [row["class"] for row in rows], fontsize=7)
    axes.tick_params(axis="y", length=0, labelcolor="#222222")
    axes.grid(visible=False, axis="y")
    axes.set_ylim(-0.8, len(rows) - 0.2)
    axes.set_xlim(-0.01 * distances.max(), 1.35 * max(distances.max(), threshold))
    axes.set_xlabel("cosine distance to the nearest test class (open: removed from training)")
    return figure


# Figures 4 to 6: sweeps


def figure4(spec: Spec) -> Drawn:
    """Accuracy against the number of training clips: all classes and fewer clips, or fewer classes.

    `datasets`, `metrics` by `run/dataset`, and `points`: `sweep` (`clips` or `classes`), `method`,
    `run`, `classes` (how many the run trains on), `repeat`, and `log`, the run's training log,
    which tells how many clips it trains on.
    """
    columns = ("sweep", "method", "classes", "clips", "repeat", "run", "dataset", "top1")
    points = [point | {"clips": _training_clips(point["log"])} for point in spec["points"]]
    rows = _sweep_rows({**spec, "points": points}, columns)
    for row in rows:
        row["label"] = f"{row['method']}, {'all' if row['sweep'] == 'clips' else 'fewer'} classes"
    return Drawn(
        columns,
        _select(rows, columns),
        _curves(spec, rows, "clips", "training clips"),
        _means(rows, ("label", "clips")),
    )


def _training_clips(log: str) -> int:
    """How many clips a run trains on."""
    rows = read_rows(log, ["clips"])
    if not rows:
        raise UserError(f"{log} holds no epoch: the figure needs a run that was trained")
    return int(float(rows[-1]["clips"]))


def figure5(spec: Spec) -> Drawn:
    """Accuracy after training on classes from everywhere, or from one of several clusters.

    `datasets`, `metrics`, and `points`: `clusters` (1 is everywhere), `run`, `repeat`, and
    `cluster` where each cluster is trained on in turn.
    """
    columns = ("clusters", "cluster", "repeat", "run", "dataset", "top1")
    rows = _sweep_rows(spec, columns)
    return Drawn(
        columns,
        _select(rows, columns),
        _groups(spec, rows),
        _means([row | {"label": "clusters"} for row in rows], ("label", "clusters")),
    )


def figure6(spec: Spec) -> Drawn:
    """Accuracy against the number of training classes, with and without photographs before.

    `datasets`, `metrics`, and `points`: `method`, `run`, `classes`, `repeat`.
    """
    columns = ("method", "classes", "repeat", "run", "dataset", "top1")
    rows = [row | {"label": row["method"]} for row in _sweep_rows(spec, columns)]
    return Drawn(
        columns,
        _select(rows, columns),
        _curves(spec, rows, "classes", "training classes"),
        _means(rows, ("label", "classes")),
    )


def _sweep_rows(spec: Spec, columns: Sequence[str]) -> list[Row]:
    """A row for each point and test set, with the accuracy of one snippet over all classes."""
    rows = []
    for point in spec["points"]:
        for dataset in spec["datasets"]:
            top1, classes = _one_snippet(spec, point["run"], dataset)
            row = {key: value for key, value in point.items() if key in columns}
            rows.append(row | {"dataset": dataset, "top1": decimals(top1), "chance": 100 / classes})
    return rows


def _one_snippet(spec: Spec, run: str, dataset: str) -> tuple[float | None, int]:
    """Top-1 of protocol 2 from one snippet, and among how many classes."""
    try:
        table = read_rows(spec["metrics"][f"{run}/{dataset}"], ["protocol", "split"])
    except KeyError:
        raise UserError(f"run {run} has no scores on {dataset}: the figure needs them") from None
    classes = next(int(row["classes"]) for row in table if row["protocol"] == "2")
    return tables.find(table, 2, "all", "1", "top1"), classes


def _select(rows: Iterable[Row], columns: Sequence[str]) -> list[Row]:
    return [{key: row[key] for key in columns if key in row} for row in rows]


def _group_by(rows: Iterable[Row], keys: Sequence[str]) -> dict[tuple[Any, ...], list[float]]:
    """The accuracies of the rows by the values of some keys, in sorted order."""
    groups: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(float(row["top1"]))
    return dict(sorted(groups.items()))


def _means(rows: Sequence[Row], keys: Sequence[str]) -> dict[str, str]:
    return {
        " ".join(map(str, key)): decimals(mean_and_sd(values)[0])
        for key, values in _group_by(rows, (*keys, "dataset")).items()
    }


def _curves(spec: Spec, rows: Sequence[Row], x: str, label: str) -> Figure:
    """A panel a test set: mean accuracy against `x` for each label, with bands over the repeats."""
    figure, all_axes = drawing.panels(len(spec["datasets"]), height=2.9, columns=1)
    labels = list(dict.fromkeys(row["label"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    for axes, dataset in zip(all_axes, spec["datasets"], strict=True):
        own = [row for row in rows if row["dataset"] == dataset]
        lines = []
        for name in labels:
            points = [row for row in own if row["label"] == name]
            groups = _group_by(points, (x,))
            spreads = [mean_and_sd(values) for values in groups.values()]
            lines.append(
                Line(
                    name,
                    [key[0] for key in groups],
                    [mean for mean, _ in spreads],
                    [sd for _, sd in spreads],
                    methods.index(points[0]["method"]),
                    points[0].get("sweep") == "clips",
                )
            )
        _logarithmic(axes, sorted({row[x] for row in own}) if x == "classes" else None)
        _accuracy_axis(axes, own[0]["chance"], dataset)
        drawing.draw_lines(axes, lines)
    all_axes[-1].set_xlabel(label)
    return figure


def _logarithmic(axes: Axes, ticks: Sequence[float] | None) -> None:
    """A logarithmic x axis with ticks at the given values, or else at round ones."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(ticks) if ticks else LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short_number(value)))
    axes.xaxis.set_minor_locator(NullLocator())


def _short_number(value: float) -> str:
    return f"{value / 1000:.3g}k" if value >= 1_000 else f"{value:g}"


def _accuracy_axis(axes: Axes, chance: float, title: str) -> None:
    axes.set_title(title)
    axes.set_ylabel("top-1 accuracy (%)")
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    drawing.draw_chance(axes, chance)


def _groups(spec: Spec, rows: Sequence[Row]) -> Figure:
    """A panel a test set: the repeats as dots, their mean and standard deviation, by clusters."""
    figure, all_axes = drawing.panels(len(spec["datasets"]), height=2.7)
    numbers = sorted({row["clusters"] for row in rows})
    for axes, dataset in zip(all_axes, spec["datasets"], strict=True):
        own = [row for row in rows if row["dataset"] == dataset]
        groups = _group_by(own, ("clusters",))
        _accuracy_axis(axes, own[0]["chance"], dataset)
        for place, number in enumerate(numbers):
            values = groups[(number,)]
            mean, deviation = mean_and_sd(values)
            offsets = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else [0.0]
            axes.scatter(place + np.array(offsets), values, color=LIGHT_GREY, s=14, zorder=2)
            axes.errorbar(
                place + 0.25,
                mean,
                yerr=deviation,
                color=COLOURS[0],
                marker=MARKERS[0],
                capsize=3,
                markersize=5,
                zorder=3,
            )
            axes.annotate(
                f"{mean:.1f}",
                (place + 0.25, mean),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                color=COLOURS[0],
            )
        names = ["all classes" if n == 1 else f"1 of {n}\nclusters" for n in numbers]
        axes.set_xticks(range(len(numbers)), names)
        axes.set_xlim(-0.4, len(numbers) - 0.3)
        axes.set_ylim(bottom=0)
        axes.grid(visible=False, axis="x")
    return figure


# Figure 7: test classes far from the training classes


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


FIGURES: dict[int, Callable[[Spec], Drawn]] = {
    1: figure1,
    2: figure2,
    3: figure3,
    4: figure4,
    5: figure5,
    6: figure6,
    7: figure7,
}
