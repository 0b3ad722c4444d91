"""File names of any bytes: shown as text, found again by it, and read by tools that need UTF-8."""

import functools
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TextIO, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

HIDDEN = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys, what ends a line or turns its direction, and what is no UTF-8."""
LONGEST_LINE = 2000
"""Letters of a line that is said."""
_LONG_WORD = re.compile(r"(\S{200})\S{100,}(\S{60})")
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})|\\u(202[89a-e]|206[6-9])")
_BYTE = 0xDC00
"""Python keeps a byte of a name that is no UTF-8 as this and the byte."""


def shown(text: str) -> str:
    r"""Text with control characters, and bytes of file names that are no UTF-8, as escapes.

    >>> shown("a\x1b[2J\udcff")
    'a\\x1b[2J\\xff'
    """
    return text if text.isprintable() else HIDDEN.sub(_escaped, text)


def say(text: str, stream: TextIO | None = None) -> None:
    """Print lines, to stdout without `stream`, of which a terminal obeys no character.

    A line that nobody would read, as with a name of thousands of letters in it, is cut in the
    middle.
    """
    lines = [_cut(shown(line)) for line in text.split("\n")]
    print("\n".join(lines), file=stream or sys.stdout)


def _cut(line: str) -> str:
    line = _LONG_WORD.sub(r"\1...\2", line)
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 500]} ... {line[-495:]}"


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if _BYTE + 0x80 <= code <= _BYTE + 0xFF:
        code -= _BYTE
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def locate(root: Path, path: str) -> Path:
    """The file below `root` that a manifest's path names: itself, or the one that it shows."""
    plain = root / path
    if "\\" not in path or os.path.lexists(plain):
        return plain
    for control in (chr, lambda code: chr(_BYTE + code)):  # U+0085, say, or the byte 0x85
        hidden = root / _ESCAPE.sub(functools.partial(_unescaped, control), path)
        if os.path.lexists(hidden):
            return hidden
    return plain


def _unescaped(high: Callable[[int], str], match: re.Match[str]) -> str:
    code = int(match[1] or match[2], 16)
    return high(code) if 0x80 <= code <= 0xFF else chr(code)


def by_plain_name(
    read: Callable[Concatenate[Path | str, Parameters], Result],
) -> Callable[Concatenate[Path | str, Parameters], Result]:
    """Let a reader whose tools take no other names than UTF-8 read a file through a link."""

    @functools.wraps(read)
    def wrapped(path: Path | str, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            str(path).encode()
        except UnicodeEncodeError:
            with tempfile.TemporaryDirectory() as folder:
                suffix = Path(path).suffix
                link = Path(folder) / f"file{suffix if suffix.isascii() else ''}"
                link.symlink_to(Path(path).absolute())
                return read(link, *args, **kwargs)
        return read(path, *args, **kwargs)

    return wrapped
