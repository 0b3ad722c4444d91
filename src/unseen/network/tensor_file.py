"""Tensors and a description in one safetensors file, which notices any damage to itself.

The description is JSON in the file's metadata, so nothing in such a file can be executed. Before it
stands the SHA-256 of the whole file, in which 64 zeros stand for the digest itself: a copy without
any companion is still verified.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from unseen.base.errors import UserError
from unseen.base.files import atomic

KEY = "unseen"
"""Of the metadata. There is no other key, since safetensors orders them at random."""
BEGIN = f'{{"__metadata__":{{"{KEY}":"{{\\"sha256\\":\\"'.encode()
LENGTH_BYTES = 8
DIGEST = slice(LENGTH_BYTES + len(BEGIN), LENGTH_BYTES + len(BEGIN) + 64)
NO_DIGEST = b"0" * 64


def write_tensors(path: Path, tensors: Mapping[str, Tensor], description: dict[str, Any]) -> None:
    """Write tensors of any devices and layouts, and a description of JSON values.

    The same content gives the same bytes wherever it is written.
    """
    values = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    text = _compact({"sha256": NO_DIGEST.decode(), "description": description})
    content = bytearray(safetensors.torch.save(values, {KEY: text}))
    content[DIGEST] = _digest(content)
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    """The tensors of a safetensors file, on the CPU, and the description.

    Of a file from elsewhere there is none. Raises UserError for a damaged file.
    """
    content = path.read_bytes()
    description: dict[str, Any] | None = None
    try:
        if content[LENGTH_BYTES : DIGEST.start] == BEGIN:
            description = _description(content)
        return safetensors.torch.load(content), description
    except Exception as error:  # what safetensors raises for any bytes is not documented
        raise UserError(f"{path} is damaged, or no safetensors file: {error}") from None


def is_tensor_file(path: Path) -> bool:
    """Whether a file begins as safetensors files do: the length of a header, and its brace."""
    with path.open("rb") as stream:
        begin = stream.read(LENGTH_BYTES + 1)
    length = int.from_bytes(begin[:LENGTH_BYTES], "little")
    return begin[LENGTH_BYTES:] == b"{" and length < path.stat().st_size


def _description(content: bytes) -> dict[str, Any]:
    """The description of a file of this project, whose content must be that of its digest."""
    if content[DIGEST] != _digest(content):
        raise ValueError("its content is not the one that its digest names")
    header = content[LENGTH_BYTES : LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "little")]
    description = json.loads(json.loads(header)["__metadata__"][KEY])["description"]
    if not isinstance(description, dict):
        raise ValueError("its description is no mapping")
    return description


def _digest(content: bytes | bytearray) -> bytes:
    """The hexadecimal digest of a file's content, with zeros in its place."""
    blank = hashlib.sha256(memoryview(content)[: DIGEST.start])
    blank.update(NO_DIGEST)
    blank.update(memoryview(content)[DIGEST.stop :])
    return blank.hexdigest().encode()


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
