"""Image-text and video-text models in Hugging Face's folder layout: what a folder says of itself.

Only JSON is read, so that a configuration can be checked without torch. Frames keep their
proportions: where a publisher squashes them to a square, the short side is scaled to it instead.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unseen.base.errors import UserError
from unseen.base.files import file_digest, json_digest
from unseen.base.model_folder import has_safe_weights, refuse_foreign_code
from unseen.base.text import read_json

CONFIG = "config.json"
PREPROCESSORS = ("preprocessor_config.json", "processor_config.json")
OPEN_CLIP = "open_clip_config.json"
READ = ("*.json", "*.txt", "*.model", "*.safetensors")
"""The files of a folder that a model depends on."""
_CLIP_COLOUR = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
_IMAGENET_COLOUR = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
_HALF = ([0.5] * 3, [0.5] * 3)
_BPE = ("tokenizer.json", "vocab.json merges.txt")


@dataclass(frozen=True)
class Family:
    """What is common to the models of one kind.

    `prompt` is its plain template, `lower` whether its texts are in lower case, `of_videos` whether
    its classes' embeddings depend on the video, so that no matrix holds them; `colour` the mean and
    sd where a folder leaves them out, `tokenizers` the files that hold a tokenizer, any one of
    these sets.
    """

    prompt: str
    colour: tuple[list[float], list[float]]
    tokenizers: tuple[str, ...]
    lower: bool = False
    of_videos: bool = False


BICUBIC = 3
"""Pillow's number of it, by which folders name how pictures are made smaller."""

FAMILIES = {
    "clip": Family("a photo of a {}.", _CLIP_COLOUR, _BPE),
    "metaclip_2": Family("a photo of a {}.", _CLIP_COLOUR, ("tokenizer.json",)),
    "siglip": Family("this is a photo of {}.", _HALF, ("tokenizer.json", "spiece.model"), True),
    "xclip": Family("{}", _IMAGENET_COLOUR, _BPE, of_videos=True),
}
"""The families by the `model_type` of their config.json; SigLIP 2 at a fixed size is a siglip."""


@dataclass(frozen=True)
class DualFolder:
    """A folder that has been looked at: its kind, its configuration, and the input of its visual
    encoder as a model file says it."""

    path: Path
    kind: str
    config: dict[str, Any]
    input: dict[str, Any]

    @property
    def family(self) -> Family:
        return FAMILIES[self.kind]

    def digest(self) -> str:
        """The content of all that is read of the folder, wherever it lies."""
        files = sorted({path for pattern in READ for path in self.path.glob(pattern)})
        return json_digest({path.name: file_digest(path) for path in files})


def find_dual(path: Path) -> DualFolder:
    """The model of a folder: config.json, preprocessor, tokenizer and safetensors.

    Raises UserError for a folder that lacks one of them or says what is not known here, and for one
    whose weights are a pickle or whose code is its own.
    """
    config = _config(path)
    kind = str(config.get("model_type"))
    if kind not in FAMILIES:
        raise UserError(
            f"{path}/{CONFIG} is that of a {kind}; known are {', '.join(FAMILIES)}"
            + (" (of SigLIP 2 those of a fixed size alone)" if kind == "siglip2" else "")
        )
    if not has_safe_weights(path):
        raise UserError(
            f"{path} has no model.safetensors: a pytorch_model.bin is a pickle and is not loaded;"
            f" take a revision of the model with safetensors, or convert it where you trust it"
        )
    _check_tokenizer(path, FAMILIES[kind])
    return DualFolder(path, kind, config, _input(path, kind, config))


def _config(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise UserError(f"{path} is no folder: name one in Hugging Face's layout, with {CONFIG}")
    if not (path / CONFIG).is_file():
        raise UserError(
            f"{path} is a folder of open_clip, which is not read: take the same model in the layout"
            f" of transformers (config.json, model.safetensors)"
            if (path / OPEN_CLIP).is_file()
            else f"{path} has no {CONFIG}: it is no model in Hugging Face's layout"
        )
    config = read_json(path / CONFIG)
    if not isinstance(config, dict):
        raise UserError(f"{path}/{CONFIG} is no mapping")
    refuse_foreign_code(path, config)
    if "quantization_config" in config:
        raise UserError(f"{path} holds quantised weights, which are not read: take the whole ones")
    return config


def _check_tokenizer(path: Path, family: Family) -> None:
    """A tokenizer without its files would be made anew, with hardly a word."""
    sets = [names.split() for names in family.tokenizers]
    found = [[name for name in names if (path / name).is_file()] for names in sets]
    if any(names == own for names, own in zip(sets, found, strict=True)):
        return
    begun = next((names for names, own in zip(sets, found, strict=True) if own), sets[0])
    lacks = [name for name in begun if not (path / name).is_file()]
    raise UserError(
        f"{path} has no whole tokenizer: it lacks {' and '.join(lacks)}"
        f" (one of these is wanted: {'; '.join(map(' and '.join, sets))})"
    )


def _input(path: Path, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    vision = _section(path, config, "vision_config")
    told = _preprocessor(path)
    size = _side(path, vision.get("image_size", 224))
    side = _side(path, told.get("size", size))
    crop = _side(path, told.get("crop_size", size)) if told.get("do_center_crop") else side
    if crop != size:
        raise UserError(
            f"{path}: the preprocessor makes pictures of {crop} pixels, the model takes {size}"
        )
    mean, std = FAMILIES[kind].colour
    return {
        "frames": vision.get("num_frames", 8) if FAMILIES[kind].of_videos else 1,
        "crop": crop,
        "short_side": max(side, crop) + max(side, crop) % 2,
        "resampling": "bicubic" if told.get("resample") == BICUBIC else "antialiased",
        "frame_rate": None,
        "mean": told.get("image_mean", mean),
        "std": told.get("image_std", std),
    }


def _section(path: Path, config: dict[str, Any], key: str) -> dict[str, Any]:
    section = config.get(key, {})
    if not isinstance(section, dict):
        raise UserError(f"{path}/{CONFIG}: {key} is no mapping")
    return section


def _preprocessor(path: Path) -> dict[str, Any]:
    """What is done to a picture: of a file of its own, or as newer folders have it, of a part."""
    for name in PREPROCESSORS:
        if (path / name).is_file():
            values = read_json(path / name)
            if isinstance(values, dict):
                values = values.get("image_processor", values)
            if isinstance(values, dict):
                return values
            raise UserError(f"{path}/{name} is no mapping")
    raise UserError(f"{path} lacks {PREPROCESSORS[0]}, which says how pictures are prepared")


def _side(path: Path, size: Any) -> int:
    """A side in pixels, in any of the forms in which folders have it."""
    if isinstance(size, dict):
        size = size.get("shortest_edge", size.get("height"))
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= 4096:
        raise UserError(f"{path}: {size!r} is no size of pictures in pixels")
    return size
