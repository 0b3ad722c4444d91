"""Text from outside, read whole within a limit."""

import json
from pathlib import Path
from typing import Any

from unseen.base.errors import UserError

LARGEST = 64 << 20
"""Bytes of a text file that is read whole, unless its reader knows better."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_text(path: Path, *, at_most: int = LARGEST) -> str:
    """The content of a UTF-8 file, without its byte order mark.

    Raises:
        UserError: The file cannot be read, is larger than `at_most` bytes, or is not UTF-8.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(at_most + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > at_most:
        raise UserError(f"{path} is larger than {at_most >> 20} MiB, the most that is read of it")
    if content.startswith(_UTF_16):
        raise UserError(f"{path} is UTF-16 text: save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}, line {line}: not UTF-8 text") from None


def read_json(path: Path) -> Any:
    """The value of a JSON file. Raises UserError as `read_text`, and for what is no JSON."""
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deeply") from None
