"""Overlap of class sets: Eq. 3 and 4, the paper's data sets, and what the stage writes."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import given
from hypothesis import strategies as st
from repository import REPOSITORY, SCRIPTS

from unseen.base.errors import UserError
from unseen.classes.class_embedding_file import write_class_embeddings
from unseen.classes.embed_classes import embed_classes, select_vectors
from unseen.classes.overlap import (
    distances,
    kept_classes,
    kept_counts,
    nearest_unseen,
    prune_classes,
)
from unseen.classes.words import name_words

LISTS = REPOSITORY / "config" / "classes"
WORD_VECTORS = REPOSITORY.parent / "shared" / "words" / "googlenews-classwords-300d.bin"
DATASETS = ["kinetics700", "ucf101", "hmdb51", "activitynet", "sun397"]
WORDLESS = ("barndoor", "thriftshop")
"""Classes of SUN397 that have no word vector."""


def unit(angles: list[float]) -> np.ndarray:
    """Unit vectors in the plane; their cosine distance is one less the cosine of their angles."""
    radians = np.radians(angles)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def embeddings(classes: dict[str, float]) -> tuple[list[str], np.ndarray]:
    return list(classes), unit(list(classes.values()))


# The pure part


def test_distances_are_one_less_the_cosine():
    expected = [[0, 1, 2], [0.5, 1 - np.cos(np.radians(30)), 1.5]]
    np.testing.assert_allclose(distances(unit([0, 60]), unit([0, 90, 180])), expected, atol=1e-6)


def test_equal_words_in_another_order_are_at_distance_zero():
    rng = np.random.default_rng(0)
    words = rng.standard_normal((3, 300)).astype(np.float32)
    one = words.sum(axis=0) / np.linalg.norm(words.sum(axis=0))
    other = words[::-1].mean(axis=0) / np.linalg.norm(words[::-1].mean(axis=0))
    assert distances(one[None], other[None]).item() == 0


def test_each_class_meets_its_nearest_unseen_class():
    train = {"t": embeddings({"a": 0, "b": 50, "c": 175})}
    unseen = {"u": embeddings({"x": 90, "y": 10}), "v": embeddings({"z": 180})}
    near = nearest_unseen(train, unseen)
    assert [(n.name, n.nearest_class, n.nearest_dataset) for n in near] == [
        ("a", "y", "u"),
        ("b", "x", "u"),
        ("c", "z", "v"),
    ]
    assert near[0].distance == pytest.approx(1 - np.cos(np.radians(10)), abs=1e-6)
    assert kept_classes(near, 0.05) == ["b"]


def test_a_distance_equal_to_the_threshold_is_not_kept():
    near = nearest_unseen({"t": embeddings({"a": 60})}, {"u": embeddings({"x": 0})})
    assert near[0].distance == 0.5
    assert kept_classes(near, 0.5) == []
    assert kept_classes(near, 0.499999) == ["a"]


def test_a_name_in_two_training_sets_is_one_class_at_its_nearest():
    train = {"s": embeddings({"a": 80, "b": 80}), "t": embeddings({"a": 5})}
    near = nearest_unseen(train, {"u": embeddings({"x": 0})})
    assert [n.name for n in near] == ["a", "b"]
    assert kept_classes(near, 0.05) == ["b"]


def test_embeddings_of_different_dimensions_are_refused():
    train = {"t": embeddings({"a": 0})}
    with pytest.raises(UserError, match="t 2, u 3"):
        nearest_unseen(train, {"u": (["x"], np.eye(3, dtype=np.float32)[:1])})


ANGLES = st.lists(st.floats(0, 360, width=32), min_size=1, max_size=8)


@given(train=ANGLES, unseen=ANGLES, threshold=st.floats(0, 2))
def test_kept_classes_are_those_far_from_every_unseen_class(train, unseen, threshold):
    near = nearest_unseen(
        {"t": ([f"t{n}" for n in range(len(train))], unit(train))},
        {"u": ([f"u{n}" for n in range(len(unseen))], unit(unseen))},
    )
    kept = {
        f"t{n}"
        for n, a in enumerate(unit(train))
        if all(round(1 - float(np.float64(a) @ np.float64(b)), 6) > threshold for b in unit(unseen))
    }
    assert set(kept_classes(near, threshold)) == kept


@given(train=ANGLES, unseen=ANGLES)
def test_a_larger_threshold_never_keeps_more(train, unseen):
    near = nearest_unseen(
        {"t": ([f"t{n}" for n in range(len(train))], unit(train))},
        {"u": ([f"u{n}" for n in range(len(unseen))], unit(unseen))},
    )
    kept = [row["kept"] for row in kept_counts(near)]
    assert kept == sorted(kept, reverse=True)
    assert all(row["kept"] + row["removed"] == len(train) for row in kept_counts(near))


# The stage


@pytest.fixture
def prune(tmp_path):
    """The stage on class embeddings given as angles; returns its summary."""

    def save(datasets: dict[str, dict[str, float]]) -> dict[str, Path]:
        for name, classes in datasets.items():
            write_class_embeddings(tmp_path / f"{name}.h5", *embeddings(classes))
        return {name: tmp_path / f"{name}.h5" for name in datasets}

    def run(train, unseen, **options) -> str:
        outputs = {"overlap": "overlap.csv", "kept": "kept.txt", "counts": "counts.csv"}
        options |= {key: tmp_path / name for key, name in outputs.items()}
        return prune_classes(save(train), save(unseen), **{"threshold": 0.05, **options})

    return run


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as stream:
        return list(csv.reader(stream))


def test_the_borderline_reads_first(prune, tmp_path):
    train = {"t": {"same": 0, "far": 90, "just out": 18, "just in": 18.5}}
    assert prune(train, {"u": {"x": 0}}) == "2 of 4 classes of t kept"
    assert rows_of(tmp_path / "overlap.csv") == [
        ["class", "kept", "distance", "nearest_class", "nearest_dataset"],
        ["just out", "False", "0.048943", "x", "u"],
        ["just in", "True", "0.051676", "x", "u"],
        ["same", "False", "0.000000", "x", "u"],
        ["far", "True", "1.000000", "x", "u"],
    ]
    assert (tmp_path / "kept.txt").read_text() == "far\njust in\n"
    assert rows_of(tmp_path / "counts.csv")[:3] == [
        ["threshold", "kept", "removed"],
        ["0.0", "3", "1"],
        ["0.01", "3", "1"],
    ]


def test_without_unseen_sets_everything_is_kept(prune, tmp_path):
    prune({"t": {"b": 0, "a": 90}}, {})
    assert (tmp_path / "kept.txt").read_text() == "b\na\n"
    assert rows_of(tmp_path / "overlap.csv")[1:] == [
        ["a", "True", "", "", ""],
        ["b", "True", "", "", ""],
    ]


def test_classes_can_be_excluded_by_name(prune, tmp_path):
    summary = prune({"t": {"a": 0, "b": 90}}, {}, excluded=["a", "typo"])
    assert "typo" in summary
    assert (tmp_path / "kept.txt").read_text() == "b\n"


def test_from_weights_that_have_seen_every_class_none_is_taken_back(prune, tmp_path):
    prune({"t": {"a": 0, "b": 90}}, {"u": {"x": 0}}, keep_all=True, excluded=["b"])
    assert (tmp_path / "kept.txt").read_text() == "a\nb\n"
    assert rows_of(tmp_path / "overlap.csv")[1][:3] == ["a", "True", "0.000000"]


def test_a_run_without_any_class_is_refused(prune):
    with pytest.raises(UserError, match=r"no class of t is farther than 0\.05 .* of u"):
        prune({"t": {"a": 0}}, {"u": {"x": 0}})


def test_the_command_takes_several_sets_by_name(tmp_path):
    for name, angle in {"t": 40, "u": 0, "v": 90}.items():
        write_class_embeddings(tmp_path / f"{name}.h5", *embeddings({f"class {name}": angle}))
    (tmp_path / "names.txt").write_text("class v\n")
    script = SCRIPTS / "prune_classes.py"
    options = (
        "--train t=t.h5 v=v.h5 --unseen u=u.h5 --threshold 0.05 --exclude-names names.txt"
        " --overlap overlap.csv --kept kept.txt --counts counts.csv"
    )
    subprocess.run([sys.executable, script, *options.split()], cwd=tmp_path, check=True)
    assert (tmp_path / "kept.txt").read_text() == "class t\n"
    assert [row[:2] for row in rows_of(tmp_path / "overlap.csv")[1:]] == [
        ["class t", "True"],
        ["class v", "False"],
    ]


# The paper's data sets

needs_vectors = pytest.mark.skipif(
    not WORD_VECTORS.exists(), reason="the word vectors of the published classes are not here"
)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Class embeddings of the published lists, made by the stages."""
    folder = tmp_path_factory.mktemp("published")
    lists = {name: folder / f"{name}.tsv" for name in DATASETS}
    for name, path in lists.items():
        excluded = WORDLESS if name == "sun397" else ()
        name_words(name, path, class_list=LISTS / path.name, exclude=excluded)
    select_vectors(WORD_VECTORS, lists.values(), folder / "selected.h5")
    for name, path in lists.items():
        embed_classes(path, folder / "selected.h5", folder / f"{name}.h5")
    return folder


@pytest.fixture(scope="module")
def reference():
    """Class embeddings by another path: gensim, and the plain sum of Section 4.4."""
    words = KeyedVectors.load_word2vec_format(str(WORD_VECTORS), binary=True)
    embedded = {}
    for name in DATASETS:
        with (LISTS / f"{name}.tsv").open(newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
        sums = {}
        for row in rows:
            if row["class"] in WORDLESS:
                continue
            total = np.zeros(300)
            for word in row["words"].split():
                vector = words[word].astype(np.float64)
                total += vector / np.sqrt((vector * vector).sum())
            sums[row["class"]] = total / np.sqrt((total * total).sum())
        embedded[name] = sums
    return embedded


def kept_by_loops(reference, train: str, unseen: list[str], threshold: float) -> list[str]:
    kept = []
    for name, vector in reference[train].items():
        nearest = 2.0
        for dataset in unseen:
            for other in reference[dataset].values():
                nearest = min(nearest, 1 - np.dot(vector, other))
        if nearest > threshold:
            kept.append(name)
    return kept


@needs_vectors
@pytest.mark.parametrize(
    ("train", "unseen", "threshold", "count"),
    [
        ("kinetics700", ["ucf101", "hmdb51"], 0.05, 662),
        ("kinetics700", ["ucf101", "hmdb51"], 0.04, 664),
        ("kinetics700", ["ucf101", "hmdb51", "activitynet"], 0.05, 586),
        ("activitynet", ["ucf101", "hmdb51"], 0.05, 200 - 23),
        ("sun397", ["ucf101", "hmdb51"], 0.05, 395 - 2),
    ],
)
def test_the_published_sets_keep_the_known_numbers_of_classes(
    published, reference, tmp_path, train, unseen, threshold, count
):
    prune_classes(
        {train: published / f"{train}.h5"},
        {name: published / f"{name}.h5" for name in unseen},
        threshold=threshold,
        overlap=tmp_path / "overlap.csv",
        kept=tmp_path / "kept.txt",
        counts=tmp_path / "counts.csv",
    )
    kept = (tmp_path / "kept.txt").read_text().splitlines()
    assert len(kept) == count
    assert kept == kept_by_loops(reference, train, unseen, threshold)


@needs_vectors
def test_two_borderline_classes_part_664_from_662(published, tmp_path):
    prune_classes(
        {"kinetics700": published / "kinetics700.h5"},
        {name: published / f"{name}.h5" for name in ("ucf101", "hmdb51")},
        threshold=0.05,
        overlap=tmp_path / "overlap.csv",
        kept=tmp_path / "kept.txt",
        counts=tmp_path / "counts.csv",
    )
    first, second, third, *_ = rows_of(tmp_path / "overlap.csv")[1:]
    assert [first[0], first[3], second[0], second[3]] == [
        "canoeing or kayaking",
        "Kayaking",
        "throwing discus",
        "JavelinThrow",
    ]
    assert float(first[2]) == pytest.approx(0.0469, abs=1e-4)
    assert float(second[2]) == pytest.approx(0.0425, abs=1e-4)
    assert third[1] == "True"
    counts = {row[0]: row[1] for row in rows_of(tmp_path / "counts.csv")}
    assert (counts["0.0"], counts["0.04"], counts["0.05"], counts["0.3"]) == (
        "664",
        "664",
        "662",
        "488",
    )
