"""Files from the internet: resumed, checked against what their publisher says, unpacked safely."""

import hashlib
import shutil
import stat
import subprocess
import tarfile
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any

from unseen.base.errors import UserError
from unseen.base.progress import progress_bar

TRIES = 5
"""Connections in a row that bring nothing new, after which a download is given up."""
TIMEOUT_S = 60.0
PART = ".part"
"""Ends the name of a file that is not whole yet; the next try goes on from there."""
_PIECE = 1 << 20


@dataclass(frozen=True)
class Source:
    """A file that a publisher offers: its address, the bytes that it has and a digest of them
    (`sha256:...` or `md5:...`), None where the publisher names none."""

    url: str
    size: int | None = None
    digest: str | None = None


def download(source: Source, target: Path) -> str:
    """Put a file at `target`; one that is there already and is right stays. Returns a line that
    says what it was held against.

    What an earlier try has left is gone on from, where the server can.

    Raises UserError where the file cannot be had, and where it is another than the publisher says:
    then nothing stays behind.
    """
    if target.is_file():
        _check(source, target)
        return f"{target} is there ({_held_against(source)})"
    part = target.with_name(target.name + PART)
    part.parent.mkdir(parents=True, exist_ok=True)
    _bring(source, part)
    try:
        _check(source, part)
    except UserError:
        part.unlink()
        raise
    part.replace(target)
    return f"{target}: {target.stat().st_size:,} bytes ({_held_against(source)})"


def _held_against(source: Source) -> str:
    if source.digest:
        return f"checked by {source.digest.partition(':')[0]}"
    if source.size:
        return "checked by its size alone: the publisher names no digest"
    return "not checked: the publisher names neither size nor digest"


def _bring(source: Source, part: Path) -> None:
    """Fetch until the file is whole, over as many connections as bring something new."""
    failures, reason = 0, ""
    while failures < TRIES:
        before = part.stat().st_size if part.exists() else 0
        if source.size is not None and before == source.size:
            return
        try:
            if _go_on(source, part, before):
                return
            reason = "the connection ended early"
        except urllib.error.HTTPError as error:
            if error.code == 416:  # what is there is as long as the server's file, or longer
                return
            if error.code < 500:
                raise UserError(f"{source.url}: {_answer(error)}") from None
            reason = _answer(error)
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
        after = part.stat().st_size if part.exists() else 0
        failures = 0 if after > before else failures + 1
    raise UserError(
        f"{source.url} cannot be fetched ({reason}). What came stays in {part}: call again to go"
        f" on, or put the whole file at {part.with_name(part.name.removesuffix(PART))}"
    )


def _answer(error: urllib.error.HTTPError) -> str:
    return f"the server answers {error.code} {error.reason}"


def _go_on(source: Source, part: Path, begin: int) -> bool:
    """One connection, from byte `begin` on: whether it brought all that the server announced."""
    request = urllib.request.Request(source.url, headers={"User-Agent": "unseen"})
    if begin:
        request.add_header("Range", f"bytes={begin}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        goes_on = answer.status == 206 and _first_byte(answer) == begin
        length = answer.headers.get("Content-Length")
        announced = int(length) if length and length.isdigit() else None
        begin = begin if goes_on else 0
        limit = source.size
        if limit is not None and announced is not None and begin + announced != limit:
            raise UserError(
                f"{source.url} announces {begin + announced:,} bytes and should have {limit:,}:"
                f" it is another file"
            )
        came = 0
        with (
            part.open("ab" if goes_on else "wb") as stream,
            progress_bar(total=announced, desc=part.stem, unit="B") as bar,
        ):
            while piece := answer.read(_PIECE):
                stream.write(piece)
                came += len(piece)
                bar.update(len(piece))
                if limit is not None and begin + came > limit:
                    raise UserError(f"{source.url} sends more than its {limit:,} bytes")
        return announced is None or came == announced


def _first_byte(answer: Any) -> int | None:
    """Where a part begins, by `Content-Range: bytes 10-19/20`."""
    place = str(answer.headers.get("Content-Range", "")).removeprefix("bytes ").partition("-")[0]
    return int(place) if place.isdigit() else None


def _check(source: Source, path: Path) -> None:
    size = path.stat().st_size
    if source.size is not None and size != source.size:
        raise UserError(
            f"{path} has {size:,} bytes; {source.url} has {source.size:,}: remove it and fetch"
            f" again"
        )
    if source.digest:
        kind, _, expected = source.digest.partition(":")
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, kind).hexdigest()
        if found != expected:
            raise UserError(
                f"{path} is not the file of {source.url}: its {kind} is {found[:12]}…, not"
                f" {expected[:12]}…; remove it and fetch again"
            )


# Archives


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a zip, tar or rar into a folder that is made whole or not at all; returns the number
    of files.

    Raises UserError for an archive that is damaged, that leads out of the folder or holds links,
    and where a program for it is not installed.
    """
    if folder.exists():
        raise UserError(f"{folder} is there already: remove it, or name another folder")
    part = folder.with_name(folder.name + PART)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        _unpack_into(archive, part)
        _refuse_links(archive, part)
        part.rename(folder)
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, RuntimeError) as error:
        raise UserError(f"{archive} cannot be unpacked: {error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return sum(path.is_file() for path in folder.rglob("*"))


def _unpack_into(archive: Path, folder: Path) -> None:
    if archive.suffix == ".rar":
        _unpack_rar(archive, folder)
    elif archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as files:
            for info in files.infolist():
                _refuse_place(archive, info.filename)
                if stat.S_ISLNK(info.external_attr >> 16):
                    raise UserError(f"{archive} holds the link {info.filename!r}: not unpacked")
            files.extractall(folder)
    else:
        with tarfile.open(archive) as opened:
            for member in opened:
                _refuse_place(archive, member.name)
                if not (member.isfile() or member.isdir()):
                    raise UserError(
                        f"{archive} holds {member.name!r}, no file or folder: not unpacked"
                    )
            opened.extractall(folder, filter="data")


def _refuse_place(archive: Path, name: str) -> None:
    place = PurePosixPath(name.replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts or ":" in place.parts[:1]:
        raise UserError(f"{archive} leads out of its folder by {name!r}: not unpacked")


def _unpack_rar(archive: Path, folder: Path) -> None:
    """By a program, which has its own defence against names that lead out."""
    commands = {
        "unar": ["unar", "-quiet", "-no-directory", "-output-directory", str(folder), str(archive)],
        "bsdtar": ["bsdtar", "-x", "-f", str(archive), "-C", str(folder)],
    }
    found = next((name for name in commands if shutil.which(name)), None)
    if found is None:
        raise UserError(
            f"{archive} is a rar archive: install unar or bsdtar (libarchive-tools) and call again"
        )
    done = subprocess.run(commands[found], capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"{found} failed"]
        raise OSError(said[-1])


def _refuse_links(archive: Path, folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise UserError(f"{archive} holds the link {path.name!r}: not unpacked")
