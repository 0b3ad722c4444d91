"""The page of files names the columns that the workflow writes."""

import re

from repository import REPOSITORY
from tiny_workflow import Workspace

ROW = re.compile(r"^\| `([^`]+\.csv)` \| `([^`]+)` \|", re.M)


def test_columns_are_those_of_the_page(finished: Workspace) -> None:
    text = (REPOSITORY / "docs/reference/files.md").read_text(encoding="utf-8")
    rows = dict(ROW.findall(text))
    assert len(rows) > 12
    found = {
        pattern: {path.open(encoding="utf-8").readline().strip() for path in files}
        for pattern in rows
        if (files := [*(finished.folder / "results").glob(re.sub(r"\{\w+\}", "*", pattern))])
    }
    # A pattern such as {run}_counts.csv is one of {run}.csv as well.
    other = {pattern: headers - {*rows.values()} for pattern, headers in found.items()}
    assert len(found) > 9 and not any(other.values()), other
    assert [pattern for pattern, headers in found.items() if rows[pattern] not in headers] == []
