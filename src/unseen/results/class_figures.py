"""Figures 2 and 3: the class embeddings in a plane, and the training classes nearest the tests."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from unseen.base.errors import UserError
from unseen.base.tabular import read_rows
from unseen.classes.class_embedding_file import read_class_embeddings
from unseen.results import drawing
from unseen.results.drawing import COLOURS, GREY, LIGHT_GREY, Drawn, Row, Spec, select

GROUPS = ("photographs", "removed", "kept", "test")
LISTED_KEPT = 20
NAMED_POINTS = 14
PERPLEXITY = 30


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


def embed_in_plane(vectors: np.ndarray, seed: int) -> np.ndarray:
    """(N, 2): t-SNE of (N, D) by cosine distance."""
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    model = TSNE(perplexity=perplexity, metric="cosine", init="random", random_state=seed)
    places: np.ndarray = model.fit_transform(vectors)
    return places


def _scatter(points: Sequence[Row], places: np.ndarray) -> Figure:
    figure, (axes,) = drawing.panels(1, height=5.2)
    tests = list(dict.fromkeys(point["dataset"] for point in points if point["group"] == "test"))
    looks = {
        "photographs": (COLOURS[5], ".", 14),
        "removed": (LIGHT_GREY, "o", 22),
        "kept": (COLOURS[1], "o", 12),
    }
    names = {
        "photographs": "photographs",
        "removed": "training, removed",
        "kept": "training, kept",
    }
    for group, (colour, marker, size) in looks.items():
        inside = [point["group"] == group for point in points]
        if any(inside):
            label = f"{names[group]} ({sum(inside)})"
            x, y = places[inside].T
            axes.scatter(x, y, label=label, color=colour, marker=marker, s=size, linewidths=0)
    for number, dataset in enumerate(tests):
        inside = [point["group"] == "test" and point["dataset"] == dataset for point in points]
        x, y = places[inside].T
        axes.scatter(
            x,
            y,
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
    rows = select(known[: removed + spec.get("count", LISTED_KEPT)], columns)
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


def is_kept(row: Mapping[str, str]) -> bool:
    """Whether a row of `overlap/{run}.csv` is that of a class that is trained on."""
    return row["kept"].lower() in ("yes", "true", "1")
