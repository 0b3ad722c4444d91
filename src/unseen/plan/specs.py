"""Specifications that are too large for a command line, as files."""

import json
from typing import Any

from unseen.base.files import atomic, json_digest
from unseen.base.run_stage import SPECS

LONGEST = 50_000
"""Characters of arguments in a command."""


def in_a_file(name: str, value: Any) -> str:
    """A JSON value as the argument `@FILE`: a command of over 128 kB cannot be started.

    The name holds the content, so that a dry-run with other settings changes nothing for a job that
    is to start.
    """
    path = SPECS / f"{name}-{json_digest(value)[:12]}.json"
    if not path.is_file():
        with atomic(path) as temporary:
            temporary.write_text(as_json(value))
    return f"@{path}"


def shortened(arguments: Any) -> Any:
    """Arguments of a script as they are, or too many of them as one that names a file, which
    run_stage.py opens: thousands of shards are more than a command can hold."""
    if not isinstance(arguments, list) or sum(map(len, arguments)) < LONGEST:
        return arguments
    return [in_a_file("arguments", arguments)]


def as_json(value: Any) -> str:
    """A JSON value, the same text for the same value."""
    return json.dumps(value, sort_keys=True)
