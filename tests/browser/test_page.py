"""The report in a real browser: its filters, its sorting, and its width on a telephone."""

from pathlib import Path

import pytest
from hostile import NAMES as HOSTILE
from repository import SCRIPTS
from small_results import CLASSES, report_spec
from webdriver import assert_whole

from unseen.results.report import make_report


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    output = folder / "report.html"
    make_report(report_spec(folder), SCRIPTS.parent / "report" / "page.html", output)
    return output


def shown(window) -> list[str]:
    """The clip ids of the cards in sight."""
    return window.run("return [...document.querySelectorAll('.video .id')].map(e => e.textContent)")


def column(window, section: str, number: int) -> list[str]:
    return window.run(
        f"return [...document.querySelectorAll('#{section} tbody tr')]"
        f".map(row => row.children[{number}].textContent)"
    )


def test_page_is_whole_and_no_wider_than_the_window(window, tmp_path):
    assert window.text("h1") == "The report of a test"
    for section in ("tables", "accuracy", "overlap", "rejected", "cost", "versions"):
        assert window.count(f"#{section} tbody tr") > 0, section
    assert_whole(window, tmp_path / "page.png")


def test_filters_choose_videos(window):
    assert window.text("#count").startswith("48 of 48 videos")
    assert len(shown(window)) == 24
    window.click("#more")
    assert len(shown(window)) == 48 and not window.run(
        "return document.querySelector('#more').offsetParent"
    )
    window.choose("#view", "fixed on small")
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
    window.choose("#order", "nearest prediction first")
    distances = window.run(
        "return [...document.querySelectorAll('.video li:first-child [title]')]"
        ".map(e => +e.textContent)"
    )
    assert len(distances) == 24 and distances == sorted(distances)


def test_a_confusion_shows_its_videos(window):
    window.choose("#view", "fixed on large")
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


def test_hostile_names_are_shown_and_do_nothing(window, tmp_path):
    page = tmp_path / "hostile.html"
    spec = report_spec(tmp_path, CLASSES | {"large": HOSTILE})
    make_report(spec, SCRIPTS.parent / "report" / "page.html", page)
    window.open(page)
    options = window.run(
        "return [...document.querySelector('#true-class').options].map(o => o.text)"
    )
    assert options[1:] == [" ".join(name.split()) for name in sorted(HOSTILE)]
    window.click("#more")
    assert window.run("return document.title") != "taken" and window.count("script") == 2
    assert window.count(".video img") + window.count(".video .none") == window.count(".video")
