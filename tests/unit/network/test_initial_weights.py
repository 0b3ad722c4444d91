"""Weights from elsewhere: every layout fits, what does not fit is named, nothing is executed."""

import os
import pickle

import pytest
import torch
import torchvision
from released import authors_checkpoint
from small_run import CAT, DESCRIBED

from unseen.base.errors import UserError
from unseen.network.initial_weights import load_weights, read_weights, start_network
from unseen.network.model_file import load_model, write_model
from unseen.network.zero_shot_network import build_network

SETTINGS = {"frames": 4, "crop": 32, "width": 16}


def network(name: str = "r2plus1d_10", embedding_dim: int | None = 300, seed: int = 0):
    torch.manual_seed(seed)
    size = SETTINGS | ({"frames": 16} if name == "c3d" else {})
    return build_network(name, embedding_dim=embedding_dim, **size)


def assert_same_states(one, other):
    for (name, a), (_, b) in zip(one.state_dict().items(), other.state_dict().items(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("zip_format", [True, False])
def test_the_authors_checkpoint_loads(tmp_path, zip_format):
    source, target = network(seed=1), network(seed=2)
    path = tmp_path / "checkpoint.pth.tar"
    torch.save(authors_checkpoint(source), path, _use_new_zipfile_serialization=zip_format)
    load_weights(target, read_weights(str(path), "r2plus1d_10"))
    assert_same_states(source, target)


def test_numpy_numbers_load_under_the_old_module_name(tmp_path):
    path = tmp_path / "old.pth.tar"
    torch.save(authors_checkpoint(network()), path, _use_new_zipfile_serialization=False)
    new, old = b"numpy._core.multiarray", b"numpy.core.multiarray"
    content = path.read_bytes()
    assert new in content
    path.write_bytes(content.replace(new, old))
    load_weights(network(seed=2), read_weights(str(path), "r2plus1d_10"))


def test_sports1m_weights_load(tmp_path):
    source, target = network("c3d", None, seed=1), network("c3d", seed=2)
    state = {k.removeprefix("visual_encoder."): v for k, v in source.state_dict().items()}
    state |= {"fc7.weight": torch.zeros(4, 4), "fc8.weight": torch.zeros(487, 4)}
    torch.save(state, tmp_path / "c3d.pickle")
    load_weights(target, read_weights(str(tmp_path / "c3d.pickle"), "c3d"))
    assert_same_states(source.visual_encoder, target.visual_encoder)


def test_torchvisions_weights_load_without_their_classifier(tmp_path):
    torch.manual_seed(3)
    reference = torchvision.models.video.r2plus1d_18()
    torch.save(reference.state_dict(), tmp_path / "r2plus1d_18.pth")
    target = build_network("r2plus1d_18", embedding_dim=5)
    weights = read_weights(str(tmp_path / "r2plus1d_18.pth"), "r2plus1d_18")
    load_weights(target, weights)
    assert torch.equal(
        target.visual_encoder.layer4[1].conv2[0][0].weight,
        reference.layer4[1].conv2[0][0].weight,
    )
    assert not any("fc" in name for name in weights.state)


def test_a_model_loads_with_its_lineage(tmp_path):
    source = network(seed=1)
    first = {"weights": "KINETICS400_V1", "classes": ["abseiling"]}
    write_model(tmp_path / "model.safetensors", source, CAT, DESCRIBED | {"lineage": [first]})
    target, lineage = start_network(
        {"name": "r2plus1d_10", **SETTINGS},
        embedding_dim=300,
        weights=str(tmp_path / "model.safetensors"),
        seed=2,
    )
    assert_same_states(source, target)
    assert lineage == [{"weights": str(tmp_path / "model.safetensors"), "classes": ["cat"]}, first]


def test_a_model_is_the_same_bytes_wherever_it_is_written(tmp_path):
    for name in ("a.pt", "another_name.pt"):
        write_model(tmp_path / name, network(), CAT, DESCRIBED)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "another_name.pt").read_bytes()


def test_a_models_description_comes_back_as_written(tmp_path):
    described = DESCRIBED | {"input": DESCRIBED["input"] | {"frame_rate": 12.5}, "seed": 3}
    write_model(tmp_path / "model.safetensors", network(), CAT, described)
    _, found = load_model(tmp_path / "model.safetensors")
    assert {key: found[key] for key in described} == described


def test_a_model_of_the_first_version_is_read(tmp_path):
    """`model.pt`, a PyTorch file with everything in one dictionary."""
    source = network(seed=1)
    content = {"state_dict": source.state_dict(), "network": source.settings, "seed": 3}
    content |= {**DESCRIBED, "class_embeddings": CAT, "versions": {"torch": "2.6"}}
    torch.save(content, tmp_path / "model.pt")
    target, found = load_model(tmp_path / "model.pt")
    assert_same_states(source, target)
    assert torch.equal(found["class_embeddings"], CAT)
    assert {key: found[key] for key in DESCRIBED} == DESCRIBED and found["seed"] == 3
    assert read_weights(str(tmp_path / "model.pt"), "r2plus1d_10").lineage[0]["classes"] == ["cat"]


def test_a_classifiers_features_start_another_run(tmp_path):
    source, target = network(embedding_dim=None, seed=1), network(seed=2)
    before = target.semantic_encoder.projection.weight.clone()
    write_model(tmp_path / "model.safetensors", source, CAT, DESCRIBED)
    load_weights(target, read_weights(str(tmp_path / "model.safetensors"), "r2plus1d_10"))
    assert_same_states(source.visual_encoder, target.visual_encoder)
    assert torch.equal(target.semantic_encoder.projection.weight, before)


class Malicious:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("zip_format", [True, False])
def test_a_malicious_file_is_refused_and_runs_nothing(tmp_path, zip_format):
    path, trace = tmp_path / "bad.pt", tmp_path / "executed"
    torch.save({"state_dict": Malicious(trace)}, path, _use_new_zipfile_serialization=zip_format)
    with pytest.raises(UserError, match="nothing in it was run") as caught:
        read_weights(str(path), "r2plus1d_10")
    assert "mkdir" in str(caught.value)
    with pytest.raises(UserError, match="nothing in it was run"):
        load_model(path)
    assert not trace.exists()


def test_a_plain_pickle_is_refused(tmp_path):
    path, trace = tmp_path / "bad.pkl", tmp_path / "executed"
    path.write_bytes(pickle.dumps({"state_dict": Malicious(trace)}))
    with pytest.raises(UserError):
        read_weights(str(path), "r2plus1d_10")
    assert not trace.exists()


def test_what_does_not_fit_is_listed(tmp_path):
    write_model(tmp_path / "model.safetensors", network("r3d_18"), CAT, DESCRIBED)
    with pytest.raises(UserError, match=r"visual_encoder.*is missing.*and \d+ more"):
        load_weights(network(), read_weights(str(tmp_path / "model.safetensors"), "r2plus1d_10"))


def test_another_head_needs_permission(tmp_path):
    write_model(tmp_path / "model.safetensors", network(embedding_dim=7), CAT, DESCRIBED)
    weights = read_weights(str(tmp_path / "model.safetensors"), "r2plus1d_10")
    with pytest.raises(UserError, match="replace_head"):
        load_weights(network(), weights)
    target = network(seed=2)
    load_weights(target, weights, replace_head=True)
    assert target.semantic_encoder.projection.weight.shape == (300, 128)


def test_absent_weights_are_named():
    with pytest.raises(UserError, match="KINETICS400_V1"):
        read_weights("no_such_file.pt", "r2plus1d_18")
    with pytest.raises(UserError, match="neither a file nor"):
        read_weights("KINETICS400_V1", "c3d")
