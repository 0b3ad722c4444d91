"""Figure 1: the error of each method on one test set, beside chance and published numbers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from unseen.base.tabular import read_rows
from unseen.results import drawing, tables
from unseen.results.drawing import COLOURS, GREY, LIGHT_GREY, Drawn, Row, Spec
from unseen.results.tables import decimals


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
        *(tables.measured_row(layout, row, scores, {}, {}) for row in spec["rows"]),
    ]
    rows = []
    for line in lines:
        top1, deviation = line.values[column]
        if top1 is not None:
            error = {"error": decimals(100 - top1), "error_sd": decimals(deviation)}
            rows.append(line.texts | error)
    rows.sort(key=lambda row: -float(row["error"]))
    columns = ("method", "visual_features", "source", "error", "error_sd")
    return Drawn(
        columns,
        [{key: row[key] for key in columns} for row in rows],
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
