"""Comparisons: the pairs of runs that are compared, and the files of their scores."""

from dataclasses import asdict, dataclass

from unseen.base.errors import UserError
from unseen.plan import paths, versions
from unseen.plan.plan import Inputs, Plan
from unseen.plan.specs import as_json
from unseen.plan.tables import seeds_of


@dataclass(frozen=True)
class Pair:
    """Two sides of a comparison: the runs of their seeds, in the same order, and their snippets."""

    name: str
    runs: tuple[str, ...]
    against: tuple[str, ...]
    datasets: tuple[str, ...]
    snippets: str
    against_snippets: str


def pairs(plan: Plan) -> list[Pair]:
    """The comparisons of the configuration."""
    return [
        Pair(
            name=f"{one.run} - {one.against}" if one.name is None else one.name,
            runs=tuple(seeds_of(plan, one.run)),
            against=tuple(seeds_of(plan, one.against)),
            datasets=tuple(one.datasets),
            snippets=one.snippets,
            against_snippets=one.against_snippets or one.snippets,
        )
        for one in plan.config.comparisons
    ]


def all_of(plan: Plan) -> list[str]:
    """The table of comparisons, if there are any."""
    return [paths.COMPARISONS] if plan.config.comparisons else []


# What compare_runs reads and is told


def inputs(plan: Plan) -> Inputs:
    """Metrics and the sources of the version. Raises UserError without comparisons."""
    if not plan.config.comparisons:
        raise UserError(f"{plan.where}: comparisons has no entries; list pairs of runs")
    scores = metrics(plan)
    files = (*scores.values(), *versions.source_files(plan, scores))
    return Inputs(small=tuple(dict.fromkeys(files)))


def metrics(plan: Plan) -> dict[str, str]:
    """The metrics by `run/dataset`."""
    return {
        f"{run}/{dataset}": paths.METRICS.format(run=run, dataset=dataset)
        for pair in pairs(plan)
        for run in (*pair.runs, *pair.against)
        for dataset in pair.datasets
    }


def told(plan: Plan) -> str:
    """The pairs as the script takes them."""
    return as_json([asdict(pair) for pair in pairs(plan)])


def metrics_told(plan: Plan) -> list[str]:
    """Arguments RUN/DATASET=CSV."""
    return [f"{name}={path}" for name, path in metrics(plan).items()]


def version(plan: Plan) -> list[str]:
    """Arguments that name the parts of the table's version."""
    last = versions.stage(plan, "compare_runs", pairs=[asdict(pair) for pair in pairs(plan)])
    return versions.arguments(plan, "comparisons", metrics(plan), {"compare_runs": last})
