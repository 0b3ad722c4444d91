"""A dual model's folder to transformers' model and tokenizer: data alone, and nothing fetched."""

import os
from typing import Any

import torch
from torch import nn

from unseen.base.errors import UserError
from unseen.base.model_folder import refuse_absent_weights
from unseen.network.dual_folder import DualFolder


def build_untrained(config: dict[str, Any]) -> nn.Module:
    """The model of a folder's configuration, its weights still to come."""
    transformers = import_transformers()
    model: nn.Module = transformers.AutoModel.from_config(_plain(transformers, config), **_OPTIONS)
    return model


def load_pretrained(folder: DualFolder) -> Any:
    """The model of a folder with its weights, in float32 on the CPU.

    Raises UserError for a folder that is damaged or lacks weights.
    """
    transformers = import_transformers()
    try:
        model, told = transformers.AutoModel.from_pretrained(
            folder.path,
            config=_plain(transformers, folder.config),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            dtype=torch.float32,
            **_OPTIONS,
        )
    except Exception as error:  # of many kinds, by what is damaged
        raise _unusable(folder, error) from None
    refuse_absent_weights(
        folder.path, set(map(str, (*told["missing_keys"], *told["mismatched_keys"])))
    )
    return model.eval()


def load_tokenizer(folder: DualFolder) -> Any:
    """The tokenizer of a folder. Raises UserError for one that is damaged."""
    transformers = import_transformers()
    try:
        return transformers.AutoTokenizer.from_pretrained(
            folder.path, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # of many kinds, by what is damaged
        raise _unusable(folder, error) from None


def import_transformers() -> Any:
    """The package, which is told to stay offline. Raises UserError where it is not installed."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    try:
        import transformers
    except ImportError:
        raise UserError(
            "method: dual needs the package transformers: pip install '.[dual]'"
        ) from None
    transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    return transformers


_OPTIONS = {"attn_implementation": "sdpa"}
"""Torch's own attention: a folder may name a kernel that would be fetched and run."""


def _plain(transformers: Any, config: dict[str, Any]) -> Any:
    """The configuration's object, without what would choose code."""
    return transformers.CONFIG_MAPPING[config["model_type"]].from_dict(_without_choices(config))


def _without_choices(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        key: _without_choices(part)
        for key, part in value.items()
        if "attn_implementation" not in key and key not in ("auto_map", "quantization_config")
    }


def _unusable(folder: DualFolder, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:300]
    return UserError(f"{folder.path} cannot be used: {type(error).__name__}: {reason}")
