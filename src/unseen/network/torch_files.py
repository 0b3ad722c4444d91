"""PyTorch's files: read without executing anything in them, written the same wherever they lie."""

import argparse
import io
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unseen.base.errors import UserError
from unseen.base.files import atomic


def read_torch_file(path: Path | str) -> Any:
    """What a PyTorch file holds, in the zip or the legacy format, on the CPU. Nothing in it is
    executed.

    Beside tensors it may hold what the authors' files do: an `argparse.Namespace` and NumPy
    numbers.
    """
    try:
        with torch.serialization.safe_globals(_harmless_globals()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"(GLOBAL|global|class|function) (\S+)", str(error))
        reason = f": it names {found[2]}" if found else ""
        raise UserError(
            f"weights: {path} holds more than weights and is refused, nothing in it was run{reason}"
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise UserError(f"weights: {path} cannot be read as a PyTorch file: {error}") from None


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


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a PyTorch file through a buffer: `torch.save` would put the file's name into it."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with atomic(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())
