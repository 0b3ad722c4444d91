"""Phrases to unit vectors by a sentence encoder in a local folder, of which nothing is executed."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import Any

import numpy as np
import numpy.typing as npt

from unseen.base.errors import UserError
from unseen.base.model_folder import (
    WEIGHTS,
    has_safe_weights,
    refuse_absent_weights,
    refuse_foreign_code,
)
from unseen.base.text import read_json

MODULES = frozenset({"Dense", "Dropout", "LayerNorm", "Normalize", "Pooling", "Transformer"})
"""Parts of an encoder that are known to run no code of the folder's."""
WITH_WEIGHTS = frozenset({"Dense", "LayerNorm", "Transformer"})
CONVERT = (
    '"import sys; from sentence_transformers import SentenceTransformer as S;'
    ' S(sys.argv[1]).save(sys.argv[2])"'
)
"""The program that saves an encoder with its weights as safetensors."""


def encode_phrases(phrases: Sequence[str], encoder: Path) -> npt.NDArray[np.float32]:
    """Unit vectors (P, D) of phrases by an encoder in the sentence-transformers format.

    Weights are read from safetensors alone, code in the folder is not run, nothing is fetched.

    Raises:
        UserError: The folder is no such encoder, is damaged, or would need a pickle or code of its
            own; or sentence-transformers is not installed.
    """
    _check_folder(encoder)
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise UserError(
            "a sentence encoder needs the package sentence-transformers:"
            " pip install sentence-transformers"
        ) from None
    try:
        model = SentenceTransformer(
            str(encoder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
        _check_weights(model, encoder)
        vectors = model.encode(list(phrases), normalize_embeddings=True, show_progress_bar=False)
    except UserError:
        raise
    except Exception as error:  # of many kinds, by what is damaged
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"{encoder} cannot be used as a sentence encoder: {type(error).__name__}: {reason}"
        ) from None
    vectors = np.asarray(vectors, np.float32)
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise UserError(f"{encoder} is damaged: it gives vectors that are not finite")
    return vectors


def _check_folder(encoder: Path) -> None:
    """Raise UserError where loading an encoder would take more than data."""
    if not (encoder / "modules.json").is_file():
        raise UserError(f"{encoder} is no folder in the sentence-transformers format")
    modules = read_json(encoder / "modules.json")
    if not isinstance(modules, list) or not modules:
        raise UserError(f"{encoder}/modules.json is no list of an encoder's parts")
    for module in modules:
        kind, place = (
            (module.get("type"), module.get("path", "")) if isinstance(module, dict) else (0, 0)
        )
        if not isinstance(kind, str) or not isinstance(place, str):
            raise UserError(f"{encoder}/modules.json has a part without type and path")
        package, _, name = kind.rpartition(".")
        if package.partition(".")[0] != "sentence_transformers" or name not in MODULES:
            raise UserError(
                f"{encoder}/modules.json names the part {kind!r}, which is not run: known are "
                + ", ".join(sorted(MODULES))
            )
        if PurePosixPath(place).is_absolute() or ".." in PurePosixPath(place).parts:
            raise UserError(f"{encoder}/modules.json leads out of the folder: {place!r}")
        if name in WITH_WEIGHTS:
            _check_module(encoder, encoder / place)


def _check_module(encoder: Path, folder: Path) -> None:
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    refuse_foreign_code(folder, config)
    if not has_safe_weights(folder):
        raise UserError(
            f"{folder} has no {WEIGHTS}; a pytorch_model.bin is a pickle and is not loaded. If you"
            f" trust it, convert it once:\n       python -c {CONVERT} {quote(str(encoder))}"
            f" {quote(f'{encoder}-safetensors')}\n       and name the new folder"
        )


def _check_weights(model: Any, encoder: Path) -> None:
    """Raise UserError where the transformer has weights that the file lacks.

    They would be drawn at random, with no more than a remark. A pooler is not used.
    """
    absent: set[str] = set()
    for number, part in enumerate(read_json(encoder / "modules.json")):
        if not part["type"].endswith(".Transformer"):
            continue
        _, told = type(model[number].auto_model).from_pretrained(
            encoder / part.get("path", ""),
            output_loading_info=True,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
        absent.update(map(str, (*told["missing_keys"], *told["mismatched_keys"])))
    absent = {name for name in absent if "pooler" not in name}
    refuse_absent_weights(encoder, absent)
