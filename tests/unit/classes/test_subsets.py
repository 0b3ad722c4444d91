"""Subsets are nested, repeatable, of the right size, and from one cluster where they should be."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository import SCRIPTS

from unseen.base.errors import UserError
from unseen.classes import subsets
from unseen.classes.class_embedding_file import write_class_embeddings
from unseen.classes.subsets import cluster_classes, ordered, select_classes, select_clips

names = st.lists(st.text(max_size=5), unique=True, min_size=1, max_size=20)
GROUPS = {"ball": 12, "leaf": 8, "star": 4}


def clustered() -> tuple[list[str], np.ndarray]:
    """Class names and embeddings (24, 6) in three well separated groups."""
    rng = np.random.default_rng(0)
    classes, vectors = [], []
    for axis, (group, size) in enumerate(GROUPS.items()):
        classes += [f"{group} {number}" for number in range(size)]
        vectors.append(3 * np.eye(6)[axis] + 0.1 * rng.normal(size=(size, 6)))
    return classes, np.concatenate(vectors).astype(np.float32)


@given(names, st.integers(0, 5), st.integers(0, 5), st.data())
def test_smaller_class_subsets_lie_in_larger_ones(classes, seed, repeat, data):
    small = data.draw(st.integers(0, len(classes)))
    large = data.draw(st.integers(small, len(classes)))
    embeddings = np.eye(len(classes))
    one, two = (
        select_classes(classes, embeddings, count, seed=seed, repeat=repeat)
        for count in (small, large)
    )
    assert len(one) == small and len(two) == large
    assert set(one) <= set(two) <= set(classes)
    assert one == sorted(one)


@given(names, st.floats(0.01, 1), st.floats(0.01, 1))
def test_smaller_fractions_lie_in_larger_ones_and_keep_the_order(clips, first, second):
    small, large = sorted((first, second))
    one, two = (select_clips(clips, part, seed=3) for part in (small, large))
    assert set(one) <= set(two)
    assert [clip for clip in clips if clip in two] == two
    assert len(two) == max(1, round(large * len(clips)))
    assert select_clips(clips, 1.0, seed=3) == clips


@given(names, st.integers(0, 3))
def test_order_does_not_depend_on_the_other_names(everything, seed):
    order = ordered(everything, seed, 0)
    assert ordered(reversed(everything), seed, 0) == order
    assert ordered(everything[1:], seed, 0) == [name for name in order if name != everything[0]]


def test_seed_and_repeat_change_the_choice():
    clips = [f"clip {number}" for number in range(100)]
    choices = {
        tuple(select_clips(clips, 0.1, seed=seed, repeat=repeat))
        for seed in range(3)
        for repeat in range(3)
    }
    assert len(choices) == 9


def test_all_classes_are_chosen_alike():
    classes = [f"class {number}" for number in range(10)]
    counts = dict.fromkeys(classes, 0)
    for repeat in range(400):
        for name in select_classes(classes, np.eye(10), 3, seed=0, repeat=repeat):
            counts[name] += 1
    assert all(80 < count < 160 for count in counts.values()), counts


def test_clusters_are_the_groups_whatever_the_order_of_classes():
    classes, vectors = clustered()
    order = np.random.default_rng(1).permutation(len(classes))
    one = cluster_classes(classes, vectors, 3, seed=0)
    two = cluster_classes([classes[index] for index in order], vectors[order], 3, seed=0)
    assert one == two
    assert [{name.split()[0] for name in group} for group in one] == [{name} for name in GROUPS]


def test_a_clustered_subset_comes_from_one_cluster_that_is_large_enough():
    classes, vectors = clustered()
    found = set()
    for repeat in range(20):
        chosen = select_classes(classes, vectors, 6, seed=0, repeat=repeat, clusters=3)
        (group,) = {name.split()[0] for name in chosen}
        found.add(group)
    assert found == {"ball", "leaf"}


def test_all_classes_of_a_cluster_are_drawn_alike(monkeypatch):
    """Also those by whose names the clusters are told apart."""
    classes, vectors = clustered()
    groups = cluster_classes(classes, vectors, 3, seed=0)
    monkeypatch.setattr(subsets, "cluster_classes", lambda *_: groups)  # found once, not each time
    counts = dict.fromkeys(classes, 0)
    for repeat in range(1000):
        for name in select_classes(classes, vectors, 6, seed=0, repeat=repeat, clusters=3):
            counts[name] += 1
    for name, count in counts.items():
        expected = {"ball": 500 * 6 / 12, "leaf": 500 * 6 / 8, "star": 0}[name.split()[0]]
        assert abs(count - expected) <= 60, counts


def test_clusters_can_be_taken_in_turn():
    classes, vectors = clustered()
    groups = [
        select_classes(classes, vectors, 4, seed=0, clusters=3, cluster=number)[0].split()[0]
        for number in range(3)
    ]
    assert groups == list(GROUPS)


def test_too_few_classes_are_refused():
    classes, vectors = clustered()
    with pytest.raises(UserError, match="30 training classes were asked for, but there are 24"):
        select_classes(classes, vectors, 30, seed=0)
    with pytest.raises(UserError, match=r"no cluster holds 20 .* hold 12, 8, 4\)"):
        select_classes(classes, vectors, 20, seed=0, clusters=3)
    with pytest.raises(UserError, match="but there are 4"):
        select_classes(classes, vectors, 6, seed=0, clusters=3, cluster=2)
    with pytest.raises(UserError, match="2 training classes cannot make 3 clusters"):
        select_classes(classes[:2], vectors[:2], 1, seed=0, clusters=3)


def test_script_selects_from_the_kept_classes(tmp_path):
    classes, vectors = clustered()
    write_class_embeddings(tmp_path / "all.h5", classes, vectors)
    kept = [name for name in classes if name != "ball 0"]
    (tmp_path / "kept.txt").write_text("".join(f"{name}\n" for name in kept))
    subset = {"classes": 11, "clusters": 3, "repeat": 1}
    options = ["--kept", tmp_path / "kept.txt", "--class-embeddings", tmp_path / "all.h5"]
    options += ["--subset", json.dumps(subset), "--seed", "0", "--output", tmp_path / "subset.txt"]
    done = subprocess.run(
        [sys.executable, SCRIPTS / "select_classes.py", *options], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    expected = sorted(f"ball {number}" for number in range(1, 12))
    assert (tmp_path / "subset.txt").read_text().splitlines() == expected
