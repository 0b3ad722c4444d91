"""CSV files as stages write them: read as written, and refused with the row where they are not."""

import pytest
from fuzzing import TRIES, assert_survives

from unseen.base.errors import UserError
from unseen.base.tabular import LONGEST_LINE, Row, read_rows, write_rows

COLUMNS = ("clip_id", "class", "top1")
ROWS = [
    {"clip_id": f"clip {n}", "class": 'été, "quoted"\nline', "top1": f"{n / 7:.2f}"}
    for n in range(30)
]


def test_rows_come_back_as_written(tmp_path):
    write_rows(tmp_path / "a.csv", COLUMNS, [*ROWS, {"clip_id": "x", "class": None}])
    assert read_rows(tmp_path / "a.csv", ["class"]) == [
        *ROWS,
        {"clip_id": "x", "class": "", "top1": ""},
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "has no column a"),
        (b"b,c\n1,2\n", "has no column a"),
        (b"a,b,a\n1,2,3\n", "has the column a twice"),
        (b"a,b\n1,2\n1,2,3\n", "row 3: 3 fields, the header has 2"),
        (b"a,b\n1,2\n1\n", "row 3: 1 fields, the header has 2"),
        (b"a,b\n1,\xff\n", "after row 1: not UTF-8"),
        (b"a,b\n1," + b"x" * 200_000 + b"\n", "after row 1: no sound CSV: field larger"),
        (b"a,b\n1," + b"x" * LONGEST_LINE, "a line of more than 1,048,576 characters"),
    ],
)
def test_what_is_no_table_is_told_with_its_row(tmp_path, content, complaint):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError, match=rf"t\.csv.*{complaint}"):
        read_rows(tmp_path / "t.csv", ["a"])


def test_a_line_of_a_gigabyte_is_refused_in_little_memory(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with (tmp_path / "t.csv").open("ab") as stream:
        stream.truncate(1 << 30)
    with pytest.raises(UserError, match="a line of more than"):
        read_rows(tmp_path / "t.csv")


def test_an_absent_table_says_that_its_stage_has_not_run(tmp_path):
    with pytest.raises(UserError, match="the stage that makes it has not run"):
        read_rows(tmp_path / "gone.csv")


def is_table(rows: list[Row]) -> None:
    for row in rows:
        assert {*COLUMNS} <= {*row}
        assert all(isinstance(value, str) for value in row.values())


@pytest.mark.parametrize("tries", TRIES)
def test_a_damaged_table_is_read_or_refused(tmp_path, tries):
    write_rows(tmp_path / "t.csv", COLUMNS, ROWS)
    content = (tmp_path / "t.csv").read_bytes()
    assert_survives(
        lambda path: read_rows(path, COLUMNS),
        content,
        tmp_path / "t.csv",
        tries=tries,
        check=is_table,
    )
