"""Texts from outside as data in what people open: JSON, HTML, Markdown and LaTeX."""

import json
import re
from typing import Any

from unseen.base.names import HIDDEN, shown

_MARKDOWN = re.compile(r"[\\`*_\[\]<>|&~$]")
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    "[": "{[}",  # at a line's beginning it would belong to the \\ before it, as would the star
    "]": "{]}",
    "*": "{*}",
}


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""JSON with letters as they are and control characters, and all that is no UTF-8, as escapes.

    >>> json_text(["é", "\x9b2J"])
    '["é","\\u009b2J"]'
    """
    text = json.dumps(
        value, ensure_ascii=False, indent=indent, separators=None if indent else (",", ":")
    )
    # Outside strings JSON has no control characters but the newlines of its indentation.
    return re.sub(HIDDEN, lambda found: found[0] if found[0] == "\n" else _unicode(found[0]), text)


def _unicode(character: str) -> str:
    return f"\\u{ord(character):04x}"


def json_in_html(value: Any) -> str:
    r"""JSON for an HTML `script` element, which no text in it can end or turn into another.

    >>> json_in_html("</script><!--")
    '"\\u003c/script>\\u003c!--"'
    """
    return json_text(value).replace("<", "\\u003c")


def markdown(text: str) -> str:
    r"""Text as itself in Markdown, in one line and in one cell of a table.

    >>> markdown("a|b <i> [x](y)")
    'a\\|b \\<i\\> \\[x\\](y)'
    """
    return _MARKDOWN.sub(r"\\\g<0>", shown(text))


def latex(text: str) -> str:
    r"""Text as itself in LaTeX, in one line.

    >>> latex(r"50 % of \input{a}")
    '50 \\% of \\textbackslash{}input\\{a\\}'
    """
    return "".join(_LATEX.get(character, character) for character in shown(text))
