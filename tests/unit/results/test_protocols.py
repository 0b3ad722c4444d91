"""Test lists, class splits and unseen classes: each accuracy against a few lines of its own."""

import statistics
from pathlib import Path

import h5py
import numpy as np
import pytest
from fuzzing import TRIES, assert_survives
from repository import REPOSITORY
from small_results import SNIPPETS, class_vectors, make_test_set

from unseen.base.errors import UserError
from unseen.base.tabular import read_rows
from unseen.classes.class_embedding_file import write_class_embeddings
from unseen.classes.class_list import read_classes
from unseen.classes.class_splits import check_class_splits, read_class_splits
from unseen.classes.pretraining import Training
from unseen.datasets.test_lists import read_test_lists
from unseen.results import scoring
from unseen.results.test_splits import Protocols, Seen

CLASSES = [f"Class{number:02}" for number in range(12)]
VIDEOS = {
    f"v_{name}_g{group:02}_c{clip:02}": name
    for name in CLASSES
    for group in range(1, 5)
    for clip in (1, 2)
}
REJECTED = {"v_Class00_g05_c01": "Class00", "v_Class01_g05_c01": "Class01"}


def group_of(clip: str) -> int:
    return int(clip.split("_g")[1][:2])


def write_lists(folder: Path, further: tuple[str, ...] = ()) -> Path:
    """UCF101's lists of these videos: list k tests the groups k, k + 1 and 5."""
    folder.mkdir()
    for number in (1, 2, 3):
        lines = [
            f"{name}/{clip}.avi"
            for clip, name in {**VIDEOS, **REJECTED}.items()
            if group_of(clip) in (number, number + 1, 5)
        ]
        (folder / f"testlist0{number}.txt").write_text("\r\n".join([*lines, *further]) + "\n")
    return folder


def write_splits(path: Path, splits: dict[str, list[str]]) -> Path:
    rows = [f"{split},test,{name}\n" for split, names in splits.items() for name in names]
    path.write_text("split,part,class\n" + "".join([*rows, "0,validation,Class00\n"]))
    return path


@pytest.fixture
def files(tmp_path):
    return make_test_set(tmp_path / "set", CLASSES, VIDEOS, noise=0.7, rejected=REJECTED)


def by_hand(files, names: list[str], clips: set[str] | None = None) -> tuple[float, float, int]:
    """Top-1 and top-5 in percent and the number of videos, by a loop over the videos."""
    with h5py.File(files.embeddings) as store:
        rows = dict(zip(store["clip_id"].asstr()[:], store["embedding"][:], strict=True))
    vectors = dict(zip(CLASSES, class_vectors(len(CLASSES)), strict=True))
    right1 = right5 = count = 0
    for clip, name in {**VIDEOS, **REJECTED}.items():
        if name in names and (clips is None or clip in clips):
            count += 1
            if clip in rows:
                cosine = {one: -(rows[clip] @ vectors[one]) for one in names}
                nearest = sorted(names, key=cosine.__getitem__)
                right1 += nearest[0] == name
                right5 += name in nearest[:5]
    return 100 * right1 / count, 100 * right5 / count, count


def rows_of(files, folder: Path, protocol: str, **told) -> dict[str, dict[str, str]]:
    metrics = files.score(folder, protocols=Protocols(**told)).metrics
    rows = [row for row in read_rows(metrics) if row["snippets"] == str(SNIPPETS)]
    return {row["split"]: row for row in rows if row["protocol"] == protocol}


def test_each_test_list_and_their_mean_and_sample_deviation(files, tmp_path):
    folder = write_lists(tmp_path / "lists")
    rows = rows_of(files, tmp_path, "lists", lists=("ucf101", folder))
    assert list(rows) == ["1", "2", "3", "mean", "sd"]
    found = []
    for number in (1, 2, 3):
        clips = {clip for clip in {**VIDEOS, **REJECTED} if group_of(clip) in (number, number + 1, 5)}
        top1, top5, count = by_hand(files, CLASSES, clips)
        row = rows[str(number)]
        assert float(row["top1"]) == pytest.approx(top1, abs=1e-4)
        assert float(row["top5"]) == pytest.approx(top5, abs=1e-4)
        assert (int(row["videos"]) + 2, row["rejected"], row["classes"]) == (count, "2", "12")
        found.append(top1)
    assert len(set(found)) == 3  # the lists are no copies of each other
    assert float(rows["mean"]["top1"]) == pytest.approx(statistics.fmean(found), abs=1e-3)
    assert float(rows["sd"]["top1"]) == pytest.approx(statistics.stdev(found), abs=1e-3)


def test_the_candidates_of_a_class_split_are_its_classes_alone(files, tmp_path):
    splits = {"0": CLASSES[:6], "1": CLASSES[3:9], "2": CLASSES[6:]}
    path = write_splits(tmp_path / "mine.csv", splits)
    rows = rows_of(files, tmp_path, "mine", splits={"mine": path})
    found = []
    for split, names in splits.items():
        top1, top5, count = by_hand(files, names)
        row = rows[split]
        assert float(row["top1"]) == pytest.approx(top1, abs=1e-4)
        assert float(row["top5"]) == pytest.approx(top5, abs=1e-4)
        assert (row["classes"], int(row["videos"]) + int(row["rejected"])) == ("6", count)
        found.append(top1)
    assert float(rows["mean"]["top1"]) == pytest.approx(statistics.fmean(found), abs=1e-3)
    assert float(rows["sd"]["top1"]) == pytest.approx(statistics.stdev(found), abs=1e-3)
    whole = rows_of(files, tmp_path, "2")["all"]
    assert float(whole["top1"]) < min(found)  # fewer candidates are easier


def test_unseen_classes_are_beyond_the_threshold_of_all_that_was_seen(files, tmp_path):
    vectors, rng = class_vectors(len(CLASSES)), np.random.default_rng(3)
    near = vectors[:4] + 0.05 * rng.normal(size=(4, vectors.shape[1]))
    near = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    write_class_embeddings(tmp_path / "seen.h5", ["a", "b", "c", "pruned"], near)
    (tmp_path / "kept.txt").write_text("a\nb\nc\n")
    trainings = [Training("e2e", {"seen": tmp_path / "seen.h5"}, tmp_path / "kept.txt")]
    distances = 1 - vectors.astype(float) @ near[:3].astype(float).T
    threshold = float(np.sort(distances.min(axis=1))[1:3].mean())  # between the 2nd and the 3rd
    left = [name for name, row in zip(CLASSES, distances, strict=True) if row.min() > threshold]
    assert len(left) == 10
    seen = Seen(trainings, files.class_embeddings, threshold)
    rows = rows_of(files, tmp_path, "unseen", seen=seen)
    assert list(rows) == ["all"]
    assert rows["all"]["classes"] == "10"
    assert float(rows["all"]["top1"]) == pytest.approx(by_hand(files, left)[0], abs=1e-4)


def test_where_everything_was_seen_nothing_is_left_to_score(files, tmp_path):
    seen = Seen([Training("e2e", {"same": files.class_embeddings})], files.class_embeddings, 0.05)
    row = rows_of(files, tmp_path, "unseen", seen=seen)["all"]
    assert (row["classes"], row["videos"], row["rejected"], row["top1"]) == ("0", "0", "0", "")


def test_the_paper_s_protocols_are_the_same_beside_others(files, tmp_path):
    alone = read_rows(files.score(tmp_path).metrics)
    told = Protocols(("ucf101", write_lists(tmp_path / "lists")))
    both = read_rows(files.score(tmp_path, protocols=told).metrics)
    assert [row for row in both if row["protocol"] in ("1", "2")] == alone


def test_listed_videos_that_are_not_there_are_counted_and_said(files, tmp_path):
    further = ("Class03/v_Class03_g25_c01.avi", "Other/v_Other_g01_c01.avi")
    folder = write_lists(tmp_path / "lists", further)
    outputs = scoring.Outputs(tmp_path / "p.csv", tmp_path / "m.csv")
    arguments = (files.embeddings, files.class_embeddings, files.labels)
    told = Protocols(("ucf101", folder))
    text = scoring.score(*arguments, files.rejected, files.missing, outputs, protocols=told)
    assert "test list 1: 1 of 51 videos are missing" in text
    assert "test list 1: 1 videos of classes that are not tested here" in text
    rows = [row for row in read_rows(outputs.metrics) if row["protocol"] == "lists"]
    assert [row["missing"] for row in rows[:4]] == ["1", "1", "1", "1.0"]


def test_the_lists_of_another_data_set_are_refused(files, tmp_path):
    folder = tmp_path / "lists"
    folder.mkdir()
    for number in (1, 2, 3):
        (folder / f"testlist0{number}.txt").write_text("Other/v_Other_g01_c01.avi\n")
    with pytest.raises(UserError, match=r"none of the 1 videos of test list 1 \(v_Other_g01_c01"):
        files.score(tmp_path, protocols=Protocols(("ucf101", folder)))


def test_a_split_with_an_unknown_class_is_refused_with_its_nearest_name(files, tmp_path):
    path = write_splits(tmp_path / "mine.csv", {"0": ["Class00", "Class1"]})
    with pytest.raises(UserError, match=r"mine\.csv: of split 0's 2 classes .* 1, 'Class1' \(is it"):
        files.score(tmp_path, protocols=Protocols(splits={"mine": path}))


# Files


def test_ucf101_s_lists_with_and_without_numbers(tmp_path):
    for number in (1, 2, 3):
        lines = "Archery/v_Archery_g01_c01.avi 3\n\nHandstandPushups/v_HandStandPushups_g01_c02.avi\n"
        (tmp_path / f"testlist0{number}.txt").write_text(lines)
    assert read_test_lists("ucf101", tmp_path)["2"] == {
        "v_Archery_g01_c01": "Archery",
        "v_HandStandPushups_g01_c02": "HandstandPushups",
    }


def test_hmdb51_s_marks(tmp_path):
    for number in (1, 2, 3):
        for name in ("brush_hair", "wave"):
            lines = f"first {name} #1.avi 1 \nsecond_{name}.avi 2 \nthird.avi 0 \n"
            (tmp_path / f"{name}_test_split{number}.txt").write_text(lines)
    assert read_test_lists("hmdb51", tmp_path)["3"] == {
        "brush_hair/second_brush_hair": "brush_hair",
        "wave/second_wave": "wave",
    }
    (tmp_path / "wave_test_split2.txt").unlink()
    with pytest.raises(UserError, match=r"lacks wave_test_split2\.txt.*unseen fetch hmdb51-splits"):
        read_test_lists("hmdb51", tmp_path)


@pytest.mark.parametrize("layout", ["ucf101", "hmdb51"])
def test_a_folder_without_lists_is_refused(layout, tmp_path):
    with pytest.raises(UserError, match="a part of the three test lists"):
        read_test_lists(layout, tmp_path)


@pytest.mark.parametrize(
    ("layout", "name", "line"),
    [
        ("ucf101", "testlist01.txt", "v_Archery_g01_c01.avi"),
        ("ucf101", "testlist01.txt", "Archery/other.avi"),
        ("hmdb51", "wave_test_split1.txt", "other.avi"),
        ("hmdb51", "wave_test_split1.txt", "other.avi 3"),
    ],
)
def test_a_line_of_another_kind_is_named(layout, name, line, tmp_path):
    for number in (1, 2, 3):
        (tmp_path / name.replace("1", str(number))).write_text("\n")
    (tmp_path / name).write_text(f"\n{line}\n")
    with pytest.raises(UserError, match=f"{name}, line 2: '{line}' is no line of the kind"):
        read_test_lists(layout, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("split,class\n0,a\n", "has no column part"),
        ("split,part,class\n0,validation,a\n", "no row is of the part test"),
        ("split,part,class\n0,test,\n", "row 2: the split or the class is empty"),
    ],
)
def test_a_file_that_is_no_class_split_is_refused(text, message, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_class_splits(path)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("kinetics600_zero_shot", [160, 160, 160]),
        ("ucf101_truze", [31]),
        ("hmdb51_truze", [22]),
    ],
)
def test_the_splits_that_come_along_name_classes_of_their_data_set(name, sizes):
    path = REPOSITORY / "config" / "splits" / f"{name}.csv"
    splits = read_class_splits(path)
    assert [len(names) for names in splits.values()] == sizes
    known = read_classes(REPOSITORY / "config" / "classes" / f"{name.partition('_')[0]}.tsv")
    check_class_splits(path, splits, known)
    seen = {*read_classes(REPOSITORY / "config" / "classes" / "kinetics400.tsv")}
    assert not {one for names in splits.values() for one in names} & seen


@pytest.mark.parametrize("tries", TRIES)
def test_damaged_class_splits_are_read_or_refused(tmp_path, tries):
    def is_sound(splits: dict[str, list[str]]) -> None:
        assert splits and all(name and classes and all(classes) for name, classes in splits.items())

    valid = (REPOSITORY / "config/splits/hmdb51_truze.csv").read_bytes()
    assert_survives(read_class_splits, valid, tmp_path / "a.csv", tries=tries, check=is_sound)


@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize(
    ("layout", "names", "valid"),
    [
        ("ucf101", "testlist0{}.txt", b"Archery/v_Archery_g01_c01.avi\n" * 9),
        ("hmdb51", "wave_test_split{}.txt", b"a_wave_b.avi 2\nb_wave.avi 1\n" * 9),
    ],
)
def test_damaged_test_lists_are_read_or_refused(tmp_path, tries, layout, names, valid):
    others = [names.format(number) for number in (2, 3)]
    for name in others:
        (tmp_path / name).write_bytes(valid)

    def is_sound(lists: dict[str, dict[str, str]]) -> None:
        assert list(lists) == ["1", "2", "3"]
        assert all(clip and name for listed in lists.values() for clip, name in listed.items())

    def read(path: Path) -> dict[str, dict[str, str]]:
        return read_test_lists(layout, path.parent)

    path = tmp_path / names.format(1)
    assert_survives(read, valid, path, tries=tries, check=is_sound, beside=others)
