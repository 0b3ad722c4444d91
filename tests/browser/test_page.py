"""The report in a real browser: its filters, its sorting, and its width on a telephone."""

import shutil
from pathlib import Path

import pytest
from hostile import NAMES as HOSTILE
from repository import SCRIPTS
from small_results import CLASSES, report_spec
from webdriver import assert_whole

from unseen.base.tabular import read_rows, write_rows
from unseen.results.report import make_report


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    output = folder / "report.html"
    make_report(report_spec(folder), SCRIPTS.parent / "report" / "page.html", output)
    return output


LOADED = "document.querySelector('#videos').getAttribute('aria-busy') === 'false'"


def shown(window) -> list[str]:
    """The clip ids of the cards in sight."""
    window.wait_for(LOADED)
    return window.run("return [...document.querySelectorAll('.video .id')].map(e => e.textContent)")


def column(window, section: str, number: int) -> list[str]:
    return window.run(
        f"return [...document.querySelectorAll('#{section} tbody tr')]"
        f".map(row => row.children[{number}].textContent)"
    )


def test_page_is_whole_and_no_wider_than_the_window(window, tmp_path):
    assert window.text("h1") == "The report of a test"
    assert "in the folder report (" in window.text("#beside")
    window.wait_for(LOADED)
    # Pictures out of sight are loaded when they come into it.
    window.run("for (const image of document.images) image.loading = 'eager'")
    window.wait_for("[...document.images].every(i => i.complete)")
    assert window.count(".video img") > 0
    for section in ("tables", "accuracy", "overlap", "rejected", "cost", "versions"):
        assert window.count(f"#{section} tbody tr") > 0, section
    assert window.count("#training svg[role=img]") == 6
    assert_whole(window, tmp_path / "page.png")


def test_filters_choose_videos(window):
    assert len(shown(window)) == 24
    assert window.text("#count").startswith("48 of 48 videos")
    window.click("#more")
    assert len(shown(window)) == 48 and not window.run(
        "return document.querySelector('#more').offsetParent"
    )
    window.choose("#view", "fixed on small")
    window.wait_for(LOADED)
    assert window.text("#count").startswith("30 of 30 videos")
    window.choose("#true-class", "small class 3")
    assert shown(window) == [f"small class 3/{number}.avi" for number in range(6)]
    window.choose("#outcome", "wrong")
    wrong = len(shown(window))
    assert 0 < wrong < 6 and window.count(".verdict.wrong") == wrong
    window.choose("#outcome", "right")
    assert len(shown(window)) == 6 - wrong and window.count(".verdict.wrong") == 0
    window.choose("#outcome", "all")
    window.choose("#true-class", "all")
    window.type("#search", "2/5.avi")
    assert shown(window) == ["small class 2/5.avi"]


def test_videos_are_sorted_by_distance(window):
    window.wait_for(LOADED)
    window.choose("#order", "nearest prediction first")
    distances = window.run(
        "return [...document.querySelectorAll('.video li:first-child [title]')]"
        ".map(e => +e.textContent)"
    )
    assert len(distances) == 24 and distances == sorted(distances)


def test_a_confusion_shows_its_videos(window):
    window.choose("#view", "fixed on large")
    window.wait_for(LOADED)
    true, predicted, count = (column(window, "confusions", number)[0] for number in range(3))
    window.click("#confusions tbody button")
    assert len(shown(window)) == int(count)
    assert all(clip.startswith(f"{true}/") for clip in shown(window))
    first = window.run("return document.querySelector('.video li').textContent")
    assert predicted in first


def test_a_click_on_a_column_sorts_the_table(window):
    window.click("#tables th:nth-child(3) button")
    assert column(window, "tables", 2) == ["9.50 ± 1.25", "12.50"]
    assert window.count("#tables th[aria-sort=ascending]") == 1
    window.click("#tables th:nth-child(3) button")
    assert column(window, "tables", 2) == ["12.50", "9.50 ± 1.25"]


def test_of_many_videos_those_of_a_class_are_loaded(window, page, tmp_path):
    folder = tmp_path / "many"
    spec = report_spec(folder)
    for score in spec["scores"]:
        path = Path(score["predictions"])
        rows = read_rows(path)
        many = [row | {"clip_id": f"{n}/{row['clip_id']}"} for n in range(200) for row in rows]
        write_rows(path, list(rows[0]), many)
    make_report(spec, SCRIPTS.parent / "report" / "page.html", folder / "report.html")
    window.open(folder / "report.html")
    assert len(shown(window)) == 24
    assert window.text("#count").startswith("1200 of 9600 videos")
    assert window.run("return parts.size") == 3  # what is known of the run, and two of its parts
    window.choose("#true-class", "all: loads 9600 videos")
    window.wait_for(LOADED)
    assert window.text("#count").startswith("9600 of 9600 videos")


def test_a_page_alone_says_what_is_missing(window, page, tmp_path):
    alone = tmp_path / "alone.html"
    alone.write_bytes(page.read_bytes())
    window.open(alone)
    window.wait_for(LOADED)
    assert "in the folder report, and are not there: copy it along" in window.text("#count")
    assert window.count("#tables tbody tr") > 0 and window.count("#confusions tbody tr") == 0
    assert ["ERR_FILE_NOT_FOUND" in message for message in window.messages()] == [True]


def test_a_folder_of_another_report_is_not_shown(window, page, tmp_path):
    shutil.copytree(page.with_suffix(""), tmp_path / "report")
    other = page.read_text().replace('"version":"', '"version":"0')
    (tmp_path / "report.html").write_text(other)
    window.open(tmp_path / "report.html")
    window.wait_for(LOADED)
    assert window.text("#count") == "The folder report beside this page is of another report."
    assert window.count(".video") == 0


def test_hostile_names_are_shown_and_do_nothing(window, tmp_path):
    page = tmp_path / "hostile.html"
    spec = report_spec(tmp_path, CLASSES | {"large": HOSTILE})
    make_report(spec, SCRIPTS.parent / "report" / "page.html", page)
    window.open(page)
    window.wait_for(LOADED)
    options = window.run(
        "return [...document.querySelector('#true-class').options].map(o => o.text)"
    )
    assert options[1:] == [" ".join(name.split()) for name in sorted(HOSTILE)]
    window.click("#more")
    assert window.run("return document.title") != "taken" and window.count("script") == 2
    assert window.count(".video img") + window.count(".video .none") == window.count(".video")
