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
from small_results import class_vectors, make_test_set, named

from unseen.base.errors import UserError
from unseen.base.tabular import read_rows
from unseen.classes.class_embedding_file import write_class_embeddings
from unseen.classes.pretraining import Training
from unseen.results import versions
from unseen.results.tables import LAYOUTS, latex, make_table, markdown, published_rows
from unseen.results.test_splits import Protocols, Seen

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
    rows = [row(visual_features="R(2+1)D-18", trained_on="kinetics700 (pruned)")]
    header, lines = table(1, rows, metrics, kept, tmp_path)
    assert header == (
        "method,visual_features,source,protocol,training_classes,trained_on,pretraining_overlap,"
        "sd_over,ucf101_top1,ucf101_top1_sd"
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
        "protocol": "half",
        "training_classes": "3",
        "trained_on": "kinetics700 (pruned)",
        "pretraining_overlap": "not known, at least 2",
        "sd_over": "10 halves, sample",
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
        "method,source,protocol,training_classes,trained_on,pretraining_overlap,snippets,sd_over,"
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


def test_a_row_a_protocol_each_beside_published_numbers_of_its_own(kept, tmp_path):
    videos = {f"v_{name}_g{n}_c01": name for name in CLASSES for n in range(1, 6)}
    for number in (1, 2, 3):
        lines = [f"{name}/{clip}.avi\n" for clip, name in videos.items() if f"_g{number}" in clip]
        (tmp_path / f"testlist0{number}.txt").write_text("".join(lines))
    split = tmp_path / "six.csv"
    split.write_text("split,part,class\n" + "".join(f"0,test,{name}\n" for name in CLASSES[:6]))
    scores = {}
    for seed, run in enumerate(SEEDS):
        files = make_test_set(tmp_path / run, CLASSES, videos, noise=1.1, seed=seed)
        told = Protocols(("ucf101", tmp_path), {"six": split})
        scores[f"{run}/ucf101"] = files.score(tmp_path / run, protocols=told).metrics
    rows = [row(protocol=name) for name in ("lists", "six", "full")]
    _, lines = table(2, rows, scores, kept, tmp_path)
    found = {}
    for line in lines:
        found.setdefault(line["protocol"], {})[line["method"]] = line
    assert list(found) == ["lists", "six", "full"]
    published = {name: [m for m in found[name] if m not in ("chance", "end to end")] for name in found}
    assert "X-CLIP B/16" in published["lists"] and "664 classes" not in published["lists"]
    assert "664 classes" in published["full"] and "X-CLIP B/16" not in published["full"]
    assert published["six"] == []
    assert found["lists"]["X-CLIP B/16"]["ucf101_top1_sd"] == "2.30"
    assert [found[name]["chance"]["ucf101_top1"] for name in found] == ["8.33", "16.67", "8.33"]
    over = [found[name]["end to end"]["sd_over"] for name in found]
    assert over == ["3 lists, sample", "3 seeds, sample", "3 seeds, sample"]
    means = [
        statistics.fmean(
            number_of(scores, f"{run}/ucf101", "lists", str(number), "3", "top1") for run in SEEDS
        )
        for number in (1, 2, 3)
    ]
    measured = found["lists"]["end to end"]
    assert measured["ucf101_top1"] == f"{statistics.fmean(means):.2f}"
    assert measured["ucf101_top1_sd"] == f"{statistics.stdev(means):.2f}"
    assert measured["ucf101_top1_low"] == ""  # the interval is that of all classes and videos
    assert found["full"]["end to end"]["ucf101_top1_low"] != ""


def test_chance_is_left_out_where_the_candidates_differ_from_run_to_run(kept, tmp_path):
    scores = {}
    for run, seen in (("e2e", CLASSES[:2]), ("other", CLASSES[:4])):
        files = make_test_set(tmp_path / run, CLASSES, named(CLASSES, 2))
        embeddings = tmp_path / run / "seen.h5"
        write_class_embeddings(embeddings, seen, class_vectors(len(CLASSES))[: len(seen)])
        told = Seen([Training(run, {"seen": embeddings})], files.class_embeddings, 0.05)
        scored = files.score(tmp_path / run, protocols=Protocols(seen=told))
        scores[f"{run}/mine"] = scored.metrics
    rows = [row([run], ["mine"], protocol="unseen") for run in ("e2e", "other")]
    _, lines = table(2, rows, scores, kept, tmp_path)
    assert [line["mine_top1"] == "" for line in lines] == [True, False, False]
    _, (chance, _) = table(2, rows[:1], {"e2e/mine": scores["e2e/mine"]}, kept, tmp_path)
    assert chance["mine_top1"] == "10.00"


def test_table3_has_its_columns(metrics, kept, tmp_path):
    rows = [row(e2e=True, augment=False)]
    header, lines = table(3, rows, metrics, kept, tmp_path)
    assert header == (
        "method,e2e,augment,multi,source,trained_on,pretraining_overlap,"
        "ucf101_half_top1,ucf101_half_top5,ucf101_all_top1,ucf101_all_top5,"
        "ucf101_all_top1_low,ucf101_all_top1_high,ucf101_all_top1_resampled"
    )
    measured = lines[-1]
    assert [measured[key] for key in ("e2e", "augment", "multi")] == ["yes", "no", "yes"]
    halves = [number_of(metrics, f"{run}/ucf101", "1", "mean", "3", "top5") for run in SEEDS]
    assert measured["ucf101_half_top5"] == f"{statistics.fmean(halves):.2f}"
    text = (tmp_path / "table3.md").read_text().splitlines()[-1]  # over the seeds, not the halves
    assert f" {statistics.fmean(halves):.2f} ± {statistics.stdev(halves):.2f} " in text
    table(3, [row(["e2e"])], metrics, kept, tmp_path)
    assert "±" not in (tmp_path / "table3.md").read_text()


def test_published_numbers_stand_only_beside_the_same_test_sets(metrics, kept, tmp_path):
    _, lines = table(2, [row(datasets=("mine",))], metrics, kept, tmp_path)
    assert [line["source"] for line in lines] == ["chance", "measured"]


def test_published_numbers_are_the_paper_s():
    rows = published_rows(1, PUBLISHED, ["ucf101", "hmdb51", "activitynet"])
    assert len(rows) == 13
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
    assert "| a\\|b \\& 50%\\_c | measured | full | 3 | not known, at least 2 | 3 |" in text
    assert " ± " in text.splitlines()[-1]
    assert re.search(r"\| [\d.]+ to [\d.]+, \d+ videos \|$", text.splitlines()[-1])
    assert "a\\textbar{}b \\& 50\\%\\_c & measured" in tex and " $\\pm$ " in tex
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines()}
    assert widths == {11}
    assert tex.count("\\\\\n") == text.count("\n") - 1
    assert tex.startswith("\\begin{tabular}{lllllllrrr}\n\\toprule")


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
