"""Tables: the rows that are measured, and the files that their numbers come from."""

from dataclasses import asdict, dataclass
from pathlib import Path

from unseen.base.errors import UserError
from unseen.plan import paths, versions
from unseen.plan.plan import Inputs, Plan, contents
from unseen.plan.runs import Run, pretraining_sets, seeded, trained_on
from unseen.plan.settings import Row
from unseen.plan.specs import as_json
from unseen.results.protocol_names import FULL, HALF

DEFAULTS = {"1": HALF, "2": FULL}
"""The protocols of the tables' rows that name none. Table 3 has both side by side."""


@dataclass(frozen=True)
class TableRow:
    """A measured row: the runs of its seeds, by the names that their metrics go by, and what the
    table says of them."""

    method: str
    runs: tuple[str, ...]
    datasets: tuple[str, ...]
    protocol: str | None
    trained_on: str
    snippets: str
    visual_features: str
    e2e: bool
    augment: bool

    @property
    def pairs(self) -> list[str]:
        """`run/dataset` of its scores."""
        return [f"{run}/{dataset}" for run in self.runs for dataset in self.datasets]


def all_of(plan: Plan) -> list[str]:
    """The tables that have rows."""
    return [paths.TABLE.format(number=number) for number in plan.config.tables]


def rows(plan: Plan, number: int | str) -> list[TableRow]:
    """The measured rows of a table."""
    own = DEFAULTS.get(str(number))
    return [
        _row(plan, row, protocol)
        for row in plan.config.rows(number)
        for protocol in (row.protocols if own and row.protocols else [own])
    ]


def _row(plan: Plan, row: Row, protocol: str | None) -> TableRow:
    ending = versions.PERMUTED if row.permuted else ""
    run = plan.runs[row.run]
    return TableRow(
        method=row.run if row.method is None else row.method,
        runs=tuple(name + ending for name in seeds_of(plan, row.run)),
        datasets=tuple(
            name
            for name in row.datasets
            if protocol is None or protocol in plan.config.datasets[name].protocols(name)
        ),
        protocol=protocol,
        trained_on=trained_on(run, plan.runs),
        snippets=row.snippets,
        visual_features=(_features(run) if row.visual_features is None else row.visual_features),
        e2e=not (run.freeze or run.convex or run.dual or run.is_motion),
        augment=has_photographs(plan, row.run),
    )


def _features(run: Run) -> str:
    if run.is_motion:
        return "frame differences"
    if run.dual:
        return Path(run.dual.folder).name
    return run.convex.classifier if run.convex else run.settings.network


def seeds_of(plan: Plan, base: str) -> list[str]:
    """The names of a run's seeds."""
    return [seeded(base, seed, plan.config.seeds) for seed in plan.config.seeds]


def has_photographs(plan: Plan, base: str) -> bool:
    """Whether a run or what it starts from was trained on photographs (the paper's SUN
    augmentation)."""
    run = plan.runs[base]
    return any(name in plan.photographs for name in (*run.seen, *pretraining_sets(run, plan.runs)))


# What make_table reads and is told


def inputs(plan: Plan, number: str) -> Inputs:
    """Metrics, kept classes, what the weights had seen, and the sources of the version. Raises
    UserError without rows."""
    if not plan.config.rows(number):
        raise UserError(f"{plan.where}: table{number} has no rows; list its runs and data sets")
    pairs = metrics(plan, number)
    files = [*pairs.values(), *kept(plan, number).values(), *pretraining(plan, number).values()]
    return Inputs(small=tuple(dict.fromkeys([*files, *versions.source_files(plan, pairs)])))


def metrics(plan: Plan, number: str) -> dict[str, str]:
    """The metrics by `run/dataset`."""
    return {
        f"{run}/{dataset}": paths.METRICS.format(run=run, dataset=dataset)
        for row in rows(plan, number)
        for run in row.runs
        for dataset in row.datasets
    }


def kept(plan: Plan, number: str) -> dict[str, str]:
    """The kept classes by the name that a run's metrics go by."""
    return {
        run: path
        for row in rows(plan, number)
        for run in row.runs
        for path in plan.kept(plan.runs[run.removesuffix(versions.PERMUTED)])
    }


def pretraining(plan: Plan, number: str) -> dict[str, str]:
    """What the weights behind a row's runs had seen, by the name that a run's metrics go by."""
    return {run: pretraining_state(plan, run) for row in rows(plan, number) for run in row.runs}


def pretraining_state(plan: Plan, run: str) -> str:
    """The file that says what the weights behind a run had seen: one for all its seeds."""
    return paths.PRETRAINING_STATE.format(run=plan.runs[run.removesuffix(versions.PERMUTED)].base)


def rows_told(plan: Plan, number: str) -> str:
    """The rows as the script takes them."""
    return as_json([asdict(row) for row in rows(plan, number)])


def arguments(plan: Plan, number: str) -> list[str]:
    """The arguments that name the script's files."""
    named = {
        "--metrics": metrics(plan, number),
        "--kept": kept(plan, number),
        "--pretraining": pretraining(plan, number),
    }
    told = [part for option, files in named.items() for part in (option, *_pairs(files))]
    return [*told, "--published", published(plan)]


def _pairs(named_paths: dict[str, str]) -> list[str]:
    return [f"{name}={path}" for name, path in named_paths.items()]


def published(plan: Plan) -> str:
    """The file of published numbers."""
    return str(plan.repository / "config" / "published.csv")


def published_content(plan: Plan) -> str:
    """Its content: where it lies is no part of what a table depends on."""
    return contents([published(plan)])


def version(plan: Plan, number: str) -> list[str]:
    """Arguments that name the parts of the table's version."""
    shown = [asdict(row) for row in rows(plan, number)]
    last = versions.stage(plan, "make_table", rows=shown, published=published_content(plan))
    pairs = metrics(plan, number)
    return versions.arguments(plan, f"table{number}", pairs, {"make_table": last})
