"""Embedding videos: the numbers that scoring reads are the network's."""

import h5py
import numpy as np
import pytest
import torch
from small_run import CAT, DESCRIBED, TINY, write_small_run

from unseen.base.errors import UserError
from unseen.base.machine import processor_name
from unseen.network.inference import embed_videos
from unseen.network.initial_weights import start_network
from unseen.network.model_file import load_model, write_model
from unseen.videos.clip_store import ClipStore
from unseen.videos.loading import read_batch, to_network_input
from unseen.videos.sampling import test_indices


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(model, shards) of an untrained network and eight videos."""
    folder = tmp_path_factory.mktemp("run")
    torch.set_num_threads(1)
    sources = write_small_run(folder, clips_per_class=1)
    network, _ = start_network(TINY.network_settings, embedding_dim=6, weights=None, seed=0)
    write_model(folder / "model.safetensors", network, CAT, DESCRIBED)
    return folder / "model.safetensors", sources.shards


def embed(run, output, **settings):
    model, shards = run
    defaults = {"snippets": 3, "scheme": "linear", "batch_size": 4, "workers": 0}
    defaults["dtype"] = "float32"
    embed_videos(model, shards, {"colours": output}, device="cpu", **defaults | settings)
    with h5py.File(output) as file:
        return {name: file[name][:] for name in file if name != "class_encoder"}


@pytest.mark.parametrize(
    ("snippets", "scheme"), [(3, "linear"), (4, "linear"), (1, "linear"), (3, "legacy")]
)
def test_features_and_embeddings_are_the_networks(run, tmp_path, snippets, scheme):
    model, shards = run
    found = embed(run, tmp_path / "out.h5", snippets=snippets, scheme=scheme)
    network, content = load_model(model)
    store = ClipStore(shards["colours"])
    assert [name.decode() for name in found["clip_id"]] == store.clip_ids

    def snippet_features(clip: int, count: int) -> torch.Tensor:
        indices = test_indices(int(store.n_frames[clip]), 4, count, scheme)
        batch = read_batch(store, [clip], [indices])
        settings = {key: content["input"][key] for key in ("crop", "mean", "std")}
        with torch.no_grad():
            return network.visual_encoder(to_network_input(batch, training=False, **settings))

    for clip in range(len(store)):
        wanted = snippet_features(clip, snippets)
        np.testing.assert_allclose(found["features"][clip], wanted, rtol=1e-3, atol=1e-4)
        with torch.no_grad():
            mean = network.semantic_encoder(wanted.mean(0, keepdim=True))[0]
            single = network.semantic_encoder(snippet_features(clip, 1))[0]
        np.testing.assert_allclose(found["embedding"][clip], mean, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(found["embedding_1"][clip], single, rtol=1e-3, atol=1e-4)


def test_the_same_call_gives_the_same_bytes(run, tmp_path):
    for name in ("a.h5", "b.h5"):
        embed(run, tmp_path / name)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert (tmp_path / "a.h5.sha256").read_text() == (tmp_path / "b.h5.sha256").read_text()


def test_what_was_computed_with_what_stands_beside(run, tmp_path):
    """Where the model does not say what it was trained with, that is said."""
    here = processor_name()
    embed(run, tmp_path / "out.h5")
    wanted = f"trained in arithmetic that is not known, embedded in float32 on cpu ({here})\n"
    assert (tmp_path / "out.txt").read_text() == wanted
    computed = {"device": "cuda", "name": "H100", "dtype": "bfloat16"}
    described = DESCRIBED | {"arithmetic": computed | {"dtype": "float32"}, "features": computed}
    network, _ = start_network(TINY.network_settings, embedding_dim=6, weights=None, seed=0)
    write_model(tmp_path / "model.safetensors", network, CAT, described)
    embed((tmp_path / "model.safetensors", run[1]), tmp_path / "out.h5", dtype="bfloat16")
    assert (tmp_path / "out.txt").read_text() == (
        "trained in float32 on cuda (H100), on features in bfloat16 on cuda (H100), "
        f"embedded in bfloat16 on cpu ({here})\n"
    )


def test_a_projection_of_the_classes_comes_along(run, tmp_path):
    """Scoring can compare videos with any class, without the network."""
    settings = TINY.network_settings | {"projection": 16}
    network, _ = start_network(settings, embedding_dim=6, weights=None, seed=0)
    write_model(tmp_path / "model.safetensors", network, CAT, DESCRIBED)
    embed((tmp_path / "model.safetensors", run[1]), tmp_path / "out.h5")
    classes = torch.randn(5, 6)
    with h5py.File(tmp_path / "out.h5") as file:
        layers = {name: torch.from_numpy(value[:]) for name, value in file["class_encoder"].items()}
    hidden = (classes @ layers["weight_0"].T + layers["bias_0"]).relu()
    found = torch.nn.functional.normalize(hidden @ layers["weight_1"].T + layers["bias_1"])
    torch.testing.assert_close(found, network.class_encoder(classes).detach())


def test_a_plain_classifier_has_nothing_to_score(run, tmp_path):
    network, _ = start_network(TINY.network_settings, embedding_dim=None, weights=None, seed=0)
    write_model(tmp_path / "model.safetensors", network, CAT, DESCRIBED)
    with pytest.raises(UserError, match="plain classifier"):
        embed((tmp_path / "model.safetensors", run[1]), tmp_path / "out.h5")
