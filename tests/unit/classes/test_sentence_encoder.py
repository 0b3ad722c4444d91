"""Sentence encoders: a real one, tiny and drawn at random, and folders that must not be loaded."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzzing import TRIES, assert_survives

from unseen.base.errors import UserError
from unseen.classes.class_embedding_file import read_class_embeddings
from unseen.classes.embed_classes import encode_classes
from unseen.classes.sentence_encoder import encode_phrases

pytest.importorskip("sentence_transformers")

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] riding a bike horse walk run ##ning".split()  # noqa: SIM905


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of one layer, in the sentence-transformers format."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("encoder")
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS))
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 32, "max_position_embeddings": 32, "vocab_size": len(WORDS)}
    torch.manual_seed(0)
    BertModel(BertConfig(**sizes)).save_pretrained(folder / "bert")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder / "bert")
    parts = [Transformer(str(folder / "bert")), Pooling(16)]
    SentenceTransformer(modules=parts, device="cpu").save(str(folder / "saved"))
    return folder / "saved"


@pytest.fixture
def encoder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "encoder"))


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_phrases_become_unit_vectors(encoder, tmp_path):
    vectors = encode_phrases(["riding a bike", "riding a horse", "riding a bike"], encoder)
    assert vectors.shape == (3, 16) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(vectors[0], vectors[2])
    assert np.abs(vectors[0] - vectors[1]).max() > 0.01
    (tmp_path / "list.tsv").write_text("class\twords\nRidingBike\tx\nHorse (not a walk)\tx\n")
    encode_classes(tmp_path / "list.tsv", encoder, tmp_path / "out.h5")
    classes, embeddings = read_class_embeddings(tmp_path / "out.h5")
    assert classes == ["RidingBike", "Horse (not a walk)"]
    np.testing.assert_array_equal(embeddings, encode_phrases(["riding bike", "horse"], encoder))


class Crafted:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_a_pickle_in_the_folder_is_not_loaded(encoder, tmp_path):
    (encoder / "model.safetensors").unlink()
    (encoder / "pytorch_model.bin").write_bytes(pickle.dumps(Crafted(tmp_path / "marker")))
    with pytest.raises(UserError, match=r"(?s)encoder has no model\.safetensors.*convert it once"):
        encode_phrases(["walk"], encoder)
    assert not (tmp_path / "marker").exists()


def test_code_in_the_folder_is_not_run(encoder, tmp_path):
    (encoder / "custom.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'w')")
    config = (encoder / "config.json").read_text()
    change(encoder / "config.json", auto_map={"AutoModel": "custom.Model"})
    with pytest.raises(UserError, match=r"encoder/config\.json asks for code of its own"):
        encode_phrases(["walk"], encoder)
    (encoder / "config.json").write_text(config)
    modules = json.loads((encoder / "modules.json").read_text())
    for kind in ("custom.Transformer", "os.system", "sentence_transformers.models.CustomThing"):
        modules[0]["type"] = kind
        (encoder / "modules.json").write_text(json.dumps(modules))
        with pytest.raises(UserError, match=f"names the part '{kind}', which is not run"):
            encode_phrases(["walk"], encoder)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("content", ["[]", "{}", "[5]", "[" * 10**6])
def test_a_folder_without_known_parts_is_refused(encoder, content):
    (encoder / "modules.json").write_text(content)
    with pytest.raises(UserError, match=r"encoder/modules\.json"):
        encode_phrases(["walk"], encoder)


@pytest.mark.parametrize("place", ["../other", "/etc", "a/../../b"])
def test_a_part_outside_the_folder_is_refused(encoder, place):
    modules = json.loads((encoder / "modules.json").read_text())
    modules[1]["path"] = place
    (encoder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(UserError, match=r"modules\.json leads out of the folder"):
        encode_phrases(["walk"], encoder)


def test_weights_that_are_not_there_are_not_drawn_at_random(encoder):
    weights = encoder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content.replace(b"embeddings.LayerNorm.bias", b"embeddings.LayerNorm.bibs"))
    assert weights.read_bytes() != content
    with pytest.raises(UserError, match=r"without the weights embeddings\.LayerNorm\.bias"):
        encode_phrases(["walk"], encoder)


def test_an_adapter_and_other_shards_are_refused(encoder):
    (encoder / "adapter_config.json").write_text("{}")
    with pytest.raises(UserError, match="holds an adapter"):
        encode_phrases(["walk"], encoder)
    (encoder / "adapter_config.json").unlink()
    (encoder / "model.safetensors").rename(encoder / "a.safetensors")
    index = encoder / "model.safetensors.index.json"
    for name in ("../a.safetensors", "pytorch_model.bin"):
        index.write_text(json.dumps({"weight_map": {"x": name}}))
        with pytest.raises(UserError, match="names files other than"):
            encode_phrases(["walk"], encoder)


def are_unit(vectors: np.ndarray) -> None:
    assert vectors.ndim == 2 and len(vectors) == 2 and np.isfinite(vectors).all()


FILES = ["modules.json", "config.json", "model.safetensors", "tokenizer.json"]
FILES += ["tokenizer_config.json", "1_Pooling/config.json", "sentence_bert_config.json"]
FILES += ["config_sentence_transformers.json"]


QUICK, LONG = TRIES


@pytest.mark.parametrize(
    ("name", "tries"),
    [
        *(pytest.param(name, *QUICK.values, id=name) for name in FILES[:3]),
        *(pytest.param(name, *LONG.values, marks=LONG.marks, id=f"{name}-long") for name in FILES),
    ],
)
def test_a_damaged_folder_is_used_or_refused(encoder, name, tries):
    path = encoder / name
    assert_survives(
        lambda _: encode_phrases(["riding a bike", "walk"], encoder),
        path.read_bytes(),
        path,
        tries=tries,
        check=are_unit,
        named=str(encoder),
        beside=[entry.name for entry in path.parent.iterdir()],
    )
