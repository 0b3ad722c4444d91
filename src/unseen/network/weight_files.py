"""Files of weights, safetensors and PyTorch's, read without executing anything in them."""

import argparse
import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unseen.base.errors import UserError
from unseen.base.files import file_digest, verify_digest
from unseen.network.tensor_file import is_tensor_file, read_tensors

OWN_PARTS = ("visual_encoder.", "semantic_encoder.", "class_encoder.")
"""How the names of this project's weights begin."""


@dataclass(frozen=True)
class WeightFile:
    """Tensors by name, and what the file says of them (empty where it is from elsewhere)."""

    state: Mapping[str, Tensor]
    description: Mapping[str, Any]


def read_weight_file(path: Path) -> WeightFile:
    """What a file of weights holds, on the CPU.

    Raises UserError for a file that is damaged, holds more than weights, or is something else.
    """
    try:
        if not path.is_file():
            raise UserError(f"{path} is {'a folder, not a file' if path.is_dir() else 'not there'}")
        verify_digest(path)
        if not is_tensor_file(path):
            return _of_torch(read_torch_file(path), path)
        state, description = read_tensors(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    if description is None and any(name.startswith(OWN_PARTS) for name in state):
        raise UserError(f"{path} is damaged: a model of this project without its digest")
    return WeightFile(state, description or {})


def torchvision_weights(network: str, name: str) -> tuple[Mapping[str, Tensor], list[str]]:
    """Torchvision's weights `name` of a network, and the names of the classes they tell apart.

    The file is in torchvision's cache (`TORCH_HOME`), fetched once where the network allows.
    Torchvision itself would unpickle it, and look at its digest only when it fetches it. Raises
    UserError where it is not to be had, or is not the one of the digest in its name.
    """
    from torchvision.models import get_model_weights

    weights = get_model_weights(network)[name]
    path = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
    begin_of_digest = path.stem.rpartition("-")[2]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            torch.hub.download_url_to_file(weights.url, str(path), begin_of_digest, progress=False)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"{name} of {network} cannot be fetched ({error}); "
            f"put the file of {weights.url} into {path.parent}"
        ) from None
    if not file_digest(path).startswith(begin_of_digest):
        raise UserError(f"{path} is damaged, or not the file of {weights.url}: remove it")
    return read_weight_file(path).state, list(weights.meta["categories"])


def _of_torch(content: Any, path: Path) -> WeightFile:
    """The state dict of a PyTorch file, which may be the whole of it."""
    if isinstance(content, Mapping):
        state = content.get("state_dict", content)
        if isinstance(state, Mapping) and state and all(_is_plain(*item) for item in state.items()):
            rest = {key: content[key] for key in content if key != "state_dict"}
            return WeightFile(state, rest if "state_dict" in content else {})
    raise UserError(f"{path} holds no state dict")


def _is_plain(name: Any, value: Any) -> bool:
    """Whether a state dict's entry is a dense tensor of numbers under a name."""
    return (
        isinstance(name, str)
        and torch.is_tensor(value)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
    )


def read_torch_file(path: Path) -> Any:
    """What a PyTorch file holds, in the zip or the legacy format, on the CPU. Nothing in it is
    executed.

    Beside tensors it may hold what the authors' files do: an `argparse.Namespace` and NumPy
    numbers. Raises UserError for anything else.
    """
    _check_beginning(path)
    try:
        with torch.serialization.safe_globals(_harmless_globals()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # any bytes may come, and torch has many names for what is wrong
        if isinstance(error, pickle.UnpicklingError) and (found := _NAMED.search(str(error))):
            raise UserError(
                f"{path} holds more than weights and is refused, nothing in it was run: "
                f"it names {found[2]}"
            ) from None
        raise UserError(f"{path} is damaged, or no file of weights of PyTorch") from None


def _check_beginning(path: Path) -> None:
    """Refuse what is neither a pickle nor an archive, and an archive that its checksums, which
    torch does not look at, deny, or that would be inflated."""
    with path.open("rb") as stream:
        begin = stream.read(2)
    if begin != b"PK" and begin[:1] != pickle.PROTO:
        raise UserError(
            f"{path} holds no weights: it is neither a safetensors file nor one of PyTorch"
        )
    if begin != b"PK":
        return
    try:
        with zipfile.ZipFile(path) as archive:
            sound = archive.testzip() is None
            inflated = any(entry.compress_type for entry in archive.infolist())
    except Exception:  # as above
        sound = inflated = False
    if not sound or inflated:
        reason = "its parts are compressed" if inflated else "its checksums deny its content"
        raise UserError(f"{path} is damaged, or no file of weights of PyTorch: {reason}")


_NAMED = re.compile(r"(GLOBAL|global|class|function) (\S+)")


def _harmless_globals() -> list[Any]:
    """Plain types that a checkpoint may name, under NumPy's old and new module names."""
    scalar = np.float64(0).__reduce__()[0]
    numbers = [
        "Bool",
        "Int8",
        "Int16",
        "Int32",
        "Int64",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
        "Float16",
        "Float32",
        "Float64",
    ]
    return [
        argparse.Namespace,
        np.dtype,
        *(getattr(np.dtypes, f"{number}DType") for number in numbers),
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        (_encode_latin1, "_codecs.encode"),
    ]


def _encode_latin1(text: str, encoding: str = "latin1") -> bytes:
    """What old pickles use for a NumPy number's bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"unexpected encoding {encoding}")
    return text.encode(encoding)
