"""Comparisons: paired by seed, with an interval that has the level that it claims."""

import numpy as np
import pytest

from unseen.base.errors import UserError
from unseen.base.tabular import read_rows, write_rows
from unseen.results.comparisons import compare_runs, interval

COLUMNS = ["protocol", "split", "snippets", "top1"]


@pytest.fixture
def compared(tmp_path):
    """The rows of a comparison of runs whose top-1 is given a seed."""

    def run(ours, theirs, **pair):
        metrics = {}
        for side, values in (("a", ours), ("b", theirs)):
            for seed, value in enumerate(values):
                path = tmp_path / f"{side}{seed}.csv"
                rows = [("2", "all", "1", value and value - 1), ("2", "all", "5", value)]
                rows += [("1", "mean", "5", 99)]
                write_rows(path, COLUMNS, [dict(zip(COLUMNS, row, strict=True)) for row in rows])
                metrics[f"{side}{seed}/ucf"] = path
        told = {"name": "a|b", "datasets": ["ucf"], "snippets": "multi", "against_snippets": "multi"}
        told |= {"runs": [f"a{n}" for n in range(len(ours))]}
        told |= {"against": [f"b{n}" for n in range(len(theirs))]} | pair
        compare_runs([told], metrics, tmp_path / "comparisons.csv")
        return read_rows(tmp_path / "comparisons.csv")

    return run


def test_the_difference_is_that_of_each_seed(compared, tmp_path):
    """Seeds that are good for both sides do not widen the interval."""
    (row,) = compared([60, 41, 80], [58, 40, 77])
    assert (row["difference"], row["sd"]) == ("2.00", "1.00")
    assert (row["low"], row["high"]) == ("-0.48", "4.48")  # t of 2 degrees: 4.303 / sqrt(3)
    assert (row["top1"], row["against_top1"], row["seeds"]) == ("60.33", "58.33", "3")
    text = (tmp_path / "comparisons.md").read_text()
    assert "| a\\|b | ucf | 5 | 5 | 3 | 60.33 |" in text


def test_one_snippet_against_many(compared):
    (row,) = compared([60, 50], [60, 50], against_snippets="one")
    assert (row["snippets"], row["against_snippets"], row["difference"]) == ("5", "1", "1.00")


def test_one_seed_has_no_interval(compared):
    (row,) = compared([60], [50])
    assert [row[key] for key in ("difference", "sd", "low", "high")] == ["10.00", "", "", ""]


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    bounds = [interval(list(rng.normal(3, 5, size=3))) for _ in range(2000)]
    assert sum(low < 3 < high for low, high in bounds) / 2000 == pytest.approx(0.95, abs=0.015)


def test_scores_that_are_not_there_are_named(compared):
    with pytest.raises(UserError, match="run c has no scores on ucf"):
        compared([60], [50], runs=["c"])
    with pytest.raises(UserError, match="run b0 has no top-1 on ucf"):
        compared([60], [""])
