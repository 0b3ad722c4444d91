"""Snakemake's records of finished jobs, mended where a stale result could hide behind them."""

import json
import sys
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

UNKNOWN = {"record_format_version": 6, "code": "unknown", "params": [], "input_checksums": {}}
"""A record that fits no job, so that Snakemake sees a reason to run its job again."""


def say_what_is_lost(folder: Path) -> None:
    """Mend the records of a working directory and say on stderr which were damaged or are gone,
    since they decide what reruns."""
    state = folder / ".snakemake"
    recorded = any((state / "metadata").glob("*"))
    if any((folder / "results").glob("*.csv")) and not recorded:
        print(
            "warning: .snakemake is gone, and with it what the files in results/ were made with: "
            "changes of settings and code since then go unnoticed. `snakemake --forceall` "
            "makes everything anew.",
            file=sys.stderr,
        )
    say_what_is_made_anew(mend_records(state))


def say_what_is_made_anew(mended: Mapping[str, str]) -> None:
    """Say on stderr which outputs will be made anew, and why."""
    for output, fault in mended.items():
        print(f"{output} will be made anew: {fault}", file=sys.stderr)


def mend_records(folder: Path, exists: Callable[[str], bool] | None = None) -> dict[str, str]:
    """Have every job run again of which Snakemake would not see that it has to.

    - A record cut off, as by a crash of the machine: Snakemake ignores it, and with it all reasons.
    - A job killed between its last output and its record: Snakemake looks for the mark that it left
      only in jobs that do not lie behind a checkpoint.
    - A rerun that failed or was killed: its earlier output is gone, and Snakemake takes what was
      made of that for up to date. Such an output has a mark or, since Snakemake records failed jobs
      too, a newer record than what was made of it. One that somebody removed to save space has an
      older one and stays away.

    The files in question are given a record that fits no job; they themselves stay. While another
    Snakemake holds its lock nothing is done.

    Args:
        folder: Snakemake's own, `.snakemake`, in the working directory.
        exists: Whether a file of the workflow is there; by default in the working directory.

    Returns:
        The outputs whose jobs will run again, and why.
    """
    if any((folder / "locks").glob("*")):
        return {}
    here = exists is None
    exists = exists or (lambda output: (folder.parent / output).exists())
    found: dict[Path, str] = {}
    known = set()
    marked = _files(folder / "incomplete")
    recorded = _files(folder / "metadata")
    is_marked = set(map(output_of, marked))
    written = {
        output_of(name): (folder / "metadata" / name).stat().st_mtime_ns for name in recorded
    }

    def is_lost(output: str, since: int = 0) -> bool:
        """Whether an output is gone because a job began to make it anew, later than `since`."""
        if exists(output) or (here and "://" in output):
            return False  # what lies in another storage is looked for by Snakemake
        return output in is_marked or output not in written or written[output] > since

    for name in recorded:
        record = _read(folder / "metadata" / name)
        if record is None:
            found[name] = "its record is damaged"
            continue
        if record == UNKNOWN:
            known.add(name)
            continue
        since = written[output_of(name)]
        lost = [source for source in record.get("input") or () if is_lost(source, since)]
        if lost:
            found[name] = f"the job that makes {lost[0]} anew did not finish"
    for name in marked:
        if name not in known and exists(output_of(name)):
            found[name] = "its job was interrupted"
    for name in found:
        path = folder / "metadata" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(UNKNOWN))
    return {output_of(name): found[name] for name in sorted(found)}


def _files(folder: Path) -> list[Path]:
    """All files below a folder, relative to it."""
    return [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]


def _read(path: Path) -> dict[str, Any] | None:
    """A record, or None for one that is damaged."""
    try:
        record = json.loads(path.read_bytes())
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def output_of(name: Path) -> str:
    """The output that a record is about; its file's name is that in Base64, long ones in parts."""
    return urlsafe_b64decode("".join(part.lstrip("@") for part in name.parts)).decode()
