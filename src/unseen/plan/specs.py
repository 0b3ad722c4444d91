"""Specifications that are too large for a command line, as files."""

import json
from pathlib import Path
from typing import Any

from unseen.base.files import atomic, json_digest

FOLDER = Path(".snakemake/unseen_specs")


def in_a_file(name: str, value: Any) -> str:
    """A JSON value as the argument `@FILE`: a command of over 128 kB cannot be started.

    The name holds the content, so that a dry-run with other settings changes nothing for a job that
    is to start.
    """
    path = FOLDER / f"{name}-{json_digest(value)[:12]}.json"
    if not path.is_file():
        with atomic(path) as temporary:
            temporary.write_text(as_json(value))
    return f"@{path}"


def as_json(value: Any) -> str:
    """A JSON value, the same text for the same value."""
    return json.dumps(value, sort_keys=True)
