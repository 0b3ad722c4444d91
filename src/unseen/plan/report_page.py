"""The report: the tables, figures, scores and data sets that it shows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unseen.base.errors import UserError
from unseen.plan import comparisons, figures, paths, shared_videos, tables
from unseen.plan.plan import Inputs, Plan, contents
from unseen.plan.specs import in_a_file

TITLE = "Zero-shot video classification"


@dataclass(frozen=True)
class Score:
    """The files of a run's scores on a test set."""

    run: str
    dataset: str
    metrics: str
    per_class: str
    predictions: str
    confusions: str


@dataclass(frozen=True)
class ShownSet:
    """A data set: its shards, if its videos are shown, and what is not in them."""

    shards: tuple[str, ...]
    rejected: str
    missing: str


@dataclass(frozen=True)
class Figure:
    """A figure, and for each of its methods the file that says what the initial weights had
    seen."""

    path: str
    pretraining: dict[str, str]


@dataclass(frozen=True)
class ReportPlan:
    """What the report shows (see `unseen.results.report`)."""

    title: str
    tables: tuple[str, ...]
    figures: tuple[Figure, ...]
    scores: tuple[Score, ...]
    datasets: dict[str, ShownSet]
    overlap: dict[str, str]
    pretraining: dict[str, dict[str, str]]
    videos: dict[str, str]
    threshold: float
    trainings: dict[str, str]
    benchmarks: str
    disk: dict[str, str]
    versions: str


def report_plan(plan: Plan) -> ReportPlan:
    """All tables with rows, the figures where the configuration has them, and the runs of the
    tables with all their test sets. Raises UserError where there is no table."""
    config = plan.config
    if not config.tables:
        raise UserError(
            f"{plan.where}: the report shows tables, and none of table1 to table3 has rows"
        )
    bases = list(dict.fromkeys(row.run for rows in config.tables.values() for row in rows))
    browsed = [(run, name) for run in bases for name in plan.runs[run].tests]
    tests = dict.fromkeys(name for _, name in browsed)
    trained = dict.fromkeys(name for run in bases for name in plan.runs[run].train_on)
    read = [(run, name) for run in bases for name in plan.runs[run].train_on] + browsed
    sides = {name: plan.side(plan.runs[run]) for run, name in reversed(read)}
    return ReportPlan(
        title=TITLE,
        tables=(
            *(paths.TABLE.format(number=number) for number in config.tables),
            *comparisons.all_of(plan),
        ),
        figures=tuple(_figures(plan)),
        scores=tuple(_score(run, name) for run, name in browsed),
        datasets={
            name: ShownSet(
                shards=tuple(plan.clip_stores([name], sides[name])) if name in tests else (),
                rejected=paths.of_side(paths.REJECTED, sides[name]).format(dataset=name),
                missing=paths.MISSING.format(dataset=name),
            )
            for name in [*tests, *trained]
        },
        overlap={
            base: paths.OVERLAP.format(run=base)
            for base in bases
            if base in plan.pruned and plan.runs[base].prune_against
        },
        pretraining={
            base: {
                "state": tables.pretraining_state(plan, base),
                "classes": paths.OVERLAP_PRETRAINING.format(run=base),
            }
            for base in bases
        },
        videos={
            base: paths.OVERLAP_VIDEOS.format(run=base)
            for base in bases
            if base in shared_videos.compared(plan)
        },
        threshold=config.overlap.threshold,
        trainings={name: paths.TRAINING_LOG.format(run=name) for name in _trainings(plan, bases)},
        benchmarks=paths.BENCHMARKS,
        disk={"clip stores": paths.CLIPS_FOLDER, "models": paths.MODELS},
        versions=paths.VERSIONS,
    )


def _trainings(plan: Plan, bases: Sequence[str]) -> list[str]:
    """Of these runs, and of those that their weights come from, the ones that train."""
    found: dict[str, None] = {}
    for base in bases:
        name: str | None = base
        while name and name not in found and (run := plan.runs.get(name)):
            if run.train_on and not run.is_motion:
                found[name] = None
            name = run.weights
    return list(found)


def _figures(plan: Plan) -> list[Figure]:
    config = plan.config
    if config.figures.end_to_end is None or config.figures.datasets is None:
        return []
    numbers = range(1 if config.table1 else 2, 8)
    return [
        Figure(
            paths.beside(paths.FIGURE, ".svg").format(number=number),
            {
                method: tables.pretraining_state(plan, base)
                for method, base in figures.methods(plan, str(number)).items()
            },
        )
        for number in numbers
    ]


def _score(run: str, dataset: str) -> Score:
    patterns = {
        "metrics": paths.METRICS,
        "per_class": paths.PER_CLASS,
        "predictions": paths.PREDICTIONS,
        "confusions": paths.CONFUSIONS,
    }
    files = {key: pattern.format(run=run, dataset=dataset) for key, pattern in patterns.items()}
    return Score(run, dataset, **files)


# What make_report reads and is told


def inputs(plan: Plan) -> Inputs:
    """All that the report shows."""
    report = report_plan(plan)
    scores = (
        path
        for s in report.scores
        for path in (s.metrics, s.per_class, s.predictions, s.confusions)
    )
    sets = (path for s in report.datasets.values() for path in (s.rejected, s.missing))
    return Inputs(
        large=tuple(path for shown in report.datasets.values() for path in shown.shards),
        small=(
            *report.tables,
            *(figure.path for figure in report.figures),
            *scores,
            *sets,
            *report.overlap.values(),
            *report.videos.values(),
            *report.trainings.values(),
            *(path for traced in report.pretraining.values() for path in traced.values()),
        ),
    )


def shown(plan: Plan) -> dict[str, Any]:
    """What the report shows, as a JSON value."""
    return asdict(report_plan(plan))


def captions(plan: Plan) -> Path:
    """The folder of the page's template and the captions."""
    return plan.repository / "workflow" / "report"


def captions_content(plan: Plan) -> str:
    """Its content: where it lies is no part of what the report depends on."""
    return contents(sorted(captions(plan).iterdir()))


def template(plan: Plan) -> Path:
    """The page's template."""
    return captions(plan) / "page.html"


def data(plan: Plan) -> str:
    """The argument that tells the script what the report shows."""
    return in_a_file("report", shown(plan) | {"captions": str(captions(plan))})
