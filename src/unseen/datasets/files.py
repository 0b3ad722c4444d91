"""Files below a data set's root: found quickly, in a stable order, whatever their names are."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from unseen.base.errors import UserError

# fmt: off
VIDEOS = frozenset({
    ".3gp", ".asf", ".avi", ".divx", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv",
})
PHOTOGRAPHS = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
# fmt: on
SUFFIXES = {"videos": VIDEOS, "photographs": PHOTOGRAPHS}
SKIPPED_FOLDERS = frozenset({"__MACOSX"})


class File(NamedTuple):
    """A file: its path below the root with forward slashes, its bytes, its time in nanoseconds.

    A link that leads nowhere has the size and the time -1; it is listed, and rejected when decoded.
    """

    path: str
    size: int
    mtime_ns: int

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The folder's path below the root; empty for a file in the root itself."""
        return self.path.rpartition("/")[0]

    @property
    def stem(self) -> str:
        return split_name(self.name)[0]

    @property
    def suffix(self) -> str:
        return split_name(self.name)[1]

    @property
    def fingerprint(self) -> str:
        return f"{self.size}-{self.mtime_ns}"


def split_name(name: str) -> tuple[str, str]:
    """A file's name without its ending, and the ending with its dot in lower case."""
    stem, _, ending = name.rpartition(".")
    return (stem, f".{ending.lower()}") if stem else (name, "")


def walk(root: Path | str) -> Iterator[File]:
    """Every file below a root, folder by folder in the order of their names.

    Hidden files and folders are left out, links followed (each folder once). A folder with the
    ending of a video or photograph passes for a file: it stands where one should be.

    Raises:
        UserError: where there is no such folder, a folder cannot be read, or a name is no text.
    """
    pending, visited = [("", os.fspath(root))], {_identity(root)}
    while pending:
        prefix, folder = pending.pop()
        subfolders = []
        for entry in _entries(folder):
            name = entry.name
            if name.startswith("."):
                continue
            path = prefix + name
            if not name.isprintable():
                _check_text(path, root)
            if entry.is_dir() and not _poses_as_media(name):
                if name not in SKIPPED_FOLDERS and _first_visit(entry.path, visited):
                    subfolders.append((path + "/", entry.path))
                continue
            try:
                status = entry.stat()
            except OSError:
                yield File(path, -1, -1)
            else:
                yield File(path, status.st_size, status.st_mtime_ns)
        pending += reversed(subfolders)


def media_files(root: Path | str, media: str) -> tuple[list[File], list[str]]:
    """The videos or the photographs below a root, and a note on the files that are neither."""
    found, others = [], Counter()
    suffixes = SUFFIXES[media]
    for file in walk(root):
        suffix = file.suffix
        if suffix in suffixes:
            found.append(file)
        else:
            others[suffix or "no ending"] += 1
    notes = []
    if others:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(5))
        notes.append(f"files passed over, since by their names they are no {media}: {kinds}")
    return found, notes


def first_media(root: Path | str) -> str:
    """`videos` or `photographs`: what the first file below a root with a known ending is.

    Raises:
        UserError: where no file has one.
    """
    for file in walk(root):
        for media, suffixes in SUFFIXES.items():
            if file.suffix in suffixes:
                return media
    raise UserError(f"{root} holds neither videos nor photographs")


def tree_digest(root: Path | str, others: Iterable[Path]) -> str:
    """SHA-256 over the names, sizes and times of all files below a root, and over other files.

    Of the other files, such as annotations, the content counts, wherever they lie. Half a million
    files take a few seconds.
    """
    digest = hashlib.sha256()
    for path, size, mtime_ns in walk(root):
        digest.update(f"{path}\0{size}\0{mtime_ns}\n".encode())
    for path in others:
        digest.update(b"\0")
        digest.update(read_bytes(path))
    return digest.hexdigest()


def read_bytes(path: Path) -> bytes:
    """A file's content. Raises UserError where there is no such file."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


def _entries(folder: str) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"{folder} cannot be read as a folder: {error.strerror}") from None


def _poses_as_media(name: str) -> bool:
    suffix = split_name(name)[1]
    return suffix in VIDEOS or suffix in PHOTOGRAPHS


def _first_visit(folder: str, visited: set[tuple[int, int]]) -> bool:
    """Whether a folder is met for the first time: links may lead back to a folder above."""
    identity = _identity(folder)
    if identity in visited:
        return False
    visited.add(identity)
    return True


def _identity(folder: Path | str) -> tuple[int, int]:
    try:
        status = Path(folder).stat()
    except OSError as error:
        raise UserError(f"{folder} cannot be read as a folder: {error.strerror}") from None
    return status.st_dev, status.st_ino


def _check_text(path: str, root: Path | str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{root} holds a file whose name is not valid UTF-8: {path!r}; rename it"
        ) from None
