"""The paper's Figures 1 to 7: the data behind each as CSV, and the drawing as SVG and PNG.

Each figure is described by a JSON value: names, and paths of files that earlier stages have made.
"""

from collections.abc import Callable
from pathlib import Path

import matplotlib

from unseen.base.tabular import write_rows
from unseen.results import drawing
from unseen.results.class_figures import figure2, figure3
from unseen.results.distance_figure import figure7
from unseen.results.drawing import Drawn, Spec
from unseen.results.method_figure import figure1
from unseen.results.sweep_figures import figure4, figure5, figure6

FIGURES: dict[int, Callable[[Spec], Drawn]] = {
    1: figure1,
    2: figure2,
    3: figure3,
    4: figure4,
    5: figure5,
    6: figure6,
    7: figure7,
}


def draw_figure(number: int, spec: Spec, output: Path) -> dict[str, str]:
    """Write a figure as `.csv`, `.svg` and `.png`, and return its headline numbers."""
    with matplotlib.rc_context(drawing.STYLE):
        drawn = FIGURES[number](spec)
        drawing.save(drawn.figure, output)
    write_rows(output, drawn.columns, drawn.rows)
    return drawn.headline
