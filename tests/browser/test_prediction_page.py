"""The page of `unseen predict --html` in a real browser, at the width of a desk and a telephone."""

import io
from pathlib import Path

import numpy as np
import pytest
from hostile import NAMES as HOSTILE
from PIL import Image
from webdriver import assert_whole

from unseen.prediction.page import prediction_page

NAMES = [
    "riding a horse",
    "playing chess",
    "surfing",
    "baking bread",
    "juggling",
    "<i>odd</i> & co",
]
RIGHT, END = "\ue014", "\ue010"
"""Keys, as WebDriver spells them."""


def ranked(first: int, distance: float, usual: float | None) -> dict:
    names = NAMES[first:] + NAMES[:first]
    return {
        "classes": names,
        "distances": [distance + 0.05 * rank for rank in range(len(names))],
        "usual_distance": usual,
        "unsure": usual is not None and distance >= usual,
    }


def summary() -> dict:
    """Sixty short videos, every third unsure, a long one, and two files that were not read."""
    videos = [
        ranked(number % 6, 0.2 + number / 100, 0.9 if number % 3 else 0.1)
        | {"path": f"clips/holiday {number:02}.mp4", "duration_s": 4.0, "windows": []}
        for number in range(60)
    ]
    windows = [
        ranked(start // 20 % 3, 0.3, 0.9) | {"start_s": start, "end_s": start + 10}
        for start in range(0, 110, 5)
    ]
    long = ranked(1, 0.25, None) | {"path": "long.mp4", "duration_s": 115.0, "windows": windows}
    return {
        "model": "results/models/e2e/model.safetensors",
        "classes": [
            {
                "name": name,
                "words": name.split(),
                "seen": {"name": "surf", "distance": 0.01, "source": "training"}
                if name == "surfing"
                else None,
            }
            for name in NAMES
        ],
        "notes": ["a remark on the word vectors"],
        "videos": [long, *videos],
        "failures": [{"path": "a/<b>.avi", "reason": "empty"}, {"path": "c.avi", "reason": "no"}],
    }


def picture(shade: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((96, 128, 3), shade, np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("prediction") / "out.html"
    values = summary()
    shades = [range(0, 240, 10)] + [range(0, 240, 60)] * 60
    pictures = [[picture(shade) for shade in each] for each in shades]
    output.write_text(prediction_page(values, pictures), encoding="utf-8")
    return output


def shown(window) -> list[str]:
    return window.run(
        "return [...document.querySelectorAll('.video h3')].map(e => e.firstChild.textContent)"
    )


def test_page_is_whole_and_no_wider_than_the_window(window, tmp_path):
    assert window.count(".video:not(.long) img") == 4 * 47
    assert window.count("#failures tbody tr") == 2 and window.count("#classes tbody tr") == 6
    assert window.run("return document.querySelectorAll('i i, td b').length") == 0
    assert_whole(window, tmp_path / "page.png")


def test_the_long_video_has_its_course_along_time(window):
    assert window.count(".course") == 1 and window.count(".course rect") == 22
    rows = window.run(
        "return new Set([...document.querySelectorAll('.course rect')]"
        ".map(e => e.getAttribute('y'))).size"
    )
    assert rows == 3
    colours = window.run(
        "return new Set([...document.querySelectorAll('.course rect')]"
        ".map(e => getComputedStyle(e).fill)).size"
    )
    assert colours == 3


def test_time_is_scrubbed_by_keys_and_by_pointer(window):
    """The slider goes from window to window; a press on the rows goes to the time under it."""
    head, first = ".moment h4", ".moment li:first-child > span"
    assert window.text(head) == "At 0:00.0: the window from 0:00.0 to 0:10.0"
    assert window.text(first) == "riding a horse"
    for _ in range(4):
        window.type(".course input", RIGHT)
    assert window.text(head) == "At 0:20.0: the window from 0:20.0 to 0:30.0"
    assert window.text(first) == "playing chess"
    slider = "document.querySelector('.course input')"
    told = window.run(f"return {slider}.getAttribute('aria-valuetext')")
    assert told == "0:20.0 to 0:30.0: playing chess, 0.300"
    window.type(".course input", END)
    assert window.text(head) == "At 1:55.0: the window from 1:45.0 to 1:55.0"
    window.run(
        "const box = document.querySelectorAll('.course rect')[9].getBoundingClientRect();"
        "document.querySelector('.course svg').dispatchEvent(new PointerEvent('pointerdown',"
        " {clientX: box.left + box.width / 2, clientY: box.top, buttons: 1, bubbles: true}))"
    )
    assert window.text(head).endswith("the window from 0:45.0 to 0:55.0")
    assert window.text(first) == "surfing seen"
    assert window.count(".film img.now") == 1


def test_many_classes_share_the_last_row(window, tmp_path):
    values = summary()
    long = values["videos"][0]
    names = [f"class {number:02}" for number in range(22)]
    for name, part in zip(names, long["windows"], strict=True):
        part["classes"] = [name, *NAMES]
        part["distances"] = [0.1, *part["distances"]]
    page = tmp_path / "many.html"
    page.write_text(prediction_page(values, [[]] * len(values["videos"])), encoding="utf-8")
    window.open(page)
    rows = window.run(
        "return [...document.querySelectorAll('.course text.name')].map(e => e.textContent)"
    )
    assert rows == [*names[:7], "other classes"] and window.count(".film") == 0


def test_the_course_takes_the_width_that_there_is(window):
    inside = window.run(
        "const card = document.querySelector('.video.long').getBoundingClientRect();"
        "const boxes = [...document.querySelectorAll('.course rect, .course text')]"
        ".map(e => e.getBoundingClientRect());"
        "return [card.left, card.right, Math.min(...boxes.map(b => b.left)),"
        " Math.max(...boxes.map(b => b.right))]"
    )
    left, right, first, last = inside
    assert left <= first and last <= right
    assert last - first > 0.9 * (right - left)


def test_a_long_videos_card_is_full(window):
    """The whole video's ranking stands beside that of the moment, on a telephone below it."""
    moment, whole, card = window.run(
        "return ['.moment', '.moment + div', ''].map(part => {"
        " const box = document.querySelector('.video.long ' + part).getBoundingClientRect();"
        " return [box.left, box.right, box.top]})"
    )
    beside = window.run("return innerWidth >= 800")
    assert (whole[0] > moment[1]) == beside
    assert card[1] - max(moment[1], whole[1]) < 30


def test_marks_and_bars_say_what_was_found(window):
    window.type("#search", "holiday 00")
    assert window.text("#count") == "1 of 61 videos, 1 unsure"
    assert window.text(".video li:first-child").split() == [
        "riding",
        "a",
        "horse",
        "unsure",
        "0.200",
    ]
    assert window.count(".video .mark.unsure") == 1 and window.count(".video .mark.seen") == 1
    widths = window.run(
        "return [...document.querySelectorAll('.video .bar i')].map(e => parseFloat(e.style.width))"
    )
    assert widths == pytest.approx([80, 75, 70, 65, 60])


def test_filters_and_order_choose_videos(window):
    assert len(shown(window)) == 48
    window.click("#more")
    assert len(shown(window)) == 61
    window.choose("#marks", "unsure")
    assert window.text("#count") == "20 of 61 videos, 20 unsure"
    window.choose("#marks", "not unsure")
    window.choose("#predicted", "surfing")
    surfing = shown(window)
    assert surfing and all(int(name[14:16]) % 6 == 2 for name in surfing)
    window.choose("#order", "farthest first")
    assert shown(window) == surfing[::-1]


def test_hostile_names_are_shown_and_do_nothing(window, tmp_path):
    values = summary()
    for video, name in zip(values["videos"], HOSTILE, strict=False):
        video["path"] = name
        video["classes"] = HOSTILE[:6]
    values["failures"] = [{"path": name, "reason": name} for name in HOSTILE]
    page = tmp_path / "hostile.html"
    page.write_text(prediction_page(values, [[]] * len(values["videos"])), encoding="utf-8")
    window.open(page)
    assert shown(window)[: len(HOSTILE)] == HOSTILE
    assert window.count("#failures tbody tr") == len(HOSTILE)
    assert window.run("return document.title") != "taken" and window.count("script") == 2
