"""The demo's world: deterministic, in the published layouts, its test classes never trained on."""

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from repository import REPOSITORY

from unseen.base.errors import UserError
from unseen.classes.overlap import distances
from unseen.datasets import LayoutOptions, Listing, read_listing
from unseen.demo import render_demo, write_class_lists
from unseen.demo.drawing import BODY, MOTIONS, SCENES, TEXTURES, THINGS
from unseen.demo.layouts import plan
from unseen.demo.render import draw_footage, draw_photograph
from unseen.demo.world import (
    CLASSES,
    DOMAINS,
    HMDB,
    NEW_WORDS,
    OTHER_WORDS,
    PHOTOGRAPHS,
    PLANTED_BY_EXACT_WORDS,
    PLANTED_BY_NEAR_WORDS,
    PRETRAINING,
    SIZES,
    TRAINING,
    UCF,
    class_name,
    classes_of,
)

TESTS = (UCF, HMDB, NEW_WORDS)
PLANTED = {*PLANTED_BY_EXACT_WORDS, *PLANTED_BY_NEAR_WORDS}
LAYOUTS = {
    TRAINING: ("kinetics", "train.csv"),
    UCF: ("ucf101", None),
    HMDB: ("hmdb51", None),
    NEW_WORDS: ("activitynet", "activity_net.demo.json"),
    PHOTOGRAPHS: ("sun397", None),
    PRETRAINING: ("kinetics", "train.csv"),
}
ROOT = REPOSITORY
VECTORS = ROOT / "resources" / "word_vectors" / "googlenews.bin"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    render_demo(folder, seed=0, size="tiny", datasets=CLASSES)
    return folder


def listing(folder: Path, dataset: str) -> Listing:
    layout, annotations = LAYOUTS[dataset]
    root = folder / dataset
    options = LayoutOptions(annotations=root / annotations if annotations else None)
    return read_listing(dataset, layout, root, options)


def shown(dataset: str) -> set[tuple]:
    return {(each.thing, each.motion, each.count) for each in CLASSES[dataset]}


def words(dataset: str) -> set[str]:
    return {word for each in CLASSES[dataset] for word in each.words}


# ---------------------------------------------------------------- the classes


def test_every_test_set_has_enough_classes_under_different_names():
    for dataset in TESTS:
        names = [class_name(dataset, each) for each in CLASSES[dataset]]
        assert len(names) >= 16
        assert len(set(names)) == len(names)


def test_names_are_spelt_as_the_published_sets_do():
    assert "bouncing ball" in {class_name(TRAINING, each) for each in CLASSES[TRAINING]}
    assert "SpinningStar" in {class_name(UCF, each) for each in CLASSES[UCF]}
    assert "falling_leaf" in {class_name(HMDB, each) for each in CLASSES[HMDB]}
    assert "Rising cube" not in {class_name(NEW_WORDS, each) for each in CLASSES[NEW_WORDS]}
    assert "Soaring cube" in {class_name(NEW_WORDS, each) for each in CLASSES[NEW_WORDS]}
    assert "ball/sky" in {class_name(PHOTOGRAPHS, each) for each in CLASSES[PHOTOGRAPHS]}


def test_only_planted_classes_are_both_trained_on_and_tested():
    planted = {(each.thing, each.motion, each.count) for each in PLANTED}
    for dataset in TESTS:
        assert shown(dataset) & shown(TRAINING) <= planted
    assert not shown(PRETRAINING) & (shown(UCF) | shown(HMDB) | shown(NEW_WORDS))
    exact = {(each.thing, each.motion, each.count) for each in PLANTED_BY_EXACT_WORDS}
    assert exact <= shown(UCF) | shown(HMDB)


def test_every_thing_and_motion_of_a_test_set_is_trained_on_apart():
    kept = [each for each in CLASSES[TRAINING] if each not in PLANTED]
    for dataset in TESTS:
        for each in CLASSES[dataset]:
            assert sum(other.thing == each.thing for other in kept) >= 5
            assert sum(other.motion == each.motion for other in kept) >= 5


def test_no_training_class_contains_a_new_word():
    assert not words(NEW_WORDS) & (words(TRAINING) | words(PRETRAINING) | words(PHOTOGRAPHS))
    assert words(NEW_WORDS) <= set(OTHER_WORDS.values())


def test_the_class_lists_are_those_of_the_repository(tmp_path):
    write_class_lists(tmp_path)
    for dataset in CLASSES:
        committed = ROOT / "config" / "classes" / f"{dataset}.tsv"
        assert (tmp_path / f"{dataset}.tsv").read_text() == committed.read_text()


@pytest.mark.skipif(not VECTORS.exists(), reason="needs the fetched word vectors")
def test_pruning_at_the_paper_s_threshold_removes_the_planted_classes_alone():
    from gensim.models import KeyedVectors

    vectors = KeyedVectors.load_word2vec_format(VECTORS, binary=True)

    def embed(dataset):
        sums = [sum(vectors[word] for word in each.words) for each in CLASSES[dataset]]
        return np.stack([each / np.linalg.norm(each) for each in sums])

    training = embed(TRAINING)
    nearest = np.min([distances(training, embed(test)).min(axis=1) for test in TESTS], axis=0)
    near = {
        each for each, distance in zip(CLASSES[TRAINING], nearest, strict=True) if distance <= 0.05
    }
    assert near == PLANTED


# ---------------------------------------------------------------- the pictures


def test_things_look_different_from_each_other():
    v, u = np.mgrid[-1:1:48j, -1:1:48j]
    masks = [
        np.any([distance < 0 for distance, _ in draw(u, v)], axis=0) for draw in THINGS.values()
    ]
    for place, mask in enumerate(masks):
        assert 0.1 < mask.mean() < 0.8
        for other in masks[:place]:
            assert np.mean(mask ^ other) > 0.05


def test_things_fill_the_unit_circle_and_no_more():
    v, u = np.mgrid[-2:2:128j, -2:2:128j]
    for draw in THINGS.values():
        for distance, tone in draw(u, v):
            assert tone >= BODY
            assert np.all(distance[np.hypot(u, v) > 1.35] > 0)


@pytest.mark.parametrize("motion", MOTIONS)
def test_a_motion_shows_within_any_eight_frames(motion):
    time = np.arange(32)
    for seed in range(20):
        pose = MOTIONS[motion](time, np.random.default_rng(seed))
        for start in range(0, 25, 4):
            moved = [
                np.ptp(np.broadcast_to(entry, time.shape)[start : start + 8])
                for entry in vars(pose).values()
            ]
            assert max(moved) > 0.15


@pytest.mark.parametrize("texture", TEXTURES)
def test_textures_are_patterns_of_moderate_contrast(texture):
    pattern = TEXTURES[texture](76, 98, np.random.default_rng(0))
    assert pattern.shape == (76, 98)
    assert np.abs(pattern).max() < 2
    assert pattern.std() > 0.1


@pytest.mark.parametrize("scene", SCENES)
def test_scenes_are_pictures(scene):
    picture, brightness = SCENES[scene](64, 80, np.random.default_rng(0))
    assert picture.shape == (64, 80, 3)
    assert 0 < brightness < 1


def test_frames_differ_where_something_moves():
    size, domain = SIZES["tiny"], DOMAINS[UCF]
    footage = plan(UCF, size, 0).pictures[0]
    frames = draw_footage(footage, domain)
    assert frames.shape == (footage.parts[0][1], domain.height, domain.width, 3)
    assert frames.dtype == np.uint8
    assert np.abs(frames[1:].astype(int) - frames[:-1]).max() > 60


def test_photographs_differ_by_seed():
    first, second = plan(PHOTOGRAPHS, SIZES["tiny"], 0).pictures[:2]
    assert not np.array_equal(draw_photograph(first).ravel(), draw_photograph(second).ravel())


# ---------------------------------------------------------------- the files


def test_the_readers_read_every_set(tiny):
    for dataset, size in SIZES["tiny"].classes.items():
        found = listing(tiny, dataset)
        names = {class_name(dataset, each) for each in classes_of(dataset, SIZES["tiny"])}
        assert len(names) == size
        assert {clip.class_name for clip in found.clips} == names
        clips = SIZES["tiny"].clips[dataset] * size
        assert len(found.clips) + len(found.missing) == clips


def test_some_videos_of_the_training_set_are_missing():
    everything = plan(TRAINING, SIZES["demo"], 0)
    rows = everything.texts["train.csv"].count("\n") - 1
    assert 0.005 < 1 - len(everything.pictures) / rows < 0.06


def test_the_domains_differ_as_real_ones_do(tiny):
    seen = set()
    for dataset in (TRAINING, UCF, HMDB, NEW_WORDS):
        clip = listing(tiny, dataset).clips[0]
        domain = DOMAINS[dataset]
        with av.open(str(tiny / dataset / clip.path)) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == (domain.width, domain.height)
            assert stream.average_rate == domain.rate
            seen.add((stream.codec.name, stream.width, stream.height))
    assert len(seen) == 4
    assert {codec for codec, _, _ in seen} == {"h264", "mpeg4"}


def test_segments_lie_inside_their_videos(tiny):
    for clip in listing(tiny, NEW_WORDS).clips:
        with av.open(str(tiny / NEW_WORDS / clip.path)) as container:
            frames = sum(1 for _ in container.decode(video=0))
        rate = DOMAINS[NEW_WORDS].rate
        low, high = DOMAINS[NEW_WORDS].frames
        assert 0 < clip.start_s < clip.end_s < frames / rate
        assert low <= round((clip.end_s - clip.start_s) * rate) <= high


def test_photographs_are_jpegs_of_two_shapes(tiny):
    sizes = set()
    for clip in listing(tiny, PHOTOGRAPHS).clips:
        with Image.open(tiny / PHOTOGRAPHS / clip.path) as photograph:
            assert photograph.format == "JPEG"
            sizes.add(photograph.size)
    assert sizes == {(256, 192), (192, 256)}


def test_one_seed_gives_one_world(tiny, tmp_path):
    render_demo(tmp_path / "same", seed=0, size="tiny", datasets=[UCF, NEW_WORDS], workers=2)
    render_demo(tmp_path / "other", seed=1, size="tiny", datasets=[UCF])
    for dataset in (UCF, NEW_WORDS):
        digests = (tiny / f"{dataset}.sha256").read_text()
        assert (tmp_path / "same" / f"{dataset}.sha256").read_text() == digests
    assert (tmp_path / "other" / f"{UCF}.sha256").read_text() != (
        tiny / f"{UCF}.sha256"
    ).read_text()


def test_the_digests_are_those_of_the_files(tiny):
    for dataset in CLASSES:
        for line in (tiny / f"{dataset}.sha256").read_text().splitlines():
            digest, path = line.split("  ", 1)
            assert hashlib.sha256((tiny / path).read_bytes()).hexdigest() == digest


def test_mistakes_are_named(tmp_path):
    with pytest.raises(UserError, match="no demo size 'huge': choose one of demo, tiny"):
        render_demo(tmp_path, seed=0, size="huge", datasets=[UCF])
    with pytest.raises(UserError, match="no demo data set 'ucf': choose from demo-kinetics"):
        render_demo(tmp_path, seed=0, size="tiny", datasets=["ucf"])
