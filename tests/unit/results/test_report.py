"""The report's data: every score, video, rejected clip, cost and version, on one page."""

import base64
import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from repository import SCRIPTS
from small_results import report_spec

from unseen.base.errors import UserError
from unseen.base.tabular import read_rows
from unseen.results import report
from unseen.videos.clip_store import ClipStore

TEMPLATE = SCRIPTS.parent / "report" / "page.html"


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return report_spec(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(spec, tmp_path_factory) -> str:
    """The page as the script makes it."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "data.json").write_text(json.dumps(spec))
    options = ["--data", f"@{folder / 'data.json'}", "--template", TEMPLATE]
    done = subprocess.run(
        [sys.executable, SCRIPTS / "make_report.py", *options, "--output", folder / "report.html"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return (folder / "report.html").read_text()


@pytest.fixture(scope="module")
def data(page) -> dict:
    """What the page holds."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(found[1])


def cells(grid: dict) -> list[dict[str, object]]:
    return [dict(zip(grid["columns"], row, strict=True)) for row in grid["rows"]]


def test_the_page_needs_nothing_from_outside(page):
    assert "://" not in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert report.PLACEHOLDER not in page


def test_text_of_the_data_cannot_end_the_script(page, data):
    assert page.count("</script>") == 2
    assert cells(data["tables"][0])[1]["method"] == "</script>&"


def test_tables_join_the_deviation_and_carry_their_captions(data):
    (table,) = data["tables"]
    assert (table["name"], table["caption"]) == ("Table 2", "Accuracy over all classes.")
    assert table["columns"] == ["method", "source", "large_top1", "large_top1_interval"]
    assert [row[2] for row in table["rows"]] == ["12.50", "9.50 ± 1.25"]
    assert [row[3] for row in table["rows"]] == ["", "8.00 to 11.00, 6 sources"]
    assert data["figures"][0]["name"] == "Figure 1"
    assert data["figures"][0]["image"].startswith("data:image/svg+xml;base64,")


def test_accuracy_shows_both_protocols_and_the_counts(spec, data):
    rows = cells(data["accuracy"])
    assert [(row["run"], row["test set"], row["snippets"]) for row in rows] == [
        (run, dataset, snippets)
        for dataset in ("large", "small")
        for run in ("e2e", "fixed")
        for snippets in ("1", "3")
    ]
    metrics = {
        (row["split"], row["snippets"]): row for row in read_rows(spec["scores"][0]["metrics"])
    }
    first = rows[0]
    assert [first[key] for key in ("videos", "rejected", "missing")] == ["48", "1", "1"]
    assert float(first["top-1, all classes"]) == pytest.approx(
        float(metrics["all", "1"]["top1"]), abs=0.01
    )
    assert float(first["sd of halves"]) == pytest.approx(
        float(metrics["sd", "1"]["top1"]), abs=0.01
    )


def test_every_video_is_there_with_its_predictions(spec, data):
    for score, view in zip(spec["scores"], data["views"], strict=True):
        rows = read_rows(score["predictions"])
        assert len(view["videos"]) == len(rows)
        for row, (clip, truth, nearest, distances) in zip(rows, view["videos"], strict=True):
            assert (clip, view["classes"][truth]) == (row["clip_id"], row["class"])
            names = [view["classes"][index] for index in nearest]
            assert names == [row[f"top{k}"] for k in range(1, 6)]
            assert distances[4] == pytest.approx(float(row["distance5"]), abs=1e-3)
        assert view["confusions"]["rows"] == [
            list(row.values()) for row in read_rows(score["confusions"])
        ]


def test_thumbnails_are_bounded_and_show_the_clips(spec, data):
    store = ClipStore(spec["datasets"]["large"]["shards"])
    pictures = data["thumbnails"]["large"]
    assert len(pictures) == 20 and set(pictures) <= set(store.clip_ids)
    for clip, uri in pictures.items():
        content = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
        assert len(content) < 5000
        picture = Image.open(io.BytesIO(content))
        assert picture.size == (144, 96)
        found = np.asarray(picture.convert("YCbCr")).reshape(-1, 3).mean(axis=0)
        stored = store.read(store.clip_ids.index(clip), np.array([2]))[0]
        luma = (stored[:32].mean() - 16) * 255 / 219
        assert found[0] == pytest.approx(luma, abs=4)


def test_overlap_is_sorted_by_nearness_to_the_threshold(data):
    rows = cells(data["overlap"])
    away = [abs(float(row["distance"]) - 0.02) for row in rows]
    assert away == sorted(away) and len(rows) == 8
    assert rows[0]["class"] == "training 2"


def test_what_the_initial_weights_had_seen_is_said_with_its_classes_and_below_figures(data):
    assert cells(data["pretraining"]) == [
        {
            "run": "e2e",
            "seen before": "1",
            "classes": "2",
            "overlapping classes": "seen (large class 1)",
        }
    ]
    caption = "Classes near a test class that the initial weights had seen: e2e 1."
    assert data["figures"][0]["caption"].endswith(caption)


def test_videos_in_training_and_test_are_counted(data):
    assert data["videos"]["rows"] == [["e2e", "training", "large", "content", "2", "a0, b"]]


def test_rejected_and_missing_clips_are_counted(data):
    assert data["rejected"]["total"] == 2
    assert data["rejected"]["missing"] == {"large": 1, "small": 1}
    assert cells(data["rejected"])[0]["reason"] == "no video stream"


def test_cost_adds_up_the_benchmarks_of_a_stage(spec, data):
    rows = {row["stage"]: row for row in cells(data["cost"])}
    assert rows["train"] == {
        "stage": "train",
        "jobs": 2,
        "time (s)": "123.0",
        "longest (s)": "61.5",
        "memory (MB)": "834",
        "disk (MB)": "",
    }
    assert rows["decode"]["jobs"] == 0
    assert 0 < float(rows["decode"]["disk (MB)"]) < 1


def test_versions_and_their_history_are_there(data):
    (version,) = cells(data["versions"])
    (change,) = cells(data["history"])
    assert version["version"] == change["version"]
    assert (change["moved"], change["after"]) == ("first version", "large: 9.50")


def test_a_template_without_a_place_for_the_data_is_refused(spec, tmp_path):
    (tmp_path / "page.html").write_text("<html></html>")
    with pytest.raises(UserError, match="must hold"):
        report.make_report(spec, tmp_path / "page.html", tmp_path / "out.html")


def test_a_report_without_scores_can_be_made(spec, tmp_path):
    empty = spec | {"tables": [], "figures": [], "scores": [], "datasets": {}, "overlap": {}}
    empty |= {"pretraining": {}, "videos": {}}
    empty |= {"benchmarks": str(tmp_path / "none"), "versions": str(tmp_path / "none"), "disk": {}}
    report.make_report(empty, TEMPLATE, tmp_path / "out.html")
    assert (tmp_path / "out.html").stat().st_size > 5000


@pytest.mark.parametrize("content", ["[", "[" * 10**6, "[]", "{}", '{"device": 3}', "\xff"])
def test_a_pedigree_that_is_none_is_named(spec, tmp_path, content):
    shutil.copytree(spec["versions"], tmp_path / "versions")
    (pedigree,) = (tmp_path / "versions").glob("table2/*/*.json")
    pedigree.write_text(content, encoding="latin-1")
    with pytest.raises(UserError, match=pedigree.name):
        report.versions(tmp_path / "versions")
