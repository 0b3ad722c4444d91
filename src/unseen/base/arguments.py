"""Kinds of command-line arguments that several scripts share."""

import argparse
import contextlib
import json
from pathlib import Path
from typing import Any


def json_value(text: str) -> Any:
    """A JSON value, or what the JSON file `@path` holds."""
    try:
        return json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"not JSON: {text[:60]} ({error})") from None


def file_name(text: str) -> Path:
    """The name of a file or a folder; a leading `~` is the home folder, as the shell has it."""
    if not text.strip():
        raise argparse.ArgumentTypeError("an empty name")
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is an address: download it and name the file")
    with contextlib.suppress(RuntimeError):  # a user who is not known
        return Path(text).expanduser()
    return Path(text)


def named_path(text: str) -> tuple[str, Path]:
    """`NAME=PATH` as a pair."""
    name, equals, path = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is not of the form NAME=PATH")
    return name, Path(path)


def group_by_name(pairs: list[tuple[str, Path]]) -> dict[str, list[Path]]:
    """Pairs of data set and shard as each data set's shards, in their order."""
    groups: dict[str, list[Path]] = {}
    for name, path in pairs:
        groups.setdefault(name, []).append(path)
    return groups


def add_version_options(parser: argparse.ArgumentParser) -> None:
    """The options that tell a result's parts (see `unseen.versions`)."""
    parser.add_argument(
        "--stages", type=json_value, default={}, help="JSON: code and settings of each stage"
    )
    parser.add_argument(
        "--sources",
        type=named_path,
        nargs="*",
        default=[],
        metavar="DATASET=FILE",
        help="files that hold the digest of a data set's source files",
    )
    parser.add_argument("--versions", type=Path, default=Path("results/versions"))


def parts(options: argparse.Namespace) -> dict[str, Any]:
    """The parts of a result's version, from the options of `add_version_options`."""
    return {
        "stages": options.stages,
        "sources": {name: path.read_text().strip() for name, path in options.sources},
    }
