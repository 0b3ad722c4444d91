"""Comparisons of two runs: the difference of their accuracies seed by seed, with its interval."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy import stats

from unseen.base import markup
from unseen.base.errors import UserError
from unseen.base.files import atomic
from unseen.base.tabular import read_rows, write_rows
from unseen.results.protocol_names import FULL
from unseen.results.tables import Scores, decimals, find, markdown_table, mean_and_sd, snippets_of

COLUMNS = (
    "comparison",
    "dataset",
    "snippets",
    "against_snippets",
    "seeds",
    "top1",
    "against_top1",
    "difference",
    "sd",
    "low",
    "high",
)
CONFIDENCE = 0.95


def compare_runs(
    pairs: Sequence[Mapping[str, Any]], metrics: Mapping[str, Path], output: Path
) -> dict[str, str]:
    """Write the comparisons as `.csv` and `.md`, and return the differences.

    Args:
        pairs: Each `name`, `runs` and `against` (one a seed, in the same order), `datasets`,
            `snippets` and `against_snippets` (`one` or `multi`).
        metrics: The scores by `run/dataset`.

    Raises:
        UserError: A run has no scores on a data set, or its top-1 is empty there.
    """
    scores = {key: read_rows(path, ["protocol", "split"]) for key, path in metrics.items()}
    rows = [compare(pair, dataset, scores) for pair in pairs for dataset in pair["datasets"]]
    write_rows(output, COLUMNS, rows)
    with atomic(output.with_suffix(".md")) as temporary:
        cells = [[markup.markdown(row[column]) for column in COLUMNS] for row in rows]
        text = markdown_table([column.replace("_", " ") for column in COLUMNS], cells, 7)
        temporary.write_text(text, encoding="utf-8")
    return {f"{row['comparison']} {row['dataset']}": row["difference"] for row in rows}


def compare(pair: Mapping[str, Any], dataset: str, scores: Scores) -> dict[str, str]:
    """A row: top-1 over all classes of both sides and their difference, in percent.

    The sides are paired by seed. `low` and `high` bound the mean difference at 95% (Student's t
    over the seeds); with one seed there is neither a spread nor an interval.
    """
    ours = [_top1(scores, run, dataset, pair["snippets"]) for run in pair["runs"]]
    theirs = [_top1(scores, run, dataset, pair["against_snippets"]) for run in pair["against"]]
    differences = [a - b for (a, _), (b, _) in zip(ours, theirs, strict=True)]
    mean, deviation = mean_and_sd(differences)
    low, high = interval(differences)
    return {
        "comparison": pair["name"],
        "dataset": dataset,
        "snippets": ours[0][1],
        "against_snippets": theirs[0][1],
        "seeds": str(len(differences)),
        "top1": decimals(mean_and_sd(value for value, _ in ours)[0]),
        "against_top1": decimals(mean_and_sd(value for value, _ in theirs)[0]),
        "difference": decimals(mean),
        "sd": decimals(deviation),
        "low": decimals(low),
        "high": decimals(high),
    }


def interval(differences: Sequence[float]) -> tuple[float | None, float | None]:
    """The 95% interval of the mean of paired differences, by Student's t; none for fewer than two.

    >>> [round(bound, 2) for bound in interval([1.0, 2.0, 3.0])]
    [-0.48, 4.48]
    """
    mean, deviation = mean_and_sd(differences)
    if mean is None or deviation is None:
        return None, None
    count = len(differences)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * deviation / math.sqrt(count)
    return mean - half, mean + half


def _top1(scores: Scores, run: str, dataset: str, snippets: str) -> tuple[float, str]:
    """A run's top-1 over all classes, and the number of snippets behind it."""
    table = scores.get(f"{run}/{dataset}")
    if not table:
        raise UserError(f"run {run} has no scores on {dataset}: is it in the run's unseen?")
    used = snippets_of(table, snippets == "multi")
    value = find(table, FULL, "all", used, "top1")
    if value is None:
        raise UserError(f"run {run} has no top-1 on {dataset}: no video of it has a label")
    return value, used
