"""The report's data: every score, video, rejected clip, cost and version, on one page."""

import io
import itertools
import json
import re
import shutil
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image
from repository import SCRIPTS
from small_results import make_test_set, named, report_spec

from unseen.base.errors import UserError
from unseen.base.tabular import read_rows, write_rows
from unseen.results import report, report_videos
from unseen.videos.clip_store import ClipStore

TEMPLATE = SCRIPTS.parent / "report" / "page.html"


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return report_spec(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def page(spec, folder) -> str:
    """The page as the script makes it."""
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


def part(folder, name: str):
    """A part of the data beside the page, and the version that it names."""
    text = (folder / f"{name}.js").read_text().removeprefix("received(").removesuffix(");\n")
    version, found, value = json.loads(f"[{text}]")
    assert found == name
    return value, version


def cells(grid: dict) -> list[dict[str, object]]:
    return [dict(zip(grid["columns"], row, strict=True)) for row in grid["rows"]]


def test_the_page_needs_nothing_from_outside(page):
    assert "://" not in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert report.DATA not in page and report.NONCE not in page


def test_the_page_runs_no_script_but_its_own(page):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    (nonce,) = re.findall(r"script-src 'nonce-([0-9a-f]{64})'$", policy)
    assert policy.startswith("default-src 'none';") and page.count(nonce) == 2
    assert f'<script nonce="{nonce}">' in page


def test_text_of_the_data_cannot_end_the_script(page, data):
    assert page.count("</script>") == 2
    assert cells(data["tables"][0])[1]["method"] == "</script>&"


def test_tables_join_the_deviation_and_carry_their_captions(data):
    (table,) = data["tables"]
    assert (table["name"], table["caption"]) == ("Table 2", "Accuracy over all classes.")
    assert table["columns"] == [
        *("method", "source", "large_top1", "large_top1_interval", "sd_over")
    ]
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
        (row["split"], row["snippets"]): row
        for row in read_rows(spec["scores"][0]["metrics"])
        if row["protocol"] in ("1", "2")
    }
    first = rows[0]
    assert [first[key] for key in ("videos", "rejected", "missing")] == ["48", "1", "1"]
    assert float(first["top-1, all classes"]) == pytest.approx(
        float(metrics["all", "1"]["top1"]), abs=0.01
    )
    assert float(first["sd of halves"]) == pytest.approx(
        float(metrics["sd", "1"]["top1"]), abs=0.01
    )


def test_classes_that_are_never_predicted_are_counted_and_named(tmp_path):
    names = [f"class {number:02}" for number in range(14)]
    shown = []
    for count in (14, 11, 2):
        videos = named(names[:count], 2)
        outputs = make_test_set(tmp_path, names, videos, noise=0.0).score(tmp_path)
        score = {"run": "e2e", "dataset": "large", **asdict(outputs)}
        shown.append([row["never predicted"] for row in cells(report.accuracy([score]))])
    assert shown[0] == ["0", "0"]
    assert shown[1] == ["3: class 11, class 12, class 13"] * 2
    first = ", ".join(names[2:7])
    assert shown[2] == [f"12: {first}, …"] * 2


def test_other_protocols_stand_apart(spec, data):
    metrics = {
        (row["protocol"], row["split"]): row
        for row in read_rows(spec["scores"][0]["metrics"])
        if row["snippets"] == "3"
    }
    rows = [row for row in cells(data["protocols"]) if row["snippets"] == "3"]
    assert [(row["run"], row["test set"], row["protocol"]) for row in rows] == [
        ("e2e", "large", "mine"),
        ("fixed", "large", "mine"),
    ]
    assert (rows[0]["splits"], rows[0]["classes"]) == ("2", "3")
    for column, split in (("top-1", "mean"), ("sd", "sd")):
        assert float(rows[0][column]) == pytest.approx(
            float(metrics["mine", split]["top1"]), abs=0.01
        )


def test_every_video_lies_beside_the_page_with_its_predictions(spec, data, page, folder):
    for number, (score, named) in enumerate(zip(spec["scores"], data["views"], strict=True)):
        rows = {row["clip_id"]: row for row in read_rows(score["predictions"])}
        view, version = part(folder / "report", f"views/{number}")
        videos, of_videos = part(folder / "report", f"views/{number}/0")
        assert version == of_videos == data["version"]
        assert len(videos) == len(rows) == named["videos"]
        assert videos == sorted(videos, key=lambda video: (video[1], video[0]))
        for clip, truth, nearest, distances, *_ in videos:
            assert view["classes"][truth] == rows[clip]["class"]
            names = [view["classes"][index] for index in nearest]
            assert names == [rows[clip][f"top{k}"] for k in range(1, 6)]
            assert distances[4] == pytest.approx(float(rows[clip]["distance5"]), abs=1e-3)
        assert view["true"] == sorted({video[1] for video in videos})
        assert view["predicted"] == sorted({video[2][0] for video in videos})
        assert view["confusions"]["rows"] == [
            list(row.values()) for row in read_rows(score["confusions"])
        ]


def test_parts_hold_neighbouring_classes(spec, tmp_path, monkeypatch):
    monkeypatch.setattr(report_videos, "PART", 10)
    report_videos.write_views(spec["scores"][:1], {}, "version", tmp_path)
    view, _ = part(tmp_path, "views/0")
    parts = [part(tmp_path, f"views/0/{n}")[0] for n in range(len(view["parts"]))]
    assert [len(videos) for videos in parts] == [10, 10, 10, 10, 8]
    assert view["parts"] == [[videos[0][1], videos[-1][1]] for videos in parts]
    truths = [video[1] for videos in parts for video in videos]
    assert truths == sorted(truths)


def test_videos_without_a_label_come_first(spec, tmp_path):
    rows = read_rows(spec["scores"][0]["predictions"])
    rows[-1]["class"] = ""
    write_rows(tmp_path / "predictions.csv", list(rows[0]), rows)
    score = spec["scores"][0] | {"predictions": str(tmp_path / "predictions.csv")}
    report_videos.write_views([score], {}, "version", tmp_path)
    assert part(tmp_path, "views/0")[0]["true"][0] == -1
    assert part(tmp_path, "views/0/0")[0][0][:2] == [rows[-1]["clip_id"], -1]


def test_pictures_are_bounded_and_show_the_clips(spec, page, folder):
    store = ClipStore(spec["datasets"]["large"]["shards"])
    videos, _ = part(folder / "report", "views/0/0")
    pictures = {video[0]: video[4] for video in videos if len(video) > 4}
    assert len(pictures) == 20 and set(pictures) <= set(store.clip_ids)
    assert len(list((folder / "report" / "pictures" / "0").iterdir())) == 20
    for clip, place in pictures.items():
        content = (folder / "report" / place).read_bytes()
        assert len(content) < 5000
        picture = Image.open(io.BytesIO(content))
        assert picture.size == (144, 96)
        found = np.asarray(picture.convert("YCbCr")).reshape(-1, 3).mean(axis=0)
        stored = store.read(store.clip_ids.index(clip), np.array([2]))[0]
        luma = (stored[:32].mean() - 16) * 255 / 219
        assert found[0] == pytest.approx(luma, abs=4)


def test_the_page_says_what_lies_beside_it(data, page, folder):
    files = [path for path in (folder / "report").rglob("*") if path.is_file()]
    assert data["beside"]["folder"] == "report" and data["beside"]["files"] == len(files)


def test_training_is_drawn_along_its_epochs(data, tmp_path):
    (shown,) = data["trainings"]
    assert shown["run"] == "e2e" and shown["epochs"] == [1, 2, 3, 4, 5, 6, 7]
    assert [curve["name"] for curve in shown["curves"]] == list(report.CURVES.values())
    assert shown["curves"][0]["values"][:3] == [0.0, 0.5, pytest.approx(2 / 3, abs=1e-6)]
    rows = [dict.fromkeys(report.CURVES, "1") | {"epoch": n} for n in range(1, 1000)]
    write_rows(tmp_path / "log.csv", ["epoch", *report.CURVES], rows)
    epochs = report.training("long", tmp_path / "log.csv")["epochs"]
    assert len(epochs) <= report.EPOCHS and epochs[-1] == 999 and len(set(np.diff(epochs))) == 1


def test_a_large_figure_lies_beside_the_page(spec, tmp_path):
    svg = tmp_path / "figure1.svg"
    svg.write_text(f"<svg><!--{'x' * report.LARGE_FIGURE}--></svg>")
    (tmp_path / "a report").mkdir()
    shown = report.figure({"path": svg, "pretraining": {}}, tmp_path, tmp_path / "a report")
    assert shown["image"] == "a%20report/figure1.svg"
    assert (tmp_path / "a report" / "figure1.svg").read_bytes() == svg.read_bytes()


def test_what_an_earlier_report_left_beside_the_page_goes(spec, tmp_path):
    left = tmp_path / "report" / "views" / "99.js"
    left.parent.mkdir(parents=True)
    left.touch()
    report.make_report(spec | {"scores": [], "datasets": {}}, TEMPLATE, tmp_path / "report.html")
    assert not left.exists()


@pytest.mark.long
def test_the_page_stays_small_with_100_000_test_videos(spec, tmp_path):
    rows = read_rows(spec["scores"][0]["predictions"])
    many = [
        row | {"clip_id": f"a folder of {row['class']}/clip {number:06}.mp4"}
        for number, row in enumerate(itertools.islice(itertools.cycle(rows), 100_000))
    ]
    write_rows(tmp_path / "predictions.csv", list(rows[0]), many)
    rejected = [{"clip_id": f"{n}.mp4", "path": "", "reason": "r" * 200} for n in range(9000)]
    write_rows(tmp_path / "rejected.csv", ["clip_id", "path", "reason"], rejected)
    scores = [score | {"predictions": str(tmp_path / "predictions.csv")} for score in spec["scores"]]
    datasets = {
        name: files | {"rejected": str(tmp_path / "rejected.csv")}
        for name, files in spec["datasets"].items()
    }
    output = tmp_path / "report.html"
    report.make_report(spec | {"scores": scores, "datasets": datasets}, TEMPLATE, output)
    assert output.stat().st_size < 5e6
    parts = list((tmp_path / "report" / "views" / "0").iterdir())
    assert len(parts) == 100 and max(path.stat().st_size for path in parts) < 1e6
    beside = sum(path.stat().st_size for path in (tmp_path / "report").rglob("*.js"))
    print(f"page {output.stat().st_size / 1e6:.2f} MB, beside it {beside / 1e6:.0f} MB")


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
