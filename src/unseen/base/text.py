"""Text from outside: read within a limit, and shown without what a terminal would obey."""

import re
from pathlib import Path

from unseen.base.errors import UserError

LARGEST = 64 << 20
"""Bytes of a text file that is read whole, unless its reader knows better."""

_HIDDEN = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
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


def shown(text: str) -> str:
    r"""Text with control characters, and bytes of file names that are no UTF-8, as escapes.

    >>> shown("a\x1b[2J\udcff")
    'a\\x1b[2J\\xff'
    """
    return _HIDDEN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
