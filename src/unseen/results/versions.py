"""Versions of results: the code, settings and sources that made each, and what moved since.

A version is the digest of a result's *parts*:

    {"stages": {"train": {"code": {"unseen/network/losses.py": digest, …}, "settings": {…}}, …},
     "sources": {"ucf101": digest, …}}

Nothing in between is part of it, since floats differ from machine to machine: the same sources,
code and settings give the same version everywhere where networks compute in the same arithmetic,
which is one of the sources.
"""

import contextlib
import datetime
import fcntl
import importlib.metadata
import json
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unseen.base.files import atomic, file_digest, json_digest
from unseen.base.machine import processor_name
from unseen.base.stage_code import SOURCE
from unseen.base.tabular import read_rows, write_rows
from unseen.base.text import read_json

LENGTH = 12
HISTORY_COLUMNS = ("date", "name", "version", "previous", "moved", "before", "after")
PACKAGES = (
    "av",
    "gensim",
    "h5py",
    "imageio-ffmpeg",
    "matplotlib",
    "numpy",
    "pillow",
    "scikit-learn",
    "snakemake",
    "torch",
    "torchvision",
)

Parts = Mapping[str, Mapping[str, Any]]


def version_of(parts: Parts) -> str:
    """The version of a result with these parts."""
    return json_digest(parts)[:LENGTH]


def record(
    name: str,
    files: Sequence[Path],
    parts: Parts,
    headline: Mapping[str, str],
    versions_dir: Path,
) -> str:
    """Keep a result: its pedigree as `<first file>.json`, a copy of all, a line of the history.

    Returns the version. The history gets a line when it differs from the result's last one.
    """
    version = version_of(parts)
    pedigree = files[0].with_suffix(".json")
    with _locked(versions_dir):
        history = _read_history(versions_dir)
        _write_json(pedigree, _pedigree(name, version, files, parts, headline))
        kept = versions_dir / name / version
        kept.mkdir(parents=True, exist_ok=True)
        for path in (*files, pedigree):
            with atomic(kept / path.name) as temporary:
                shutil.copyfile(path, temporary)
        last = next((line for line in reversed(history) if line["name"] == name), None)
        if last is None or last["version"] != version:
            before = _kept_pedigree(versions_dir, name, last)
            history.append(_history_line(name, version, last, before, parts, headline))
            write_rows(versions_dir / "history.csv", HISTORY_COLUMNS, history)
    return version


def differences(before: Parts, after: Parts) -> list[str]:
    """What moved between two sets of parts, in words: modules, keys and sources."""
    old, new = _flatten(before), _flatten(after)
    return [
        _in_words(path, old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    ]


def _flatten(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if isinstance(value, Mapping):
        flat: dict[tuple[str, ...], Any] = {}
        for key, part in value.items():
            flat |= _flatten(part, (*path, str(key)))
        return flat
    return {path: value}


def _in_words(path: tuple[str, ...], old: Any, new: Any) -> str:
    kind, *rest = path
    if kind == "stages" and "code" in rest[1:2]:
        return f"{rest[0]}: code of {'.'.join(rest[2:])}"
    if kind == "stages" and len(rest) > 2:
        return f"{rest[0]}: {'.'.join(rest[2:])} {_short(old)} -> {_short(new)}"
    return f"{kind}: {'.'.join(rest)}"


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# The pedigree beside a result


def _pedigree(
    name: str, version: str, files: Sequence[Path], parts: Parts, headline: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "headline": dict(headline),
        "date": _now(),
        "commit": _commit(),
        "device": _device(),
        "packages": _packages(),
        "files": {path.name: file_digest(path) for path in files},
        "parts": parts,
    }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _commit() -> str | None:
    """The commit of the code, with `-dirty` behind it where files differ from it."""
    return _output(["git", "-C", str(SOURCE), "describe", "--always", "--dirty", "--abbrev=40"])


def _device() -> dict[str, Any]:
    gpus = _output(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"])
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": processor_name(),
        "gpus": gpus.splitlines() if gpus else [],
    }


def _packages() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def _output(command: list[str]) -> str | None:
    """What a command prints; None if it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


# The history


def _read_history(versions_dir: Path) -> list[dict[str, str]]:
    path = versions_dir / "history.csv"
    return read_rows(path, HISTORY_COLUMNS) if path.exists() else []


def _kept_pedigree(
    versions_dir: Path, name: str, last: Mapping[str, str] | None
) -> dict[str, Any] | None:
    """The pedigree of the last version, unless someone has deleted it."""
    if last is None:
        return None
    found = sorted((versions_dir / name / last["version"]).glob("*.json"))
    return read_json(found[0]) if found else None


def _history_line(
    name: str,
    version: str,
    last: Mapping[str, str] | None,
    before: Mapping[str, Any] | None,
    parts: Parts,
    headline: Mapping[str, str],
) -> dict[str, str]:
    if last is None:
        moved = "first version"
    elif before is None:
        moved = "unknown: the last version's files are gone"
    else:
        moved = "; ".join(differences(before["parts"], parts))
    return {
        "date": _now(),
        "name": name,
        "version": version,
        "previous": last["version"] if last else "",
        "moved": moved,
        "before": _numbers(before["headline"]) if before else "",
        "after": _numbers(headline),
    }


def _numbers(headline: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in headline.items())


def _write_json(path: Path, value: Any) -> None:
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One writer at a time: results are often made side by side."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
