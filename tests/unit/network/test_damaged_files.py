"""One changed bit in files that carry a digest, any damage to files of weights, crafted files."""

import io
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import torch
from fuzzing import TRIES, assert_survives
from released import authors_checkpoint
from small_run import CAT, DESCRIBED, TINY, write_small_run

from unseen.base.errors import UserError
from unseen.base.files import write_digest
from unseen.classes.class_embedding_file import read_class_embeddings, write_class_embeddings
from unseen.classes.embed_classes import _read_selection, _write_selection
from unseen.classes.word_vectors import Selection
from unseen.network.checkpoints import Checkpoint, Progress
from unseen.network.extract_features import extract_features
from unseen.network.feature_file import FeatureLoader
from unseen.network.inference import embed_videos
from unseen.network.initial_weights import read_weights, start_network
from unseen.network.model_file import load_model, read_model, write_model
from unseen.network.objective import Objective
from unseen.network.training import make_optimiser
from unseen.network.weight_files import WeightFile, read_weight_file
from unseen.results.test_set import read_videos

FLIPS = [
    pytest.param(40, id="quick"),
    pytest.param(2000, marks=pytest.mark.long, id="long"),
]
SMALL = {"name": "r2plus1d_10", "frames": 4, "crop": 32, "width": 4}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> SimpleNamespace:
    """One file of each kind, and the network of the model."""
    folder = tmp_path_factory.mktemp("files")
    torch.set_num_threads(1)
    network, _ = start_network(SMALL, embedding_dim=6, weights=None, seed=1)
    write_model(folder / "model.safetensors", network, CAT, DESCRIBED)
    old = {"state_dict": network.state_dict(), "network": network.settings, **DESCRIBED}
    torch.save(old | {"class_embeddings": CAT}, folder / "model.pt")
    sources = write_small_run(folder / "data", classes=2, clips_per_class=1)
    model, settings = folder / "model.safetensors", replace(TINY, width=4, epochs=1, freeze=True)
    extract_features(sources, settings, str(model), folder / "features.h5")
    embed_videos(
        model,
        sources.shards,
        {"colours": folder / "videos.h5"},
        snippets=1,
        scheme="linear",
        batch_size=2,
        workers=0,
        device="cpu",
        dtype="float32",
    )
    write_class_embeddings(folder / "classes.h5", ["a", "ü"], np.eye(2, 6))
    chosen = Selection(["cat", "dog"], np.eye(2, 6, dtype=np.float32), {"elk": ["moose"]})
    _write_selection(folder / "vectors.h5", chosen)
    return SimpleNamespace(folder=folder, network=network)


def checkpoint_of(path: Path) -> tuple[Checkpoint, Objective, torch.optim.Optimizer]:
    network, _ = start_network(SMALL, embedding_dim=6, weights=None, seed=1)
    objective = Objective(network, CAT)
    optimiser = make_optimiser(list(objective.parameters()), "adam", 0.0)
    return Checkpoint(path.parent, path.stem.removeprefix("checkpoint-")), objective, optimiser


def read_checkpoint(path: Path) -> Progress:
    checkpoint, objective, optimiser = checkpoint_of(path)
    return checkpoint.load(objective, optimiser)


def flipped(content: bytes, count: int) -> list[tuple[int, bytes]]:
    """Copies with one bit changed, in the first 2,000 bytes as often as anywhere."""
    generator = random.Random(len(content) * count)
    ends = [min(2000, len(content)), len(content)]
    places = [generator.randrange(8 * ends[number % 2]) for number in range(count)]
    copies = []
    for place in places:
        copy = bytearray(content)
        copy[place // 8] ^= 1 << place % 8
        copies.append((place, bytes(copy)))
    return copies


@pytest.mark.parametrize("flips", FLIPS)
@pytest.mark.parametrize("with_digest", [True, False])
def test_a_changed_bit_of_a_model_is_noticed(files, tmp_path, with_digest, flips):
    """With the digest beside it and, as of a model that somebody was sent, without."""
    assert_noticed(read_model, files.folder / "model.safetensors", tmp_path, with_digest, flips)


@pytest.mark.parametrize("flips", FLIPS)
def test_a_changed_bit_of_a_checkpoint_is_noticed(tmp_path, flips):
    path = tmp_path / "from" / "checkpoint-0123456789abcdef.safetensors"
    checkpoint, objective, optimiser = checkpoint_of(path)
    checkpoint.save(Progress(epoch=1, loss=0.1), objective, optimiser)
    assert read_checkpoint(path) == Progress(epoch=1, loss=0.1)
    (tmp_path / "to").mkdir()
    assert_noticed(read_checkpoint, path, tmp_path / "to", False, flips)


@pytest.mark.parametrize("flips", FLIPS)
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("classes.h5", read_class_embeddings),
        ("videos.h5", read_videos),
        ("features.h5", lambda path: FeatureLoader(path, 2)),
        ("vectors.h5", _read_selection),
    ],
)
def test_a_changed_bit_beside_a_digest_is_noticed(files, tmp_path, name, read, flips):
    assert_noticed(read, files.folder / name, tmp_path, True, flips)


def assert_noticed(
    read: Callable[[Path], object], valid: Path, folder: Path, with_digest: bool, flips: int
) -> None:
    path = folder / valid.name
    if with_digest:
        digest = Path(f"{valid}.sha256").read_bytes()
        (folder / f"{valid.name}.sha256").write_bytes(digest)
    for place, copy in flipped(valid.read_bytes(), flips):
        path.write_bytes(copy)
        with pytest.raises(UserError) as caught:
            read(path)
        assert path.name in str(caught.value), f"bit {place}"
    path.write_bytes(valid.read_bytes())
    read(path)


@pytest.mark.parametrize("flips", FLIPS)
def test_a_changed_bit_of_an_old_model_is_noticed_or_changes_nothing(files, tmp_path, flips):
    """Its archive has checksums of the content, none of the places between."""
    valid, path = files.folder / "model.pt", tmp_path / "model.pt"
    state, content = read_model(valid)
    noticed = 0
    for place, copy in flipped(valid.read_bytes(), flips):
        path.write_bytes(copy)
        try:
            found_state, found = read_model(path)
        except UserError:
            noticed += 1
            continue
        assert found_state.keys() == state.keys(), f"bit {place}"
        assert all(torch.equal(found_state[name], state[name]) for name in state), f"bit {place}"
        assert str(found) == str(content), f"bit {place}"
    assert noticed > flips / 2


# Any damage


def is_sound(file: WeightFile) -> None:
    assert all(
        torch.is_tensor(value) and isinstance(name, str) for name, value in file.state.items()
    )


@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize("kind", ["model", "old model", "foreign", "zip", "legacy", "authors"])
def test_damaged_weights_are_refused(files, tmp_path, kind, tries):
    torch.manual_seed(0)
    small = {"visual_encoder.stem.0.weight": torch.randn(3, 4), "n": torch.tensor(3)}
    named = authors_checkpoint(files.network) | {"state_dict": {"module.model.0.0.weight": CAT}}

    def saved(content: object, zipped: bool) -> bytes:
        stream = io.BytesIO()
        torch.save(content, stream, _use_new_zipfile_serialization=zipped)
        return stream.getvalue()

    valid = {
        "model": lambda: (files.folder / "model.safetensors").read_bytes(),
        "old model": lambda: (files.folder / "model.pt").read_bytes(),
        "foreign": lambda: safetensors.torch.save({"a": torch.randn(3, 4)}, {"format": "pt"}),
        "zip": lambda: saved(small, True),
        "legacy": lambda: saved(small, False),
        "authors": lambda: saved(named, False),
    }
    path = tmp_path / "weights.file"
    assert_survives(read_weight_file, valid[kind](), path, tries=tries, check=is_sound)


@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize("name", ["model.safetensors", "model.pt"])
def test_a_damaged_model_is_refused(files, tmp_path, name, tries):
    valid = (files.folder / name).read_bytes()
    assert_survives(load_model, valid, tmp_path / name, tries=min(tries, 300))


@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("classes.h5", read_class_embeddings),
        ("videos.h5", read_videos),
        ("features.h5", lambda path: FeatureLoader(path, 2)),
        ("vectors.h5", _read_selection),
    ],
)
def test_damaged_embeddings_are_refused(files, tmp_path, name, read, tries):
    """Without the digest beside them they are not opened: libhdf5 may run for ever."""
    companion, valid = f"{name}.sha256", files.folder / name
    (tmp_path / name).write_bytes(valid.read_bytes())
    with pytest.raises(UserError, match=f"lacks the digest beside it: copy {companion} too"):
        read(tmp_path / name)
    (tmp_path / companion).write_bytes((files.folder / companion).read_bytes())
    found = assert_survives(
        read, valid.read_bytes(), tmp_path / name, tries=tries, beside=[companion]
    )
    assert found["refused"] > tries / 2  # a damage can leave the file as it was


# Crafted and foreign files


class Runs:
    """What leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def crafted(kind: str, mark: Path) -> bytes:
    stream = io.BytesIO()
    match kind:
        case "pickle":
            return pickle.dumps({"state_dict": Runs(mark)})
        case "oldest pickle":
            return pickle.dumps({"state_dict": Runs(mark)}, protocol=0)
        case "zip" | "legacy":
            content = {"state_dict": Runs(mark)}
            torch.save(content, stream, _use_new_zipfile_serialization=kind == "zip")
        case "numpy":
            np.save(stream, np.array([Runs(mark)], dtype=object), allow_pickle=True)
        case "compressed zip":
            torch.save({"a": torch.zeros(2)}, stream)
            packed = io.BytesIO()
            with zipfile.ZipFile(stream) as one, zipfile.ZipFile(packed, "w", 8) as other:
                for name in one.namelist():
                    other.writestr(name, one.read(name))
            return packed.getvalue()
    return stream.getvalue()


@pytest.mark.parametrize(
    "kind", ["pickle", "oldest pickle", "zip", "legacy", "numpy", "compressed zip"]
)
@pytest.mark.parametrize("name", ["model.safetensors", "model.pt", "weights.pth.tar"])
def test_a_crafted_file_does_nothing(tmp_path, kind, name):
    (tmp_path / name).write_bytes(crafted(kind, tmp_path / "mark"))
    for read in (load_model, lambda path: read_weights(str(path), "r2plus1d_10")):
        with pytest.raises(UserError, match=name):
            read(tmp_path / name)
    assert not (tmp_path / "mark").exists()


def test_a_crafted_file_in_torchvisions_cache_does_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub/checkpoints/r2plus1d_18-91a641e6.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(crafted("zip", tmp_path / "mark"))
    with pytest.raises(UserError, match="not the file of https"):
        read_weights("KINETICS400_V1", "r2plus1d_18")
    monkeypatch.setattr("unseen.network.weight_files.file_digest", lambda path: "91a641e6")
    with pytest.raises(UserError, match="nothing in it was run"):
        read_weights("KINETICS400_V1", "r2plus1d_18")
    assert not (tmp_path / "mark").exists()


def test_weights_in_torchvisions_cache_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub/checkpoints/r2plus1d_18-91a641e6.pth"
    cached.parent.mkdir(parents=True)
    torch.save({"stem.0.weight": CAT, "fc.weight": CAT}, cached)
    monkeypatch.setattr("unseen.network.weight_files.file_digest", lambda path: "91a641e6")
    weights = read_weights("KINETICS400_V1", "r2plus1d_18")
    assert list(weights.state) == ["visual_encoder.stem.0.weight"]
    assert len(weights.lineage[0]["classes"]) == 400


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\0\x20ftypisom" + bytes(256), "neither a safetensors file nor one of PyTorch"),
        (b"\xff\xd8\xff\xe0" + bytes(300), "neither a safetensors file nor one of PyTorch"),
        (b"", "neither a safetensors file nor one of PyTorch"),
        (b"PK\x03\x04 and no archive", "is damaged, or no file of weights of PyTorch"),
        (safetensors.torch.save({"a": torch.zeros(2)}), "it holds weights and says nothing of"),
    ],
)
def test_a_foreign_file_is_named_in_one_line(tmp_path, content, message):
    (tmp_path / "film.mp4").write_bytes(content)
    with pytest.raises(UserError, match=rf"^\S+film\.mp4 .*{message}") as caught:
        load_model(tmp_path / "film.mp4")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_folder_is_no_model(tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": {"name": "resnet", "embedding_dim": 6}}, "network 'resnet' is not known"),
        ({"network": {"name": "c3d", "embedding_dim": 6, "crop": 10**6}}, "weights are not those"),
        ({"network": {"nome": "c3d"}}, "unexpected keyword argument 'nome'"),
        ({"classes": ["a", "b"]}, "classes and their embeddings differ in number"),
        ({"classes": [7]}, "see classes.0"),
        ({"lineage": [{"weights": "x"}]}, "see lineage.0.classes"),
    ],
)
def test_what_a_model_says_of_itself_is_checked(files, tmp_path, change, message):
    """A file can be whole and wrong. Sizes that its weights deny take no memory."""
    path = tmp_path / "model.safetensors"
    network, _ = start_network(SMALL, embedding_dim=6, weights=None, seed=1)
    write_model(path, network, CAT, DESCRIBED | change)
    with pytest.raises(UserError, match=rf"model\.safetensors is no model .*{message}"):
        load_model(path)


def test_a_replaced_file_is_named_with_the_way_out(tmp_path):
    (tmp_path / "a.h5").write_text("one")
    write_digest(tmp_path / "a.h5")
    (tmp_path / "a.h5").write_text("two")
    with pytest.raises(UserError, match=r"a\.h5 is damaged: .* a\.h5\.sha256 names. Remove both"):
        read_class_embeddings(tmp_path / "a.h5")
