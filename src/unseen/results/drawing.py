"""How figures look: one style, colours that colour-blind people tell apart, labels on the lines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unseen.base.files import atomic

STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "axes.labelcolor": "#222222",
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "savefig.dpi": 200,
    "text.parse_math": False,  # a name with dollars is a name
    "svg.fonttype": "path",
    "svg.hashsalt": "unseen",
    "xtick.color": "#555555",
    "ytick.color": "#555555",
}
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette, without the colours that are too light for a line."""
GREY = "#777777"
LIGHT_GREY = "#b5b5b5"
MARKERS = ("o", "s", "^", "D", "v", "P")
WIDTH = 6.4
LABEL_POINTS = 12
"""The least distance between two labels, in points."""


Spec = Mapping[str, Any]
"""What a figure shows: names, numbers and paths of files."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Drawn:
    """A figure: the columns and rows of its CSV, the drawing, and the numbers that sum it up."""

    columns: tuple[str, ...]
    rows: list[Row]
    figure: Figure
    headline: dict[str, str]


@dataclass(frozen=True)
class Line:
    """A line of means with their standard deviations, all of one length."""

    label: str
    x: Sequence[float]
    mean: Sequence[float]
    sd: Sequence[float | None]
    style: int
    dashed: bool = False


def panels(
    count: int, *, height: float, columns: int = 2, ratios: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels, side by side, then below each other.

    `height` is that of a row in inches, `ratios` how high each row is beside the others.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, height * rows))
    axes = figure.subplots(rows, columns, squeeze=False, height_ratios=ratios).ravel().tolist()
    for unused in axes[count:]:
        unused.set_axis_off()
    return figure, axes[:count]


def draw_lines(axes: Axes, lines: Sequence[Line], *, steps: bool = False) -> None:
    """Draw lines with bands of one standard deviation, and their names at their ends."""
    for line in lines:
        colour = COLOURS[line.style % len(COLOURS)]
        mean = np.asarray(line.mean, float)
        sd = np.array([value or 0 for value in line.sd], float)
        axes.plot(
            line.x,
            mean,
            color=colour,
            linestyle="--" if line.dashed else "-",
            linewidth=1.5,
            marker=None if steps else MARKERS[line.style % len(MARKERS)],
            markersize=4,
            drawstyle="steps-post" if steps else "default",
        )
        if sd.any():
            axes.fill_between(
                line.x,
                mean - sd,
                mean + sd,
                color=colour,
                alpha=0.18,
                linewidth=0,
                step="post" if steps else None,
            )
    axes.set_ylim(bottom=0)
    label_ends(axes, lines)


def label_ends(axes: Axes, lines: Sequence[Line]) -> None:
    """Write each line's name at its right end, moved apart where names would overlap."""
    low, high = axes.get_ylim()
    points = 72 * axes.get_window_extent().height / axes.figure.dpi
    heights = [(line.mean[-1] - low) / (high - low) for line in lines]
    for line, height in zip(lines, spread(heights, LABEL_POINTS / points), strict=True):
        axes.annotate(
            line.label,
            (1.0, height),
            xycoords="axes fraction",
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=COLOURS[line.style % len(COLOURS)],
            annotation_clip=False,
        )


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """The heights, moved as little as need be to lie at least `gap` apart; their order is kept."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    groups: list[list[int]] = []
    for index in order:
        groups.append([index])
        while len(groups) > 1 and _too_near(groups[-2], groups[-1], heights, gap):
            groups[-2:] = [groups[-2] + groups[-1]]
    moved = list(heights)
    for group in groups:
        for index, place in zip(group, _places(group, heights, gap), strict=True):
            moved[index] = place
    return moved


def _places(group: Sequence[int], heights: Sequence[float], gap: float) -> list[float]:
    """A group of labels stacked around its mean height."""
    middle = sum(heights[index] for index in group) / len(group)
    return [middle + gap * (number - (len(group) - 1) / 2) for number in range(len(group))]


def _too_near(
    below: Sequence[int], above: Sequence[int], heights: Sequence[float], gap: float
) -> bool:
    return _places(above, heights, gap)[0] - _places(below, heights, gap)[-1] < gap - 1e-9


def draw_chance(axes: Axes, percent: float) -> None:
    """A dotted line at chance level, with its name."""
    axes.axhline(percent, color=GREY, linewidth=0.9, linestyle=":")
    axes.annotate(
        "chance",
        (1.0, percent),
        xycoords=("axes fraction", "data"),
        xytext=(-3, 2),
        textcoords="offset points",
        color=GREY,
        ha="right",
        fontsize=7.5,
    )


def save(figure: Figure, csv: Path) -> None:
    """Write `.svg` and `.png` beside the figure's CSV, without dates: the same bytes each time."""
    for ending, metadata in ((".svg", {"Date": None}), (".png", {"Software": None})):
        with atomic(csv.with_suffix(ending)) as temporary:
            figure.savefig(temporary, format=ending[1:], metadata=metadata)


def select(rows: Iterable[Row], columns: Sequence[str]) -> list[Row]:
    """The rows with these columns alone."""
    return [{key: row[key] for key in columns if key in row} for row in rows]
