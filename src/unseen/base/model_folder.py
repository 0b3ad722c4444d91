"""Folders with a model in Hugging Face's layout, looked at before anything of them is loaded."""

from pathlib import Path
from typing import Any

from unseen.base.errors import UserError
from unseen.base.text import read_json

WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"


def has_safe_weights(folder: Path) -> bool:
    """Whether a folder's weights are safetensors, in one file or in parts beside their index.

    Raises UserError for an index that names other files, and for a part that is not there.
    """
    if (folder / WEIGHTS).is_file():
        return True
    if not (folder / INDEX).is_file():
        return False
    index = read_json(folder / INDEX)
    names = index.get("weight_map", {}) if isinstance(index, dict) else {}
    files = set(map(str, names.values())) if isinstance(names, dict) else set()
    if not files or not all("/" not in name and name.endswith(".safetensors") for name in files):
        raise UserError(f"{folder}/{INDEX} names files other than .safetensors beside it")
    absent = sorted(name for name in files if not (folder / name).is_file())
    if absent:
        raise UserError(f"{folder} lacks {absent[0]}, which its {INDEX} names: copy it too")
    return True


def refuse_foreign_code(folder: Path, config: Any) -> None:
    """Raise UserError for a folder that is not data alone, or no whole model."""
    if (folder / "adapter_config.json").exists():
        raise UserError(f"{folder} holds an adapter, which is no whole encoder: merge and save it")
    if isinstance(config, dict) and "auto_map" in config:
        raise UserError(f"{folder}/config.json asks for code of its own, which is not run")


def refuse_absent_weights(folder: Path, absent: set[str]) -> None:
    """Raise UserError where weights would be drawn at random, with no more than a remark."""
    if absent:
        raise UserError(
            f"{folder} is damaged or not complete: without the weights "
            + ", ".join(sorted(absent)[:3])
            + (f" and {len(absent) - 3} more" if len(absent) > 3 else "")
        )
