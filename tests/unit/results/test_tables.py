"""Tables in the contract's columns, their numbers and their texts; and versions of results."""

import json
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from repository import REPOSITORY, SCRIPTS
from small_results import make_test_set, named

from unseen.base.errors import UserError
from unseen.base.tabular import read_rows
from unseen.results import versions
from unseen.results.tables import LAYOUTS, latex, make_table, markdown, published_rows

PUBLISHED = REPOSITORY / "config" / "published.csv"
CLASSES = [f"class {number:02}" for number in range(12)]
SEEDS = ("e2e", "e2e-seed1", "e2e-seed2")


@pytest.fixture(scope="module")
def metrics(tmp_path_factory) -> dict[str, Path]:
    """Scores of three seeds on two test sets, by `run/dataset`."""
    folder = tmp_path_factory.mktemp("metrics")
    found = {}
    for seed, run in enumerate(SEEDS):
        for dataset in ("ucf101", "mine"):
            place = folder / run / dataset
            files = make_test_set(place, CLASSES, named(CLASSES, 5), noise=1.1, seed=seed)
            found[f"{run}/{dataset}"] = files.score(place).metrics
    return found


@pytest.fixture
def kept(tmp_path) -> dict[str, Path]:
    path = tmp_path / "kept.txt"
    path.write_text("running\nwalking\nreading\n")
    return {"e2e": path}


def row(runs=SEEDS, datasets=("ucf101",), **more):
    return {"method": "end to end", "runs": list(runs), "datasets": list(datasets), **more}


def table(number, rows, metrics, kept, tmp_path):
    output = tmp_path / f"table{number}.csv"
    state = tmp_path / "pretraining.txt"
    state.write_text("not known, at least 2\n")
    make_table(number, rows, metrics, kept, {"e2e": state}, PUBLISHED, output)
    return output.read_text().splitlines()[0], read_rows(output)


def number_of(metrics, key, protocol, split, snippets, column):
    (found,) = (
        line[column]
        for line in read_rows(metrics[key])
        if (line["protocol"], line["split"], line["snippets"]) == (protocol, split, snippets)
    )
    return float(found)


def test_table1_has_its_columns_and_the_deviation_over_the_halves(metrics, kept, tmp_path):
    rows = [row(visual_features="R(2+1)D-18")]
    header, lines = table(1, rows, metrics, kept, tmp_path)
    assert header == (
        "method,visual_features,source,training_classes,pretraining_overlap,"
        "ucf101_top1,ucf101_top1_sd"
    )
    halves = [
        statistics.fmean(
            number_of(metrics, f"{run}/ucf101", "1", str(split), "3", "top1") for run in SEEDS
        )
        for split in range(10)
    ]
    assert lines[-1] == {
        "method": "end to end",
        "visual_features": "R(2+1)D-18",
        "source": "measured",
        "training_classes": "3",
        "pretraining_overlap": "not known, at least 2",
        "ucf101_top1": f"{statistics.fmean(halves):.2f}",
        "ucf101_top1_sd": f"{statistics.stdev(halves):.2f}",
    }
    assert lines[-2]["source"] == "chance"
    assert lines[-2]["ucf101_top1"] == "16.67"  # one of the six classes of a half
    assert lines[0]["method"] == "URL"


def test_table2_has_its_columns_and_the_deviation_over_the_seeds(metrics, kept, tmp_path):
    rows = [row(datasets=("ucf101", "mine")), row(["e2e"], snippets="one")]
    header, lines = table(2, rows, metrics, kept, tmp_path)
    assert header == (
        "method,source,training_classes,pretraining_overlap,snippets,"
        "ucf101_top1,ucf101_top1_sd,ucf101_top5,ucf101_top5_sd,"
        "mine_top1,mine_top1_sd,mine_top5,mine_top5_sd,"
        "ucf101_top1_low,ucf101_top1_high,ucf101_top1_resampled,"
        "mine_top1_low,mine_top1_high,mine_top1_resampled"
    )
    measured, single = lines[-2:]
    top5 = [number_of(metrics, f"{run}/mine", "2", "all", "3", "top5") for run in SEEDS]
    assert measured["mine_top5"] == f"{statistics.fmean(top5):.2f}"
    assert measured["mine_top5_sd"] == f"{statistics.stdev(top5):.2f}"
    assert (measured["snippets"], single["snippets"]) == ("3", "1")
    expected = number_of(metrics, "e2e/ucf101", "2", "all", "1", "top1")
    assert single["ucf101_top1"] == f"{expected:.2f}"
    assert single["ucf101_top1_sd"] == ""  # one seed has no spread
    assert single["mine_top1"] == ""  # not scored there
    for bound in ("low", "high"):
        each = [number_of(metrics, f"{run}/mine", "2", bound, "3", "top1") for run in SEEDS]
        assert measured[f"mine_top1_{bound}"] == f"{statistics.fmean(each):.2f}"
    assert measured["mine_top1_resampled"].endswith(" videos")
    assert (single["mine_top1_low"], single["mine_top1_resampled"]) == ("", "")
    chance = lines[-3]
    assert (chance["method"], chance["mine_top1"], chance["mine_top5"]) == (
        "chance",
        "8.33",
        "41.67",
    )


def test_table3_has_its_columns(metrics, kept, tmp_path):
    rows = [row(e2e=True, augment=False)]
    header, lines = table(3, rows, metrics, kept, tmp_path)
    assert header == (
        "method,e2e,augment,multi,source,pretraining_overlap,"
        "ucf101_half_top1,ucf101_half_top5,ucf101_all_top1,ucf101_all_top5,"
        "ucf101_all_top1_low,ucf101_all_top1_high,ucf101_all_top1_resampled"
    )
    measured = lines[-1]
    assert [measured[key] for key in ("e2e", "augment", "multi")] == ["yes", "no", "yes"]
    halves = [number_of(metrics, f"{run}/ucf101", "1", "mean", "3", "top5") for run in SEEDS]
    assert measured["ucf101_half_top5"] == f"{statistics.fmean(halves):.2f}"


def test_published_numbers_stand_only_beside_the_same_test_sets(metrics, kept, tmp_path):
    _, lines = table(2, [row(datasets=("mine",))], metrics, kept, tmp_path)
    assert [line["source"] for line in lines] == ["chance", "measured"]


def test_published_numbers_are_the_paper_s():
    rows = published_rows(1, PUBLISHED, ["ucf101", "hmdb51", "activitynet"])
    assert len(rows) == 11
    numbers = {
        (line.texts["method"], line.texts["visual_features"]): {
            name.split("_")[0]: value for name, (value, _) in line.values.items()
        }
        for line in rows
    }
    assert numbers["664 classes", "R(2+1)D-18"] == {"ucf101": 48.0, "hmdb51": 32.7}
    assert numbers["605 classes", "R(2+1)D-18"] == {
        "ucf101": 44.1,
        "hmdb51": 29.8,
        "activitynet": 26.6,
    }
    assert all(line.texts["source"] for line in rows)
    assert len(published_rows(3, PUBLISHED, ["ucf101"])) == 5


def test_rows_that_allow_seen_classes_say_so(kept, tmp_path):
    files = make_test_set(tmp_path / "s", CLASSES, named(CLASSES, 2))
    scores = {"e2e/mine": files.score(tmp_path / "s", seen_allowed=True).metrics}
    _, lines = table(2, [row(["e2e"], ["mine"])], scores, kept, tmp_path)
    assert lines[-1]["method"] == "end to end (classes may be seen)"


def test_a_run_that_is_not_there_is_named(metrics, kept, tmp_path):
    with pytest.raises(UserError, match="row end to end: run e3e has no scores on ucf101"):
        table(2, [row(["e3e"])], metrics, kept, tmp_path)
    with pytest.raises(UserError, match=r"gone\.csv is not there"):
        table(2, [row(["e2e"])], {"e2e/ucf101": tmp_path / "gone.csv"}, kept, tmp_path)


def test_markdown_and_latex_escape_and_join_the_deviation(metrics, kept, tmp_path):
    rows = [row() | {"method": "a|b & 50%_c"}]
    table(2, rows, metrics, kept, tmp_path)
    text, tex = ((tmp_path / f"table2{ending}").read_text() for ending in (".md", ".tex"))
    assert "| a\\|b \\& 50%\\_c | measured | 3 | not known, at least 2 | 3 |" in text
    assert " ± " in text.splitlines()[-1]
    assert re.search(r"\| [\d.]+ to [\d.]+, \d+ videos \|$", text.splitlines()[-1])
    assert "a\\textbar{}b \\& 50\\%\\_c & measured" in tex and " $\\pm$ " in tex
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines()}
    assert widths == {9}
    assert tex.count("\\\\\n") == text.count("\n") - 1
    assert tex.startswith("\\begin{tabular}{lllllrrr}\n\\toprule")


def test_empty_text_columns_are_left_out_for_people():
    rows = published_rows(2, PUBLISHED, ["hmdb51"])
    assert "training classes" in markdown(LAYOUTS[2], ["hmdb51"], rows)
    assert "AURL" in latex(LAYOUTS[2], ["hmdb51"], rows)
    without = [line for line in rows if line.texts["method"] == "AURL"]
    assert "training classes" not in markdown(LAYOUTS[2], ["hmdb51"], without)


# Versions


def parts(rate=0.001, digest="abc", losses="1"):
    return {
        "stages": {
            "train": {
                "code": {"unseen/losses.py": losses, "train.py": "2"},
                "settings": {"learning_rate": rate, "milestones": [60, 120]},
            }
        },
        "sources": {"ucf101": digest},
    }


def keep(folder: Path, current, headline):
    result = folder / "table2.csv"
    result.write_text(f"{headline}\n")
    return versions.record("table2", [result], current, {"top1": headline}, folder / "versions")


def test_history_tells_what_moved_and_the_numbers_before_and_after(tmp_path):
    first = keep(tmp_path, parts(), "50.00")
    assert keep(tmp_path, parts(), "50.00") == first
    second = keep(tmp_path, parts(rate=0.01, losses="9"), "55.00")
    keep(tmp_path, parts(rate=0.01, losses="9", digest="def"), "56.00")
    lines = read_rows(tmp_path / "versions" / "history.csv", versions.HISTORY_COLUMNS)
    assert [line["moved"] for line in lines] == [
        "first version",
        "train: code of unseen/losses.py; train: learning_rate 0.001 -> 0.01",
        "sources: ucf101",
    ]
    assert (lines[1]["before"], lines[1]["after"]) == ("top1: 50.00", "top1: 55.00")
    assert (lines[1]["previous"], lines[1]["version"]) == (first, second)
    kept = tmp_path / "versions" / "table2"
    assert (kept / first / "table2.csv").read_text() == "50.00\n"
    assert (kept / second / "table2.csv").read_text() == "55.00\n"


def test_a_version_that_returns_is_a_change_too(tmp_path):
    first = keep(tmp_path, parts(), "50.00")
    keep(tmp_path, parts(rate=0.01), "55.00")
    assert keep(tmp_path, parts(), "50.00") == first
    lines = read_rows(tmp_path / "versions" / "history.csv")
    assert lines[-1]["moved"] == "train: learning_rate 0.01 -> 0.001"


def test_the_same_parts_give_the_same_version_elsewhere(tmp_path):
    one, two = tmp_path / "a", tmp_path / "b"
    for folder in (one, two):
        folder.mkdir()
    assert keep(one, parts(), "50.00") == keep(two, parts(), "49.99")


def test_history_survives_lost_copies(tmp_path):
    keep(tmp_path, parts(), "50.00")
    shutil.rmtree(tmp_path / "versions" / "table2")
    keep(tmp_path, parts(rate=0.01), "55.00")
    last = read_rows(tmp_path / "versions" / "history.csv")[-1]
    assert last["moved"].startswith("unknown") and last["before"] == ""


def test_new_and_absent_keys_are_told():
    before = {"stages": {"score": {"settings": {"seed": 0}}}, "sources": {}}
    after = {"stages": {"score": {"settings": {}}}, "sources": {"mine": "1"}}
    assert versions.differences(before, after) == [
        "sources: mine",
        "score: seed 0 -> nothing",
    ]


def test_script_writes_table_pedigree_and_version(metrics, kept, tmp_path):
    (tmp_path / "source.txt").write_text("0123\n")
    options = ["--table", "2", "--rows", json.dumps([row()])]
    options += ["--metrics", *(f"{key}={path}" for key, path in metrics.items())]
    options += ["--kept", f"e2e={kept['e2e']}", "--published", PUBLISHED]
    options += ["--output", tmp_path / "table2.csv", "--stages", json.dumps(parts()["stages"])]
    options += ["--sources", f"ucf101={tmp_path / 'source.txt'}"]
    options += ["--versions", tmp_path / "versions"]
    done = subprocess.run(
        [sys.executable, SCRIPTS / "make_table.py", *options], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "table2.csv") in done.stdout
    pedigree = json.loads((tmp_path / "table2.json").read_text())
    assert pedigree["parts"] == parts(digest="0123")
    assert pedigree["version"] == versions.version_of(parts(digest="0123"))
    assert {"commit", "date", "device", "packages", "headline"} <= pedigree.keys()
    kept_files = tmp_path / "versions" / "table2" / pedigree["version"]
    assert sorted(path.name for path in kept_files.iterdir()) == [
        "table2.csv",
        "table2.json",
        "table2.md",
        "table2.tex",
    ]
