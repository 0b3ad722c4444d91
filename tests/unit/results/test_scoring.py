"""Scores against scikit-learn's on the same embeddings, and the counts and messages around them."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import SCRIPTS, SOURCE
from sklearn.metrics import top_k_accuracy_score
from sklearn.metrics.pairwise import cosine_distances as sklearn_distances
from small_results import (
    DIMENSIONS,
    SNIPPETS,
    class_vectors,
    make_test_set,
    named,
    write_embeddings,
)

from unseen.base.errors import UserError
from unseen.base.hdf5 import new_hdf5
from unseen.base.tabular import read_rows, write_rows
from unseen.results import scoring, test_set
from unseen.results.nearest import cosine_distances, ranks

CLASSES = [f"class {letter}" for letter in "HGFEDCBA"] + ["Zebra", "ant"]


def metrics_of(outputs: scoring.Outputs) -> dict[tuple[str, str, str], dict[str, str]]:
    """The rows of the metrics by protocol, split and snippets."""
    return {
        (row["protocol"], row["split"], row["snippets"]): row for row in read_rows(outputs.metrics)
    }


def sklearn_top_k(distances: np.ndarray, truth: np.ndarray, k: int) -> float:
    """scikit-learn's top-k accuracy in percent; it takes the last of equal scores, we the first."""
    classes = distances.shape[1]
    return 100 * top_k_accuracy_score(
        classes - 1 - truth, -distances[:, ::-1], k=k, labels=np.arange(classes)
    )


def independent(path: Path, class_file: Path, of_clip: dict[str, str], name: str) -> tuple:
    """Distances (N, C), truth (N,) and sorted classes, by h5py and scikit-learn alone."""
    with h5py.File(class_file) as store:
        vectors = dict(zip(store["classes"].asstr()[:], store["embeddings"][:], strict=True))
    with h5py.File(path) as store:
        clips, embedding = store["clip_id"].asstr()[:], store[name][:]
    classes = sorted(vectors)
    distances = sklearn_distances(embedding, np.stack([vectors[name] for name in classes]))
    return distances, np.array([classes.index(of_clip[clip]) for clip in clips]), classes


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A test set with rejected and missing clips, its files and its scores."""
    folder = tmp_path_factory.mktemp("scored")
    videos = named(CLASSES, 6)
    rejected = {"bad 1.avi": "ant", "bad 2.avi": "Zebra", "bad 3.avi": "class A"}
    missing = {"gone 1.avi": "ant", "gone 2.avi": "class B"}
    files = make_test_set(folder, CLASSES, videos, noise=1.0, rejected=rejected, missing=missing)
    return files, videos, files.score(folder)


@pytest.mark.parametrize(("name", "snippets"), [("embedding_1", 1), ("embedding", SNIPPETS)])
def test_protocol_2_agrees_with_sklearn(scored, name, snippets):
    files, videos, outputs = scored
    distances, truth, _ = independent(files.embeddings, files.class_embeddings, videos, name)
    row = metrics_of(outputs)["2", "all", str(snippets)]
    assert (row["classes"], row["videos"], row["rejected"], row["missing"]) == (
        *(str(len(CLASSES)), str(len(videos))),
        *("3", "2"),
    )
    for k in (1, 5):
        expected = sklearn_top_k(distances, truth, k)
        assert 10 < expected < 100
        assert float(row[f"top{k}_readable"]) == pytest.approx(expected, abs=1e-4)
        share = len(videos) / (len(videos) + 3)
        assert float(row[f"top{k}"]) == pytest.approx(expected * share, abs=1e-4)


def test_protocol_1_agrees_with_sklearn(scored):
    files, videos, outputs = scored
    distances, truth, classes = independent(
        files.embeddings, files.class_embeddings, videos, "embedding"
    )
    rows = metrics_of(outputs)
    found = []
    for seed in range(10):
        np.random.seed(seed)  # noqa: NPY002  (the authors' way to draw the halves)
        half = np.sort(np.random.permutation(len(classes))[: len(classes) // 2])  # noqa: NPY002
        inside = np.isin(truth, half)
        expected = sklearn_top_k(
            distances[np.ix_(inside, half)], np.searchsorted(half, truth[inside]), 1
        )
        row = rows["1", str(seed), str(SNIPPETS)]
        assert float(row["top1_readable"]) == pytest.approx(expected, abs=1e-4)
        found.append(float(row["top1_readable"]))
    mean, deviation = rows["1", "mean", str(SNIPPETS)], rows["1", "sd", str(SNIPPETS)]
    assert float(mean["top1_readable"]) == pytest.approx(np.mean(found), abs=1e-3)
    assert float(deviation["top1_readable"]) == pytest.approx(np.std(found, ddof=1), abs=1e-3)


def test_metrics_have_the_contract_s_columns_and_splits(scored):
    outputs = scored[2]
    assert outputs.metrics.read_text().splitlines()[0] == (
        "protocol,split,classes,videos,rejected,missing,snippets,"
        "top1,top5,top1_readable,top5_readable,resampled"
    )
    splits = [*map(str, range(10)), "mean", "sd"]
    assert list(metrics_of(outputs)) == [
        (protocol, split, snippets)
        for snippets in ("1", str(SNIPPETS))
        for protocol, names in (("1", splits), ("2", ["all", "low", "high"]))
        for split in names
    ]


def test_halves_are_drawn_from_the_sorted_names_whatever_the_order_of_the_file(tmp_path):
    vectors = class_vectors(len(CLASSES))
    order = np.random.default_rng(1).permutation(len(CLASSES))
    shuffled = [CLASSES[index] for index in order]
    videos = named(CLASSES, 3)
    one = make_test_set(tmp_path / "a", CLASSES, videos, vectors=vectors)
    two = make_test_set(tmp_path / "b", shuffled, videos, vectors=vectors[order])
    first, second = one.score(tmp_path / "a"), two.score(tmp_path / "b")
    assert first.metrics.read_bytes() == second.metrics.read_bytes()
    assert first.predictions.read_bytes() == second.predictions.read_bytes()


def test_ties_go_to_the_first_class():
    vectors = np.eye(3)[[0, 0, 1, 2]]
    distances = cosine_distances(np.eye(3)[[0, 0, 2]], vectors)
    truth = np.array([0, 1, 3])
    assert ranks(distances, truth).tolist() == [0, 1, 0]
    assert sklearn_top_k(distances, truth, 1) == pytest.approx(200 / 3)
    assert sklearn_top_k(distances, truth, 2) == 100


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(3, 9), st.integers(0, 2**16))
def test_ranks_agree_with_sklearn_with_and_without_ties(videos, classes, seed):
    rng = np.random.default_rng(seed)
    distances = rng.integers(0, 4, (videos, classes)) / 4  # few values: many ties
    truth = rng.integers(0, classes, videos)
    order = ranks(distances, truth)
    for k in range(1, classes):
        assert 100 * (order < k).mean() == pytest.approx(sklearn_top_k(distances, truth, k))
    by_distance = np.argsort(distances, axis=1, kind="stable")
    assert (by_distance[np.arange(videos), order] == truth).all()


def test_halves_of_one_class_are_always_right(tmp_path):
    files = make_test_set(tmp_path, ["a", "b", "c"], named("abc", 4), noise=9.0)
    rows = metrics_of(files.score(tmp_path))
    for split in range(10):
        row = rows["1", str(split), "1"]
        assert (row["classes"], row["top1"], row["top5"]) == ("1", "100.0000", "")
    assert float(rows["2", "all", "1"]["top1"]) < 100


def test_interval_is_that_of_resampled_videos(scored):
    """Against a plain bootstrap over the videos, one by one."""
    files, videos, outputs = scored
    distances, truth, _ = independent(files.embeddings, files.class_embeddings, videos, "embedding")
    right = np.concatenate([distances.argmin(axis=1) == truth, np.zeros(3)])
    rng = np.random.default_rng(7)
    means = 100 * right[rng.integers(0, len(right), (20_000, len(right)))].mean(axis=1)
    rows = metrics_of(outputs)
    for split, percent in (("low", 2.5), ("high", 97.5)):
        row = rows["2", split, str(SNIPPETS)]
        assert float(row["top1"]) == pytest.approx(np.percentile(means, percent), abs=1.6)
        assert row["videos"] == str(len(videos))
        assert row["resampled"] == f"{len(videos) + 3} videos"


def test_interval_over_sources_is_that_of_resampled_sources(scored, tmp_path):
    """Clips of one source are drawn together: against a plain bootstrap, source by source."""
    files, videos, _ = scored
    rejected = [row["clip_id"] for row in read_rows(files.rejected)]
    source = {clip: f"{name} {index % 6 // 3}" for index, (clip, name) in enumerate(videos.items())}
    source |= dict.fromkeys(rejected[:2], source[next(iter(videos))])  # the third is its own
    rows = [{"clip_id": clip, "source": name} for clip, name in source.items()]
    write_rows(tmp_path / "sources.csv", ["clip_id", "source"], rows)
    rows = metrics_of(files.score(tmp_path, sources=tmp_path / "sources.csv"))

    distances, truth, _ = independent(files.embeddings, files.class_embeddings, videos, "embedding")
    right = dict(zip(videos, distances.argmin(axis=1) == truth, strict=True))
    groups: dict[str, list[bool]] = {}
    for clip in [*videos, *rejected]:
        groups.setdefault(source.get(clip, clip), []).append(right.get(clip, False))
    names, rng = list(groups), np.random.default_rng(7)
    sums = np.array([[sum(groups[name]), len(groups[name])] for name in names])
    drawn = sums[rng.integers(0, len(names), (20_000, len(names)))].sum(axis=1)
    means = 100 * drawn[:, 0] / drawn[:, 1]
    for split, percent in (("low", 2.5), ("high", 97.5)):
        row = rows["2", split, str(SNIPPETS)]
        assert row["resampled"] == f"{len(names)} sources" == "21 sources"
        assert float(row["top1"]) == pytest.approx(np.percentile(means, percent), abs=1.6)


def test_alike_clips_of_a_source_widen_the_interval(tmp_path):
    """Five copies of each video are no more evidence than one: sources see it, clips do not."""
    rng = np.random.default_rng(0)
    clips = {
        f"{name}/{number}/{copy}": name
        for name in CLASSES
        for number in range(4)
        for copy in range(5)
    }
    files = make_test_set(tmp_path, CLASSES, clips)
    vectors = class_vectors(len(CLASSES))[[CLASSES.index(name) for name in clips.values()]]
    noise = np.repeat(rng.normal(size=(len(CLASSES) * 4, DIMENSIONS)), 5, axis=0)
    write_embeddings(
        files.embeddings, list(clips), (vectors + 0.4 * noise)[:, None].repeat(2, axis=1)
    )
    rows = [{"clip_id": clip, "source": clip.rpartition("/")[0]} for clip in clips]
    write_rows(tmp_path / "sources.csv", ["clip_id", "source"], rows)
    widths = []
    for sources in (None, tmp_path / "sources.csv"):
        found = metrics_of(files.score(tmp_path, sources=sources))
        low, high = (float(found["2", split, "2"]["top1"]) for split in ("low", "high"))
        widths.append(high - low)
    assert widths[1] == pytest.approx(widths[0] * 5**0.5, rel=0.1)


def test_predictions_are_the_five_nearest_classes(scored):
    files, videos, outputs = scored
    distances, truth, classes = independent(
        files.embeddings, files.class_embeddings, videos, "embedding"
    )
    rows = read_rows(outputs.predictions)
    assert [row["clip_id"] for row in rows] == list(videos)
    for row, true, own in zip(rows, truth, distances, strict=True):
        assert row["class"] == classes[true]
        order = np.argsort(own)[:5]
        assert [row[f"top{k}"] for k in range(1, 6)] == [classes[index] for index in order]
        assert float(row["distance5"]) == pytest.approx(own[order[4]], abs=1e-5)


def test_per_class_and_confusions_add_up(scored):
    _, videos, outputs = scored
    whole = metrics_of(outputs)["2", "all", str(SNIPPETS)]
    rows = [row for row in read_rows(outputs.per_class) if row["snippets"] == str(SNIPPETS)]
    assert [row["class"] for row in rows] == sorted(CLASSES)
    right = sum(int(row["right1"]) for row in rows)
    assert float(whole["top1"]) == pytest.approx(100 * right / (len(videos) + 3), abs=1e-4)
    assert sum(int(row["rejected"]) for row in rows) == 3
    confusions = read_rows(outputs.confusions)
    assert sum(int(row["videos"]) for row in confusions) == len(videos) - right
    counts = [int(row["videos"]) for row in confusions]
    assert counts == sorted(counts, reverse=True)
    assert all(row["class"] != row["predicted"] for row in confusions)


def test_permuted_vectors_take_the_meaning_away(tmp_path):
    files = make_test_set(tmp_path, CLASSES, named(CLASSES, 4), noise=0.2)
    true = metrics_of(files.score(tmp_path))["2", "all", "1"]
    permuted = metrics_of(files.score(tmp_path, permute=1))["2", "all", "1"]
    again = metrics_of(files.score(tmp_path, permute=1))["2", "all", "1"]
    assert float(true["top1"]) > 80
    assert float(permuted["top1"]) < 40
    assert permuted == again


def test_rows_say_where_seen_classes_were_allowed(tmp_path):
    files = make_test_set(tmp_path, CLASSES, named(CLASSES, 1))
    rows = read_rows(files.score(tmp_path, seen_allowed=True).metrics)
    assert {row["seen"] for row in rows} == {"allowed"}


def test_clips_of_a_photograph_have_its_class(tmp_path):
    files = make_test_set(tmp_path, ["a", "b"], named("ab", 2), noise=0.0)
    clips = [f"{clip}#{number}" for clip in named("ab", 2) for number in range(2)]
    vectors = class_vectors(2)[[0, 0, 0, 0, 1, 1, 1, 1]]
    write_embeddings(files.embeddings, clips, vectors[:, None].repeat(2, axis=1))
    row = metrics_of(files.score(tmp_path))["2", "all", "2"]
    assert (row["videos"], row["top1"]) == ("8", "100.0000")


def test_videos_without_labels_are_not_scored(tmp_path):
    files = make_test_set(tmp_path, CLASSES, named(CLASSES, 2), labelled=False)
    with pytest.raises(UserError, match="nothing to score: say `labels: none`"):
        files.score(tmp_path)


def test_some_videos_without_labels_count_nowhere(tmp_path):
    files = make_test_set(tmp_path, ["a", "b"], named("ab", 3), noise=0.0)
    rows = files.labels.read_text().splitlines()
    files.labels.write_text("\n".join(rows[:-1]) + "\n")
    outputs = files.score(tmp_path)
    row = metrics_of(outputs)["2", "all", "1"]
    assert (row["videos"], row["top1"]) == ("5", "100.0000")
    assert read_rows(outputs.predictions)[-1]["class"] == ""


def test_empty_test_set(tmp_path):
    files = make_test_set(tmp_path, ["a", "b"], {}, rejected={"x": "a"}, missing={"y": "b"})
    with pytest.raises(UserError, match=r"test set is empty \(1 rejected, see .*; 1 missing\)"):
        files.score(tmp_path)


def test_one_class_is_too_few(tmp_path):
    files = make_test_set(tmp_path, ["a"], named("a", 2))
    with pytest.raises(UserError, match="at least 2 are needed"):
        files.score(tmp_path)


def test_fewer_than_five_classes_and_a_class_without_videos_are_noted(tmp_path):
    files = make_test_set(tmp_path, list("abcd"), named("abc", 2), rejected={"x": "d"})
    outputs = scoring.Outputs(tmp_path / "p.csv", tmp_path / "m.csv")
    arguments = (files.embeddings, files.class_embeddings, files.labels)
    text = scoring.score(*arguments, files.rejected, files.missing, outputs)
    assert "4 classes are fewer than 5: top-5 stays empty" in text
    assert "no readable video of d" in text
    rows = metrics_of(outputs)
    assert rows["2", "all", "1"]["top5"] == ""
    assert read_rows(tmp_path / "p.csv")[0]["top5"] == ""
    assert rows["2", "all", "1"]["rejected"] == "1"


def test_a_label_without_class_embedding_is_named(tmp_path):
    files = make_test_set(tmp_path, ["a", "b"], named("ab", 1))
    files.labels.write_text("clip_id,class\na/0.avi,juggling\nb/0.avi,b\n")
    with pytest.raises(UserError, match="the class juggling, which has no class embedding"):
        files.score(tmp_path)


def test_a_lost_clip_is_named(tmp_path):
    files = make_test_set(tmp_path, ["a", "b"], named("ab", 1))
    with files.labels.open("a") as stream:
        stream.write("lost.avi,a\n")
    with pytest.raises(UserError, match=r"1 labelled clips are neither .* lost\.avi the first"):
        files.score(tmp_path)


def test_embeddings_that_are_not_finite_are_refused(tmp_path):
    files = make_test_set(tmp_path, ["a", "b"], named("ab", 1))
    snippets = np.full((2, 2, DIMENSIONS), np.nan)
    write_embeddings(files.embeddings, list(named("ab", 1)), snippets)
    with pytest.raises(UserError, match=r"a/0\.avi is not finite"):
        files.score(tmp_path)


def test_a_zero_embedding_is_equally_far_from_all():
    distances = cosine_distances(np.zeros((1, 4)), np.eye(4))
    assert distances.tolist() == [[1.0] * 4]


def test_script_scores_without_torch(tmp_path):
    files = make_test_set(tmp_path, CLASSES, named(CLASSES, 2))
    program = (
        "import runpy, sys\n"
        "try:\n    runpy.run_path(sys.argv.pop(1), run_name='__main__')\n"
        "finally:\n    assert 'torch' not in sys.modules and 'pandas' not in sys.modules\n"
    )
    names = ("embeddings", "class_embeddings", "labels", "rejected", "missing")
    options = [
        part
        for name in names
        for part in (f"--{name.replace('_', '-')}", str(getattr(files, name)))
    ]
    outputs = ["--metrics", str(tmp_path / "m.csv"), "--predictions", str(tmp_path / "p.csv")]
    done = subprocess.run(
        [sys.executable, "-c", program, str(SCRIPTS / "score_videos.py"), *options, *outputs],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(SOURCE)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("20 videos, 0 rejected, 0 missing, 10 classes, 3 snippets: top-1")


def test_a_class_encoder_brings_the_classes_into_the_videos_space(tmp_path):
    rng = np.random.default_rng(0)
    vectors = class_vectors(6)
    size = vectors.shape[1]
    layers = {
        "weight_0": rng.normal(size=(16, size)),
        "bias_0": rng.normal(size=16),
        "weight_1": rng.normal(size=(size, 16)),
        "bias_1": rng.normal(size=size),
    }
    path = tmp_path / "videos.h5"
    with new_hdf5(path) as store:
        store["clip_id"] = ["a"]
    assert test_set.project_classes(path, vectors) is vectors
    with new_hdf5(path) as store:
        for name, value in layers.items():
            store[f"class_encoder/{name}"] = value
    projected = test_set.project_classes(path, vectors)
    for vector, found in zip(vectors, projected, strict=True):
        hidden = [
            max(0.0, float(row @ vector + bias))
            for row, bias in zip(layers["weight_0"], layers["bias_0"], strict=True)
        ]
        expected = layers["weight_1"] @ np.array(hidden) + layers["bias_1"]
        assert np.allclose(found, expected / np.sqrt((expected**2).sum()))
