"""Dual models of every family: the scores of transformers' own pipeline, or of the model called as
its documentation does."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from dual_models import FRAMES, KINDS, NAMES, SIZE, save_dual
from PIL import Image

from unseen.base.errors import UserError
from unseen.classes.class_embedding_file import read_class_embeddings
from unseen.classes.class_list import write_class_list
from unseen.classes.words import phrase_of
from unseen.network.dual import DualNetwork, make_dual_model
from unseen.network.dual_folder import find_dual
from unseen.network.dual_texts import class_texts, encode_prompts, read_class_texts
from unseen.network.methods import load_model
from unseen.prediction.classifier import frame_snippets, load_classifier

hf = pytest.importorskip("transformers")
PROMPTS = ["a photo of {}.", "{}"]
TEMPLATE = "this is a photo of {}."
OF_FRAMES = [kind for kind in KINDS if kind != "xclip"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each kind, not to be changed."""
    base = tmp_path_factory.mktemp("dual")
    return {kind: save_dual(kind, base / kind / kind) for kind in KINDS}


@pytest.fixture
def own(folders: dict[str, Path], tmp_path: Path) -> Path:
    """A CLIP's folder that a test may change."""
    return Path(shutil.copytree(folders["clip"], tmp_path / "own"))


def pictures(count: int) -> np.ndarray:
    """(count, SIZE, SIZE, 3) uint8, each in shades of its own."""
    rng = np.random.default_rng(count)
    return rng.integers(0, 255, (count, SIZE, SIZE, 3), dtype=np.uint8)


def network_of(folder: Path, place: Path) -> tuple[DualNetwork, dict[str, Any]]:
    """The network as the pipeline has it, by way of its model file."""
    make_dual_model(folder, place / "model.safetensors")
    network, content = load_model(place / "model.safetensors")
    assert isinstance(network, DualNetwork)
    return network, dict(content["input"])


def texts_of(folder: Path, place: Path, names: list[str], prompts: list[str]) -> Path:
    write_class_list(place / "classes.tsv", {name: ["word"] for name in names})
    encode_prompts(place / "classes.tsv", folder, place / "classes.h5", prompts=prompts)
    return place / "classes.h5"


@torch.inference_mode()
def cosines(
    folder: Path, place: Path, frames: np.ndarray, names: list[str], prompts: list[str]
) -> torch.Tensor:
    """The product's cosines (C,) of a video to the classes, through the files of its stages."""
    network, settings = network_of(folder, place)
    path = texts_of(folder, place, names, prompts)
    settings["frames"] = len(frames)
    snippets = frame_snippets(torch.from_numpy(frames).permute(0, 3, 1, 2), settings, 1)
    encoded = network.visual_encoder(snippets)
    if network.of_videos:
        found, texts = read_class_texts(path)
        compared = network.compare(encoded, torch.from_numpy(texts))[1]
    else:
        found, vectors = read_class_embeddings(path)
        compared = F.normalize(encoded, dim=-1) @ torch.from_numpy(vectors).T
    assert found == names
    return compared[0]


@pytest.mark.parametrize("names", [NAMES, NAMES[:1]], ids=["many", "one"])
@pytest.mark.parametrize("kind", OF_FRAMES)
def test_scores_are_those_of_the_zero_shot_pipeline(
    folders: dict[str, Path], tmp_path: Path, kind: str, names: list[str]
) -> None:
    picture = pictures(1)
    labels = [phrase_of(name) for name in names]
    pipeline = hf.pipeline("zero-shot-image-classification", model=str(folders[kind]))
    answers = pipeline(
        Image.fromarray(picture[0]), candidate_labels=labels, hypothesis_template=TEMPLATE
    )
    expected = {answer["label"]: answer["score"] for answer in answers}
    model = pipeline.model.requires_grad_(False)
    logits = cosines(folders[kind], tmp_path, picture, names, [TEMPLATE]) * model.logit_scale.exp()
    if "siglip" in kind:
        scores = torch.sigmoid(logits + model.logit_bias)
    else:
        scores = logits.softmax(dim=0)
    assert len(set(expected.values())) == len(names)
    for label, score in zip(labels, scores.tolist(), strict=True):
        assert score == pytest.approx(expected[label], abs=1e-5)


@pytest.mark.parametrize("kind", OF_FRAMES)
def test_frames_and_prompts_are_averaged_at_unit_length(
    folders: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    """By the model called as its documentation does, one frame and one prompt after the other."""
    frames = pictures(3)
    model = hf.AutoModel.from_pretrained(folders[kind])
    tokenizer = hf.AutoTokenizer.from_pretrained(folders[kind])
    processor = hf.AutoImageProcessor.from_pretrained(folders[kind])
    padding = {"padding": "max_length", "max_length": 64} if "siglip" in kind else {"padding": True}
    with torch.inference_mode():
        each = [
            model.get_image_features(**processor(Image.fromarray(frame), return_tensors="pt"))
            for frame in frames
        ]
        video = torch.stack([F.normalize(one.pooler_output[0], dim=0) for one in each]).mean(dim=0)
        expected = []
        for name in NAMES:
            units = []
            for prompt in PROMPTS:
                tokens = tokenizer(
                    prompt.format(phrase_of(name)), return_tensors="pt", truncation=True, **padding
                )
                units.append(F.normalize(model.get_text_features(**tokens).pooler_output[0], dim=0))
            expected.append(F.cosine_similarity(torch.stack(units).mean(dim=0), video, dim=0))
    found = cosines(folders[kind], tmp_path, frames, NAMES, PROMPTS)
    torch.testing.assert_close(found, torch.stack(expected), atol=1e-5, rtol=0)


def xclip_processor(folder: Path) -> Any:
    return hf.XCLIPProcessor(
        hf.AutoImageProcessor.from_pretrained(folder), hf.AutoTokenizer.from_pretrained(folder)
    )


@pytest.mark.parametrize("names", [NAMES, NAMES[:1]], ids=["many", "one"])
def test_xclips_scores_are_the_models_own(
    folders: dict[str, Path], tmp_path: Path, names: list[str]
) -> None:
    """The model called as its documentation does; no matrix of classes would give these scores."""
    frames = pictures(FRAMES)
    model = hf.AutoModel.from_pretrained(folders["xclip"]).requires_grad_(False)
    processor = xclip_processor(folders["xclip"])
    labels = [phrase_of(name) for name in names]
    inputs = processor(text=labels, videos=list(frames), return_tensors="pt", padding=True)
    with torch.inference_mode():
        output = model(**inputs)
    found = cosines(folders["xclip"], tmp_path, frames, names, ["{}"])
    logits = found * model.logit_scale.exp()
    torch.testing.assert_close(logits, output.logits_per_video[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(
        logits.softmax(0), output.logits_per_video[0].softmax(0), atol=1e-5, rtol=0
    )
    fixed = F.normalize(class_texts(find_dual(folders["xclip"]), names, ["{}"])[:, 0], dim=-1)
    assert (fixed @ output.video_embeds[0] - found).abs().max() > 1e-3


def test_xclips_prompts_are_averaged_with_their_terms(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    """And more texts than get their term at a time."""
    frames = pictures(FRAMES)
    model = hf.AutoModel.from_pretrained(folders["xclip"]).requires_grad_(False)
    processor = xclip_processor(folders["xclip"])
    names = [f"{name} {letter}" for letter in "abcdefghijklmnopqrstuvwxyz"[:22] for name in NAMES]
    prompts = [*PROMPTS, "so {}", "to {}"]
    units = []
    for prompt in prompts:
        texts = [prompt.format(phrase_of(name)) for name in names]
        inputs = processor(text=texts, videos=list(frames), return_tensors="pt", padding=True)
        with torch.inference_mode():
            output = model(**inputs)
        units.append(output.text_embeds[0])
    expected = F.normalize(torch.stack(units).mean(dim=0), dim=-1) @ output.video_embeds[0]
    found = cosines(folders["xclip"], tmp_path, frames, names, prompts)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_the_input_is_the_folders_own(folders: dict[str, Path], tmp_path: Path) -> None:
    """In the forms in which folders have it: an int, a mapping, a part of processor_config.json."""
    found = find_dual(folders["xclip"]).input
    assert (found["frames"], found["crop"], found["short_side"]) == (FRAMES, SIZE, SIZE)
    place = Path(shutil.copytree(folders["clip"], tmp_path / "clip"))
    (place / "preprocessor_config.json").unlink()
    told = {"size": 41, "crop_size": SIZE, "do_center_crop": True, "image_mean": [0.1, 0.2, 0.3]}
    (place / "processor_config.json").write_text(json.dumps({"image_processor": told}))
    found = find_dual(place).input
    assert (found["short_side"], found["crop"]) == (42, SIZE)
    assert found["mean"] == [0.1, 0.2, 0.3]
    assert found["std"][0] == pytest.approx(0.26862954)


def test_what_replaces_the_input_is_in_the_model_file(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    make_dual_model(folders["clip"], tmp_path / "m.safetensors", input_settings={"frame_rate": 5})
    network, content = load_model(tmp_path / "m.safetensors")
    assert not any("text" in name for name in network.state_dict())
    assert content["input"]["frame_rate"] == 5
    assert content["lineage"] == [{"weights": "clip", "classes": None}]


def test_model_files_are_alike_wherever_the_folder_lies(own: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(own, tmp_path / "elsewhere" / own.name))
    make_dual_model(own, tmp_path / "a.safetensors")
    make_dual_model(moved, tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


# Bad input


def test_a_folder_without_safetensors(own: Path) -> None:
    (own / "model.safetensors").rename(own / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"has no model.safetensors: a pytorch_model.bin is a pick"):
        find_dual(own)


def test_a_part_of_the_weights_that_is_not_there(own: Path) -> None:
    (own / "model.safetensors").unlink()
    index = {"weight_map": {"a": "model-00001-of-00001.safetensors"}}
    (own / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=r"lacks model-00001-of-00001\.safetensors"):
        find_dual(own)


@pytest.mark.parametrize(("left", "absent"), [("", "tokenizer.json"), ("vocab.json", "merges.txt")])
def test_a_tokenizer_that_lacks_a_file(own: Path, left: str, absent: str) -> None:
    (own / "tokenizer.json").unlink()
    if left:
        (own / left).write_text("{}")
    with pytest.raises(UserError, match=f"no whole tokenizer: it lacks {absent}"):
        find_dual(own)


def test_a_tokenizer_of_another_model(own: Path) -> None:
    values = json.loads((own / "config.json").read_text())
    tokenizer = json.loads((own / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["a"] = values["text_config"]["vocab_size"] + 5
    (own / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(UserError, match="not of one model"):
        class_texts(find_dual(own), ["banana a b"], ["{}"])


def test_a_damaged_tokenizer(own: Path) -> None:
    (own / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match="own cannot be used"):
        class_texts(find_dual(own), NAMES, ["{}"])


@pytest.mark.parametrize("kind", ["bert", "siglip2"])
def test_a_config_of_another_family(own: Path, kind: str) -> None:
    values = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps(values | {"model_type": kind}))
    with pytest.raises(UserError, match=f"config.json is that of a {kind}; known are clip"):
        find_dual(own)


def test_a_config_of_another_shape_than_the_weights(own: Path) -> None:
    values = json.loads((own / "config.json").read_text())
    values["vision_config"]["num_hidden_layers"] = 3
    (own / "config.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match=r"without the weights vision_model\.encoder"):
        make_dual_model(own, own / "m.safetensors")


def test_a_picture_of_another_size_than_the_models(own: Path) -> None:
    values = json.loads((own / "preprocessor_config.json").read_text())
    values["crop_size"] = {"height": 48, "width": 48}
    (own / "preprocessor_config.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match="pictures of 48 pixels, the model takes 32"):
        find_dual(own)


def test_code_of_a_folders_own_is_refused(own: Path) -> None:
    values = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps(values | {"auto_map": {"AutoModel": "x.Y"}}))
    with pytest.raises(UserError, match="code of its own, which is not run"):
        find_dual(own)


def test_open_clips_folders_are_named(own: Path) -> None:
    (own / "config.json").rename(own / "open_clip_config.json")
    with pytest.raises(UserError, match="a folder of open_clip"):
        find_dual(own)


_SMALL = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}
_ENDS = dict.fromkeys(
    ("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 1
)
OTHERS: dict[str, dict[str, dict[str, Any]]] = {
    "siglip2": {
        "text_config": {**_SMALL, **_ENDS, "vocab_size": 40, "projection_size": 16},
        "vision_config": {**_SMALL, "num_patches": 16, "patch_size": 8},
    },
    "videoprism": {
        "text_config": {**_SMALL, **_ENDS, "vocab_size": 40},
        "vision_config": {
            **{key: value for key, value in _SMALL.items() if key != "num_hidden_layers"},
            **{"num_spatial_layers": 1, "num_temporal_layers": 1, "num_auxiliary_layers": 1},
            **{"image_size": 36, "num_frames": 4},
        },
    },
}
"""SigLIP 2 of varying sizes (NaFlex) and VideoPrism."""


@pytest.mark.parametrize("kind", [*OTHERS, "pe_video"])
def test_whole_folders_of_families_that_are_not_read(kind: str, tmp_path: Path) -> None:
    """As transformers saves them: one line that says what can be read. Perception Encoder's network
    is timm's, so of it there is the configuration alone."""
    config = hf.CONFIG_MAPPING[kind](**OTHERS.get(kind, {}))
    made = hf.AutoModel.from_config(config) if kind in OTHERS else config
    made.save_pretrained(tmp_path / kind)
    assert (tmp_path / kind / "model.safetensors").is_file() == (kind in OTHERS)
    known = r"known are clip, metaclip_2, siglip, xclip"
    for read in (find_dual, lambda folder: load_classifier(folder, "riding, surfing")):
        with pytest.raises(UserError, match=f"{kind}/config.json is that of a {kind}; {known}"):
            read(tmp_path / kind)


def test_damaged_weights(own: Path) -> None:
    content = (own / "model.safetensors").read_bytes()
    (own / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="own cannot be used"):
        make_dual_model(own, own / "m.safetensors")


def test_a_name_that_is_too_long(own: Path) -> None:
    with pytest.raises(UserError, match=r"is 8\d tokens long; .*own takes 64: shorten"):
        class_texts(find_dual(own), ["ride " * 20], ["{}"])


def test_without_transformers_it_is_said_what_to_install(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"pip install '\.\[dual\]'"):
        make_dual_model(own, own / "m.safetensors")
