"""Names from files are data in whatever the stages write for people, and come back as they were."""

import csv
import json
import re
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hostile import NAMES, ORDERS
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from repository import REPOSITORY, SCRIPTS
from small_results import CLASSES, make_test_set, named, report_spec

from unseen.base import markup
from unseen.base.names import say, shown
from unseen.base.progress import progress
from unseen.base.tabular import as_text, read_rows, write_rows
from unseen.classes.class_embedding_file import write_class_embeddings
from unseen.prediction.page import prediction_page
from unseen.results.figures import draw_figure
from unseen.results.report import make_report
from unseen.results.tables import make_table

TEMPLATE = SCRIPTS.parent / "report" / "page.html"
COMPUTED = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def data_of(page: str) -> dict:
    """What the page holds, as a browser finds it: to the first end of a script."""
    start = '<script type="application/json" id="data">'
    return json.loads(page.partition(start)[2].partition("</script")[0])


def test_the_report_holds_hostile_names_as_data(tmp_path: Path) -> None:
    spec = report_spec(tmp_path, CLASSES | {"large": NAMES})
    output = tmp_path / "report.html"
    make_report(spec | {"title": NAMES[0]}, TEMPLATE, output)
    page = output.read_text(encoding="utf-8")
    data = data_of(page)
    assert data["title"] == NAMES[0] and data["views"][0]["videos"] == 6 * len(NAMES)
    beside = (tmp_path / "report" / "views" / "0.js").read_text(encoding="utf-8")
    call = beside.removeprefix("received(").removesuffix(");\n")
    assert json.loads(f"[{call}]")[2]["classes"] == sorted(NAMES)
    assert all(page.count(mark) == page_marks for mark, page_marks in marks(TEMPLATE).items())


def test_the_page_of_predictions_holds_hostile_names_as_data() -> None:
    nearest = {"classes": NAMES, "distances": [0.1] * len(NAMES), "windows": []}
    videos = [{"path": name} | nearest for name in NAMES]
    page = prediction_page({"videos": videos, "notes": NAMES}, [[]] * len(videos))
    assert data_of(page)["notes"] == NAMES
    assert [video["path"] for video in data_of(page)["videos"]] == NAMES
    template = REPOSITORY / "src" / "unseen" / "prediction" / "page.html"
    assert all(page.count(mark) == page_marks for mark, page_marks in marks(template).items())


def marks(template: Path) -> dict[str, int]:
    """How often the template has what could begin or end a part of a page."""
    text = template.read_text(encoding="utf-8")
    return {mark: text.count(mark) for mark in ("<script", "</script", "<!--", "<img", "<b>")}


@given(st.text())
def test_json_in_a_page_is_what_it_was_and_ends_nothing(text: str) -> None:
    written = markup.json_in_html({"text": text})
    assert json.loads(written) == {"text": text}
    assert "<" not in written and len(written.splitlines()) == 1 and written.encode()


@given(st.text())
def test_json_for_a_terminal_is_what_it_was_and_orders_nothing(text: str) -> None:
    written = markup.json_text([text], indent=1)
    assert json.loads(written) == [text]
    assert shown(written.replace("\n", "")) == written.replace("\n", "")


def sheet_cells(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as stream:
        return [cell for row in csv.reader(stream) for cell in row]


def test_tables_hold_hostile_names_as_text(tmp_path: Path) -> None:
    files = make_test_set(tmp_path / "set", CLASSES["small"], named(CLASSES["small"], 4))
    metrics = files.score(tmp_path / "scores").metrics
    rows = [{"method": name, "runs": ["run"], "datasets": ["mine"]} for name in NAMES]
    output = tmp_path / "table2.csv"
    make_table(
        2, rows, {"run/mine": metrics}, {}, {}, REPOSITORY / "config" / "published.csv", output
    )
    assert [row["method"] for row in read_rows(output)][-len(NAMES) :] == NAMES
    assert not [cell for cell in sheet_cells(output) if cell.startswith(COMPUTED)]

    cells = read_markdown(output.with_suffix(".md").read_text(encoding="utf-8"))
    assert [line[0] for line in cells][-len(NAMES) :] == NAMES
    lines = output.with_suffix(".tex").read_text(encoding="utf-8").splitlines()
    first = [line.partition(" & ")[0] for line in lines if " & " in line]
    assert list(map(read_latex, first))[-len(NAMES) :] == NAMES


def read_markdown(text: str) -> list[list[str]]:
    """A table's cells as a reader sees them; there is nothing but text in any of them."""
    lines: list[list[str]] = []
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text):
        if token.type == "tr_open":
            lines.append([])
        if token.type == "inline":
            parts = token.children or []
            assert {part.type for part in parts} <= {"text", "text_special"}, token.content
            lines[-1].append("".join(part.content for part in parts))
    return lines


def read_latex(text: str) -> str:
    """What LaTeX prints of a text; fails on any order that is not one of a printed character."""
    printed = {"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^"}
    printed |= {"textless": "<", "textgreater": ">", "textbar": "|"}
    token = re.compile(r"\\([a-z]+)\{\}|\\([&%$#_{}])|\{([\[\]*])\}|([^\\{}&%$#_~^\[\]*])")
    place, found = 0, []
    while place < len(text):
        match = token.match(text, place)
        assert match, text[place:]
        place = match.end()
        found.append(printed[match[1]] if match[1] else match[2] or match[3] or match[4])
    return "".join(found)


@given(st.text())
def test_any_text_is_itself_in_markdown_and_latex(text: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| x{markup.markdown(text)}x | c |\n"
    (_, (cell, _)) = read_markdown(table)
    assert cell == f"x{shown(text)}x"
    assert read_latex(markup.latex(text)) == shown(text)


def test_figures_draw_hostile_names_as_text(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(len(NAMES), 24)).astype(np.float32)
    write_class_embeddings(tmp_path / "classes.h5", NAMES, vectors)
    columns = ["class", "kept", "distance", "nearest_class", "nearest_dataset"]
    rows = [[name, "yes", f"0.{number + 10}", name, "mine"] for number, name in enumerate(NAMES)]
    write_rows(
        tmp_path / "overlap.csv", columns, [dict(zip(columns, row, strict=True)) for row in rows]
    )
    embeddings = {"mine": str(tmp_path / "classes.h5")}
    overlap = str(tmp_path / "overlap.csv")
    spec = {"training": embeddings, "test": embeddings, "overlap": overlap, "threshold": 0.05}
    for number in (2, 3):
        output = tmp_path / f"figure{number}.csv"
        draw_figure(number, spec, output)
        assert [row["class"] for row in read_rows(output)][: len(NAMES)] == NAMES
        assert not [
            cell for cell in sheet_cells(output) if cell.startswith(COMPUTED) and not number_(cell)
        ]
        elements = ElementTree.parse(output.with_suffix(".svg")).iter()
        kinds = {element.tag.rpartition("}")[2] for element in elements}
        assert not kinds & {"script", "a", "image", "foreignObject", "text"}


def number_(cell: str) -> bool:
    return re.fullmatch(r"-\d+\.\d+", cell) is not None


def test_predictions_hold_hostile_names_as_text(tmp_path: Path) -> None:
    files = make_test_set(tmp_path / "set", NAMES, named(NAMES, 2))
    outputs = files.score(tmp_path / "scores")
    rows = read_rows(outputs.predictions)
    assert {row["class"] for row in rows} == {*NAMES}
    assert {row["clip_id"] for row in rows} == {*named(NAMES, 2)}
    for path in (outputs.predictions, outputs.per_class, outputs.confusions, files.labels):
        assert not [cell for cell in sheet_cells(path) if cell.startswith(COMPUTED)], path


@given(st.text(alphabet=st.sampled_from("'=+-@\t\n ,\"a1.e\uff1d"), max_size=8))
def test_any_text_comes_back_from_a_table_and_computes_nothing(text: str) -> None:
    cell = as_text(text)
    harmless = re.fullmatch(r"-[\w.-]*(e\+\d+)?", text)
    assert harmless or not cell.startswith(COMPUTED)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        write_rows(path, ["a", "b"], [{"a": text}])
        assert [row["a"] for row in read_rows(path)] == [text]


def test_numbers_and_ids_are_written_as_they_are(tmp_path: Path) -> None:
    cells = ["-0.25", "-1e-05", "-1e+20", "-3B32lodo2M_000059_000069", "-a.avi", ""]
    write_rows(tmp_path / "a.csv", ["a", "b"], [{"a": cell, "b": -0.5} for cell in cells])
    with (tmp_path / "a.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["a"] for row in rows] == cells and {row["b"] for row in rows} == {"-0.5"}


def test_a_terminal_is_sent_no_orders(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"one\n{ORDERS}", sys.stderr)
    say(ORDERS)
    told = r"a\x1b[2J\x9b2Jb\u202ec\x0d\x07" + "\n"
    assert capsys.readouterr() == (told, f"one\n{told}")
    assert list(progress([1], desc=ORDERS)) == [1]
    error = capsys.readouterr().err
    assert told.strip() in error and "\x1b" not in error and "\x9b" not in error
