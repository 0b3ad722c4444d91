"""What the site takes from the code: the command line from its parser."""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SOURCE = str(Path(__file__).resolve().parents[1] / "src")
COLUMNS = "88"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put what `--help` says of every command in the place of `<!-- command line -->`."""
    return re.sub("<!-- command line -->", lambda _: "\n\n".join(command_line()), markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Lists of columns in a table break behind their commas."""
    return re.sub("<td><code>[^<]*", lambda cell: cell[0].replace(",", ",<wbr>"), html)


def command_line() -> Iterator[str]:
    """A section for the command and for each of its parts."""
    if SOURCE not in sys.path:  # MkDocs takes back what a hook adds while it is loaded
        sys.path.insert(0, SOURCE)
    from unseen.prediction.command import command_parser

    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = COLUMNS  # argparse asks for the terminal's width
    try:
        parser = command_parser()
        yield _section(parser)
        (parts,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        yield from map(_section, parts.choices.values())
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def _section(parser: argparse.ArgumentParser) -> str:
    return f"## {parser.prog}\n\n```text\n{parser.format_help()}```"
