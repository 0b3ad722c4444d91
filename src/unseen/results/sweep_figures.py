"""Figures 4 to 6: accuracy against how many clips, classes and kinds of classes are trained on."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from unseen.base.errors import UserError
from unseen.base.tabular import read_rows
from unseen.results import drawing, tables
from unseen.results.drawing import COLOURS, LIGHT_GREY, MARKERS, Drawn, Line, Row, Spec, select
from unseen.results.protocol_names import FULL
from unseen.results.tables import decimals, mean_and_sd


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
        fewer = row["sweep"]
        row["label"] = f"{row['method']}, {'all' if fewer == 'clips' else 'fewer'} classes"
        row["place"] = row[fewer]
    return Drawn(
        columns,
        select(rows, columns),
        _curves(spec, rows, "clips", "training clips"),
        _means(rows, ("label", "place")),
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
        select(rows, columns),
        _groups(spec, rows),
        _means([row | {"label": "clusters"} for row in rows], ("label", "clusters")),
    )


def figure6(spec: Spec) -> Drawn:
    """Accuracy against the number of training classes, with and without photographs before.

    `datasets`, `metrics`, and `points`: `method`, `run`, `classes`, `repeat`.
    """
    columns = ("method", "classes", "repeat", "run", "dataset", "top1")
    rows = [
        row | {"label": row["method"], "place": row["classes"]}
        for row in _sweep_rows(spec, columns)
    ]
    return Drawn(
        columns,
        select(rows, columns),
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
    classes = next(int(row["classes"]) for row in tables.splits_of(table, FULL))
    return tables.find(table, FULL, "all", "1", "top1"), classes


def _group_by(
    rows: Iterable[Row], keys: Sequence[str], value: str = "top1"
) -> dict[tuple[Any, ...], list[float]]:
    """The accuracies (or another column) of the rows by the values of some keys, sorted."""
    groups: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(float(row[value]))
    return dict(sorted(groups.items()))


def _means(rows: Sequence[Row], keys: Sequence[str]) -> dict[str, str]:
    return {
        " ".join(map(str, key)): decimals(mean_and_sd(values)[0])
        for key, values in _group_by(rows, (*keys, "dataset")).items()
    }


def _curves(spec: Spec, rows: Sequence[Row], x: str, label: str) -> Figure:
    """A panel a test set: mean accuracy against `x` for each label, with bands over the repeats.

    Rows of one `place` are repeats of one another; they lie at the mean of their `x`.
    """
    figure, all_axes = drawing.panels(len(spec["datasets"]), height=2.9, columns=1)
    labels = list(dict.fromkeys(row["label"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    for axes, dataset in zip(all_axes, spec["datasets"], strict=True):
        own = [row for row in rows if row["dataset"] == dataset]
        lines = []
        for name in labels:
            points = [row for row in own if row["label"] == name]
            spreads = [mean_and_sd(values) for values in _group_by(points, ("place",)).values()]
            places = [
                statistics.fmean(values) for values in _group_by(points, ("place",), x).values()
            ]
            lines.append(
                Line(
                    name,
                    places,
                    [mean for mean, _ in spreads if mean is not None],
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
            mean, deviation = statistics.fmean(values), mean_and_sd(values)[1]
            offsets = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else [0.0]
            axes.scatter(place + np.array(offsets), values, color=LIGHT_GREY, s=14, zorder=2)
            axes.errorbar(
                place + 0.25,
                mean,
                yerr=deviation or np.nan,
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
        axes.set_xlim(-0.4, len(numbers) + 0.1)  # room for "chance"
        axes.set_ylim(bottom=0)
        axes.grid(visible=False, axis="x")
    return figure
