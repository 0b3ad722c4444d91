"""The paper's tables from scores, chance and published numbers: CSV, Markdown and LaTeX."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from unseen.base.errors import UserError
from unseen.base import markup
from unseen.base.files import atomic
from unseen.base.tabular import read_rows, write_rows
from unseen.classes.class_splits import SUMS
from unseen.results.protocol_names import FULL, HALF, IN_METRICS, LISTS

Scores = Mapping[str, Sequence[Mapping[str, str]]]
"""The rows of the metrics by `run/dataset`."""


@dataclass(frozen=True)
class Interval:
    """The 95% bootstrap interval of an accuracy over the test videos, each bound averaged over the
    seeds, and what was drawn, such as `23 sources`."""

    PARTS: ClassVar = ("_low", "_high", "_resampled")

    low: float
    high: float
    resampled: str

    def __str__(self) -> str:
        return f"{decimals(self.low)} to {decimals(self.high)}, {self.resampled}"


@dataclass(frozen=True)
class Layout:
    """A table's columns: those of a row, then `measures` for every test set."""

    texts: tuple[str, ...]
    measures: dict[str, tuple[str | None, str]]
    """The evaluation protocol (None: the row's) and the metrics' column behind each measure. The
    spread of a measure with a protocol of its own is that over the seeds."""
    sd_columns: bool
    protocol: str | None = None
    """That of a row which names none."""
    interval: str | None = None
    """The measure of all classes whose interval over the videos is shown, apart from the spread."""

    def columns(self, datasets: Sequence[str]) -> list[str]:
        """The columns of the CSV."""
        parts = ("", "_sd") if self.sd_columns else ("",)
        bounds = Interval.PARTS if self.interval else ()
        return [
            *self.texts,
            *(
                f"{name}_{measure}{part}"
                for name in datasets
                for measure in self.measures
                for part in parts
            ),
            *(f"{name}_{self.interval}{part}" for name in datasets for part in bounds),
        ]


LAYOUTS = {
    1: Layout(
        (
            *("method", "visual_features", "source", "protocol", "training_classes"),
            *("trained_on", "pretraining_overlap", "sd_over"),
        ),
        {"top1": (None, "top1")},
        sd_columns=True,
        protocol=HALF,
    ),
    2: Layout(
        (
            *("method", "source", "protocol", "training_classes"),
            *("trained_on", "pretraining_overlap", "snippets", "sd_over"),
        ),
        {"top1": (None, "top1"), "top5": (None, "top5")},
        sd_columns=True,
        protocol=FULL,
        interval="top1",
    ),
    3: Layout(
        ("method", "e2e", "augment", "multi", "source", "trained_on", "pretraining_overlap"),
        {
            "half_top1": (HALF, "top1"),
            "half_top5": (HALF, "top5"),
            "all_top1": (FULL, "top1"),
            "all_top5": (FULL, "top5"),
        },
        sd_columns=False,
        interval="all_top1",
    ),
}


@dataclass(frozen=True)
class TableRow:
    """A table's row: texts by column; (percent, standard deviation) and the interval over the
    videos by `<dataset>_<measure>`."""

    texts: dict[str, str]
    values: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)

    def cells(self) -> dict[str, str]:
        """The row of the CSV."""
        cells = dict(self.texts)
        for column, (value, deviation) in self.values.items():
            cells[column] = decimals(value)
            cells[f"{column}_sd"] = decimals(deviation)
        for column, found in self.intervals.items():
            parts = (decimals(found.low), decimals(found.high), found.resampled)
            cells |= {f"{column}{part}": text for part, text in zip(Interval.PARTS, parts, strict=True)}
        return cells


def decimals(value: float | None) -> str:
    """Percent with two decimals; nothing for None."""
    return "" if value is None else f"{value:.2f}"


def make_table(
    number: int,
    rows: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, Path],
    kept: Mapping[str, Path],
    pretraining: Mapping[str, Path],
    published: Path,
    output: Path,
) -> dict[str, str]:
    """Write a table as `.csv`, `.md` and `.tex`, and return its headline numbers.

    `rows` are the measured rows: `method`, `runs` (one a seed), `datasets`, `protocol`, `snippets`
    (`one` or `multi`), `trained_on`, and `visual_features` (table 1) or `e2e` and `augment` (table
    3). `metrics` is by `run/dataset`; by run are `kept`, the lists of training classes, and
    `pretraining`, how many classes near a test class the initial weights had seen.

    Published numbers stand beside measured ones of the same protocol only.
    """
    layout = LAYOUTS[number]
    scores = {key: read_rows(path, ["protocol", "split"]) for key, path in metrics.items()}
    datasets = list(dict.fromkeys(name for row in rows for name in row["datasets"]))
    measured = [measured_row(layout, row, scores, kept, pretraining) for row in rows]
    lines = []
    for protocol in dict.fromkeys(row.get("protocol") or layout.protocol for row in rows):
        lines += published_rows(number, published, datasets, protocol)
        lines.append(chance_row(layout, datasets, scores, protocol))
        lines += [row for row in measured if row.texts.get("protocol") == protocol]
    write_rows(output, layout.columns(datasets), _only(layout, datasets, lines))
    _write_text(output.with_suffix(".md"), markdown(layout, datasets, lines))
    _write_text(output.with_suffix(".tex"), latex(layout, datasets, lines))
    return headline(layout, datasets, measured)


def _only(
    layout: Layout, datasets: Sequence[str], rows: Iterable[TableRow]
) -> list[dict[str, str]]:
    """The rows' cells without those that the CSV has no column for."""
    columns = set(layout.columns(datasets))
    return [{key: text for key, text in row.cells().items() if key in columns} for row in rows]


# Rows


def measured_row(
    layout: Layout,
    row: Mapping[str, Any],
    scores: Scores,
    kept: Mapping[str, Path],
    pretraining: Mapping[str, Path],
) -> TableRow:
    """A row of measured accuracies: the mean over its runs, which differ in their seed alone."""
    runs, multi = row["runs"], row.get("snippets", "multi") == "multi"
    named = row.get("protocol") or layout.protocol
    values: dict[str, tuple[float | None, float | None]] = {}
    intervals: dict[str, Interval] = {}
    used, seen = "", False
    over: dict[str, None] = {}
    for dataset in row["datasets"]:
        tables = [_of_run(scores, run, dataset, row["method"]) for run in runs]
        used = snippets_of(tables[0], multi)
        seen |= "seen" in tables[0][0]
        for measure, (protocol, column) in layout.measures.items():
            key = f"{dataset}_{measure}"
            if protocol:
                values[key] = over_seeds(tables, protocol, used, column)
            else:
                said, values[key] = spread(tables, str(named), used, column)
                over[said] = None
        shown = layout.interval if named in (None, FULL) else None
        if shown and (found := over_videos(tables, used)):
            intervals[f"{dataset}_{shown}"] = found
    texts = {
        "method": row["method"] + (" (classes may be seen)" if seen else ""),
        "source": "measured",
        "protocol": str(named),
        "trained_on": row.get("trained_on") or "",
        "sd_over": "; ".join(filter(None, over)),
        "visual_features": row.get("visual_features") or "",
        "training_classes": _count_lines(kept.get(runs[0])),
        "pretraining_overlap": read_state(pretraining.get(runs[0])),
        "snippets": used,
        "e2e": yes_no(row.get("e2e")),
        "augment": yes_no(row.get("augment")),
        "multi": yes_no(multi),
    }
    return TableRow(_texts(layout, texts), values, intervals)


def chance_row(
    layout: Layout, datasets: Sequence[str], scores: Scores, named: str | None = None
) -> TableRow:
    """The accuracy of guessing by a protocol: k of the classes that are candidates. Nothing where
    these differ from run to run, as unseen classes do."""
    named = named or layout.protocol
    values: dict[str, tuple[float | None, float | None]] = {}
    for dataset in datasets:
        tables = [rows for key, rows in scores.items() if key.endswith(f"/{dataset}")]
        for measure, (protocol, column) in layout.measures.items():
            k = int(column.removeprefix("top"))
            found = {_chance(table, protocol or str(named), k) for table in tables} - {None}
            value = found.pop() if len(found) == 1 else None
            values[f"{dataset}_{measure}"] = (value, None)
    texts = {"method": "chance", "source": "chance", "protocol": str(named)}
    return TableRow(_texts(layout, texts), values)


def _chance(table: Sequence[Mapping[str, str]], protocol: str, k: int) -> float | None:
    """The chance of k guesses, averaged over the splits; None where these have too few classes."""
    sizes = {row["split"]: int(row["classes"]) for row in splits_of(table, protocol)}
    known = [100 * k / size for size in sizes.values() if size >= k]
    return statistics.fmean(known) if known and len(known) == len(sizes) else None


def published_rows(
    number: int, published: Path, datasets: Sequence[str], protocol: str | None = None
) -> list[TableRow]:
    """The published rows of a table that have a number for one of the test sets by a protocol."""
    rows: dict[tuple[str, ...], TableRow] = {}
    layout = LAYOUTS[number]
    wanted = protocol or layout.protocol or ""
    needed = ["table", "protocol", "dataset", "measure", "percent", "sd", "source"]
    for line in read_rows(published, needed):
        if (line["table"], line["protocol"]) == (str(number), wanted) and line["dataset"] in datasets:
            texts = _texts(layout, line)
            row = rows.setdefault(tuple(texts.values()), TableRow(texts))
            deviation = float(line["sd"]) if line["sd"] else None
            row.values[f"{line['dataset']}_{line['measure']}"] = (float(line["percent"]), deviation)
    return list(rows.values())


def _texts(layout: Layout, texts: Mapping[str, str]) -> dict[str, str]:
    return {column: texts.get(column, "") for column in layout.texts}


def yes_no(value: bool | None) -> str:
    """What a table writes for a truth value; nothing for None."""
    return "" if value is None else "yes" if value else "no"


def read_state(path: Path | None) -> str:
    """The one line of a file, such as what initial weights had seen."""
    return path.read_text(encoding="utf-8").strip() if path else ""


def _count_lines(path: Path | None) -> str:
    return str(len(path.read_text().splitlines())) if path else ""


# Numbers


def _of_run(scores: Scores, run: str, dataset: str, where: str) -> Sequence[Mapping[str, str]]:
    try:
        table = scores[f"{run}/{dataset}"]
    except KeyError:
        raise UserError(
            f"row {where}: run {run} has no scores on {dataset}: "
            f"does the configuration name that run, and the data set in its unseen?"
        ) from None
    if not table:
        raise UserError(f"row {where}: the scores of run {run} on {dataset} are empty")
    return table


def snippets_of(table: Sequence[Mapping[str, str]], multi: bool) -> str:
    """The number of snippets that a row of a table stands for: one, or the most there are."""
    return str(max(int(row["snippets"]) for row in table)) if multi else "1"


def splits_of(table: Sequence[Mapping[str, str]], protocol: str) -> list[Mapping[str, str]]:
    """The rows of a protocol's splits, without what sums them up."""
    wanted = IN_METRICS.get(protocol, protocol)
    return [row for row in table if row["protocol"] == wanted and row["split"] not in SUMS]


def find(
    table: Sequence[Mapping[str, str]], protocol: str, split: str, snippets: str, column: str
) -> float | None:
    """One number of the metrics; None if it is empty or not there."""
    wanted = (IN_METRICS.get(protocol, protocol), split, snippets)
    for row in table:
        if (row["protocol"], row["split"], row["snippets"]) == wanted:
            return float(row[column]) if row[column] else None
    return None


def spread(
    tables: Sequence[Sequence[Mapping[str, str]]], protocol: str, snippets: str, column: str
) -> tuple[str, tuple[float | None, float | None]]:
    """Mean and sample standard deviation, and what it is over: the splits of the protocol, each
    averaged over the seeds, or where there is one split the seeds."""
    splits = dict.fromkeys(row["split"] for row in splits_of(tables[0], protocol))
    if len(splits) > 1:
        kind = {HALF: "halves", LISTS: "lists"}.get(protocol, "splits")
        each = [
            mean_and_sd(find(table, protocol, split, snippets, column) for table in tables)[0]
            for split in splits
        ]
        return f"{len(splits)} {kind}, sample", mean_and_sd(each)
    over = f"{len(tables)} seeds, sample" if len(tables) > 1 else ""
    return over, over_seeds(tables, protocol, snippets, column)


def over_seeds(
    tables: Sequence[Sequence[Mapping[str, str]]], protocol: str, snippets: str, column: str
) -> tuple[float | None, float | None]:
    """Mean and sample standard deviation over the seeds, each averaged over the splits; no
    deviation for one seed."""
    splits = dict.fromkeys(row["split"] for row in splits_of(tables[0], protocol))
    return mean_and_sd(
        mean_and_sd(find(table, protocol, split, snippets, column) for split in splits)[0]
        for table in tables
    )


def over_videos(
    tables: Sequence[Sequence[Mapping[str, str]]], snippets: str
) -> Interval | None:
    """The interval of top-1 over all classes, over the videos; None where it was not taken."""
    low, high = (
        mean_and_sd(find(table, FULL, bound, snippets, "top1") for table in tables)[0]
        for bound in ("low", "high")
    )
    drawn = next((row["resampled"] for row in tables[0] if row.get("resampled")), None)
    return None if low is None or high is None or drawn is None else Interval(low, high, drawn)


def mean_and_sd(values: Iterable[float | None]) -> tuple[float | None, float | None]:
    """Mean and sample standard deviation of what is known; None where there is too little."""
    known = [value for value in values if value is not None]
    mean = statistics.fmean(known) if known else None
    return mean, statistics.stdev(known) if len(known) > 1 else None


def headline(
    layout: Layout, datasets: Sequence[str], measured: Sequence[TableRow]
) -> dict[str, str]:
    """The first measure of each row and test set: what the history of versions shows."""
    first = next(iter(layout.measures))

    def by(row: TableRow) -> str:
        protocol = row.texts.get("protocol", layout.protocol)
        return "" if protocol == layout.protocol else f", {protocol}"

    return {
        f"{row.texts['method']} {dataset}{by(row)}": decimals(row.values[f"{dataset}_{first}"][0])
        for row in measured
        for dataset in datasets
        if f"{dataset}_{first}" in row.values
    }


# Texts for people


def _grid(
    layout: Layout,
    datasets: Sequence[str],
    rows: Sequence[TableRow],
    escape: Callable[[str], str],
    plus_minus: str,
) -> tuple[list[str], list[list[str]]]:
    """Header and cells, standard deviations joined to their means, the intervals over the videos
    in columns of their own; empty text columns left out.

    `escape` makes of a text what stands for it in the document.
    """
    texts = [column for column in layout.texts if any(row.texts[column] for row in rows)]
    values = [f"{dataset}_{measure}" for dataset in datasets for measure in layout.measures]
    known = dict.fromkeys(column for row in rows for column in row.intervals)
    spans = [f"{column}_interval" for column in known]
    header = [escape(column.replace("_", " ")) for column in [*texts, *values, *spans]]
    body = []
    for row in rows:
        numbers = []
        for column in values:
            value, deviation = row.values.get(column, (None, None))
            spread = "" if deviation is None else f"{plus_minus}{decimals(deviation)}"
            numbers.append(decimals(value) + spread)
        found = (str(row.intervals.get(column, "")) for column in known)
        body.append([*(escape(row.texts[column]) for column in texts), *numbers, *found])
    return header, body


def _count_numbers(layout: Layout, datasets: Sequence[str], rows: Sequence[TableRow]) -> int:
    """The columns that are aligned to the right."""
    return len(datasets) * len(layout.measures) + len({c for row in rows for c in row.intervals})


def markdown(layout: Layout, datasets: Sequence[str], rows: Sequence[TableRow]) -> str:
    """The table in Markdown, its numbers aligned to the right."""
    header, body = _grid(layout, datasets, rows, markup.markdown, " ± ")
    return markdown_table(header, body, _count_numbers(layout, datasets, rows))


def markdown_table(header: Sequence[str], body: Iterable[Sequence[str]], numbers: int) -> str:
    """Cells that are escaped already as a table in Markdown, the last `numbers` columns to the
    right."""
    rule = ["---"] * (len(header) - numbers) + ["---:"] * numbers
    return "".join(f"| {' | '.join(line)} |\n" for line in (header, rule, *body))


def latex(layout: Layout, datasets: Sequence[str], rows: Sequence[TableRow]) -> str:
    """The table in LaTeX, for `\\usepackage{booktabs}`."""
    header, body = _grid(layout, datasets, rows, markup.latex, " $\\pm$ ")
    numbers = _count_numbers(layout, datasets, rows)
    shape = "l" * (len(header) - numbers) + "r" * numbers

    def line(cells: Sequence[str]) -> str:
        return f"{' & '.join(cells)} \\\\\n"

    return (
        f"\\begin{{tabular}}{{{shape}}}\n\\toprule\n{line(header)}\\midrule\n"
        f"{''.join(map(line, body))}\\bottomrule\n\\end{{tabular}}\n"
    )


def _write_text(path: Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
