"""Figures: what each shows, as the value that its script takes, and the files behind it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unseen.base.errors import UserError
from unseen.plan import paths, tables, versions
from unseen.plan.plan import Inputs, Plan, class_embeddings
from unseen.plan.runs import Run, Subset, sweep_name, sweep_runs_of
from unseen.plan.specs import as_json, in_a_file
from unseen.results.protocol_names import HALF

TITLES = {"end_to_end": "e2e", "baseline": "baseline", "pretrained": "e2e + photographs"}
"""The runs' parts in the paper, and what the figures call them."""
SWEEPS = {"4": ("4a", "4b"), "5": ("5",), "6": ("6",)}


@dataclass(frozen=True)
class FigurePlan:
    """What a figure shows (see `unseen.results.figures`) and all files that it is drawn from."""

    shown: dict[str, Any]
    files: tuple[str, ...]
    pairs: tuple[str, ...]
    """`run/dataset` of the scores behind it."""


@dataclass(frozen=True)
class Point:
    """A run of a sweep: `figure` is 4a, 4b, 5 or 6; the whole run has a subset without a size."""

    figure: str
    base: str
    subset: Subset
    run: str


def figure_plan(plan: Plan, number: str) -> FigurePlan:
    """The plan of a figure. Raises UserError where the configuration does not have what it needs.

    Its files are those that earlier stages make; kept lists are read, where they are there, for the
    number of classes of a whole run.
    """
    _check(plan, number)
    shown, files = _PLANS[number](plan) if number in _PLANS else _sweep(plan, number)
    main = _main(plan)
    pairs = shown.get("metrics") or [f"{main.name}/{name}" for name in main.unseen]
    return FigurePlan(shown, tuple(dict.fromkeys(files)), tuple(pairs))


def _check(plan: Plan, number: str) -> None:
    figures = plan.config.figures
    for key in ("end_to_end", "datasets"):
        if getattr(figures, key) is None:
            raise UserError(f"{plan.where}: figures.{key} is not set; figure {number} needs it")
    if number == "1" and not plan.config.table1:
        raise UserError(f"{plan.where}: figure 1 shows table 1, and table1 has no rows")


def _main(plan: Plan) -> Run:
    return plan.runs[str(plan.config.figures.end_to_end)]


def _datasets(plan: Plan) -> list[str]:
    return plan.config.figures.datasets or []


def _method(plan: Plan, base: str) -> str:
    """What the figures call a run."""
    return next(title for part, title in TITLES.items() if plan.config.figures.part(part) == base)


def methods(plan: Plan, number: str) -> dict[str, str]:
    """The runs that a figure shows, by what it calls them; none where it shows classes alone."""
    parts = {
        "4": ("end_to_end", "baseline"),
        "5": ("end_to_end",),
        "6": ("end_to_end", "pretrained"),
        "7": ("baseline", "end_to_end", "pretrained"),
    }
    if number == "1":
        first = _datasets(plan)[0]
        return {
            row.run if row.method is None else row.method: row.run
            for row in plan.config.table1
            if first in row.datasets and HALF in (row.protocols or [HALF])
        }
    bases = {part: plan.config.figures.part(part) for part in parts.get(number, ())}
    return {TITLES[part]: base for part, base in bases.items() if base}


def _embeddings(run: Run, names: Iterable[str]) -> dict[str, str]:
    return {name: class_embeddings(run, name) for name in names}


# The figures


def _figure1(plan: Plan) -> tuple[dict[str, Any], list[str]]:
    first = _datasets(plan)[0]
    rows = [
        asdict(row) | {"datasets": [first]}
        for row in tables.rows(plan, 1)
        if first in row.datasets and row.protocol == HALF
    ]
    metrics = _metrics([run for row in rows for run in row["runs"]], [first])
    published = {"published": tables.published(plan)}
    return {"dataset": first, "rows": rows, "metrics": metrics} | published, [*metrics.values()]


def _figure2(plan: Plan) -> tuple[dict[str, Any], list[str]]:
    main = _main(plan)
    overlap = paths.OVERLAP.format(run=main.base)
    others = [name for name in plan.photographs if name not in (*main.seen, *main.tests)]
    sets = {
        "training": _embeddings(main, main.seen),
        "test": _embeddings(main, main.unseen),
        "photographs": _embeddings(main, others),
    }
    files = [overlap, *(path for group in sets.values() for path in group.values())]
    return sets | {"overlap": overlap, "seed": plan.config.seeds[0]}, files


def _figure3(plan: Plan) -> tuple[dict[str, Any], list[str]]:
    overlap = paths.OVERLAP.format(run=_main(plan).base)
    return {"overlap": overlap, "threshold": plan.config.overlap.threshold}, [overlap]


def _figure7(plan: Plan) -> tuple[dict[str, Any], list[str]]:
    main, name = _main(plan), _datasets(plan)[0]
    parts = ("baseline", "end_to_end", "pretrained")
    bases = [base for part in parts if (base := plan.config.figures.part(part))]
    per_class = {
        base: [paths.PER_CLASS.format(run=run, dataset=name) for run in tables.seeds_of(plan, base)]
        for base in bases
    }
    training = list(_embeddings(main, main.seen).values())
    kept, test = plan.kept(main)[0], class_embeddings(main, name)
    shown = {
        "dataset": name,
        "methods": [
            {"method": _method(plan, base), "per_class": files} for base, files in per_class.items()
        ],
        "training": training,
        "kept": kept,
        "test": test,
    }
    scored = (path for files in per_class.values() for path in files)
    return shown, [*scored, *training, kept, test]


_PLANS = {"1": _figure1, "2": _figure2, "3": _figure3, "7": _figure7}


# The sweeps of Figures 4 to 6


def _sweep(plan: Plan, number: str) -> tuple[dict[str, Any], list[str]]:
    runs = _points(plan, number)
    points = [_point(plan, number, point) for point in runs]
    metrics = _metrics(dict.fromkeys(point.run for point in runs), _datasets(plan))
    logs = [point["log"] for point in points if "log" in point]
    kept = [path for point in runs for path in plan.kept(plan.runs[point.run])]
    shown = {"datasets": _datasets(plan), "metrics": metrics, "points": points}
    return shown, [*metrics.values(), *logs, *kept]


def _points(plan: Plan, number: str) -> list[Point]:
    """The sweeps' runs, and behind those of each figure the whole runs."""
    points = []
    for figure in SWEEPS[number]:
        runs = sweep_runs_of(plan.config, figure)
        points += [Point(figure, base, subset, sweep_name(base, subset)) for base, subset in runs]
        if figure != "5":
            bases = dict.fromkeys(base for base, _ in runs)
            points += [Point(figure, base, {"repeat": 0}, base) for base in bases]
    return points


def _point(plan: Plan, number: str, point: Point) -> dict[str, Any]:
    """A point as the script takes it."""
    subset = point.subset
    told = {"run": point.run, "repeat": subset["repeat"], "method": _method(plan, point.base)}
    if number == "4":
        told["sweep"] = "clips" if point.figure == "4a" else "classes"
        told["log"] = paths.TRAINING_LOG.format(run=point.run)
    if number == "5":
        told["clusters"] = subset["clusters"]
    else:
        told["classes"] = subset.get("classes") or _count_kept(plan, point.run)
    return told | {key: subset[key] for key in ("cluster",) if key in subset}


def _count_kept(plan: Plan, run: str) -> int:
    path = Path(plan.kept(plan.runs[run])[0])
    return len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else 0


def _metrics(runs: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    sets = list(names)
    return {
        f"{run}/{name}": paths.METRICS.format(run=run, dataset=name)
        for run in runs
        for name in sets
    }


# What draw_figure reads and is told


def inputs(plan: Plan, number: str) -> Inputs:
    """The files behind a figure and the sources of its version."""
    figure = figure_plan(plan, number)
    files = [*figure.files, *versions.source_files(plan, figure.pairs)]
    return Inputs(small=tuple(dict.fromkeys(files)))


def shown(plan: Plan, number: str) -> dict[str, Any]:
    """What a figure shows, with published numbers by their content instead of by their place."""
    value = figure_plan(plan, number).shown
    return value | ({"published": tables.published_content(plan)} if "published" in value else {})


def data(plan: Plan, number: str) -> str:
    """The argument that tells the script what the figure shows."""
    return in_a_file(f"figure{number}", figure_plan(plan, number).shown)


def version(plan: Plan, number: str) -> list[str]:
    """Arguments that name the parts of the figure's version."""
    last = versions.stage(plan, "draw_figure", shown=as_json(shown(plan, number)))
    pairs = figure_plan(plan, number).pairs
    return versions.arguments(plan, f"figure{number}", pairs, {"draw_figure": last})
