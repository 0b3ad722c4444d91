"""Snakemake's records of finished jobs: behind a damaged or a missing one a stale result could hide."""

import json
from base64 import urlsafe_b64decode
from pathlib import Path

UNKNOWN = {"record_format_version": 6, "code": "unknown", "params": [], "input_checksums": {}}
"""A record that fits no job, so that Snakemake sees a reason to run its job again."""


def mend_records(folder: Path) -> dict[str, str]:
    """Have every job run again whose record cannot be read or whose outputs came without one.

    Snakemake ignores a record that is cut off, as by a crash of the machine, and with it all reasons
    to rerun the job. And of a job that was killed between its last output and its record it notices
    the mark of incompleteness only where the job does not lie behind a checkpoint. Such a file is
    given a record that fits no job; the file itself stays.

    While another Snakemake holds its lock nothing is done.

    Args:
        folder: Snakemake's own, `.snakemake`, in the working directory.

    Returns:
        The outputs and what was found.
    """
    records, marks = folder / "metadata", folder / "incomplete"
    if any((folder / "locks").glob("*")):
        return {}
    found = {
        path.relative_to(records): "its record is damaged"
        for path in filter(Path.is_file, records.rglob("*"))
        if _is_damaged(path)
    }
    for mark in filter(Path.is_file, marks.rglob("*")):
        name = mark.relative_to(marks)
        if (folder.parent / _output_of(name)).exists() and not _is_unknown(records / name):
            found[name] = "its job was interrupted"
    for name in found:
        (records / name).parent.mkdir(parents=True, exist_ok=True)
        (records / name).write_text(json.dumps(UNKNOWN))
    return {_output_of(name): found[name] for name in sorted(found)}


def _is_damaged(path: Path) -> bool:
    try:
        return not isinstance(json.loads(path.read_bytes()), dict)
    except FileNotFoundError:
        return False
    except ValueError:
        return True


def _is_unknown(path: Path) -> bool:
    return path.is_file() and json.loads(path.read_bytes()) == UNKNOWN


def _output_of(name: Path) -> str:
    """The output that a record is about; its file's name is that in Base64, long ones in parts."""
    return urlsafe_b64decode("".join(part.lstrip("@") for part in name.parts)).decode()
