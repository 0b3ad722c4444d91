"""Files below a data set's root: found quickly, in a stable order, whatever their names are."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from unseen.base.errors import UserError
from unseen.base.names import shown

# fmt: off
VIDEOS = frozenset({
    ".264", ".265", ".266", ".3g2", ".3gp", ".amv", ".asf", ".av1", ".avc", ".avi", ".dav", ".dif",
    ".divx", ".dv", ".f4v", ".flv", ".gxf", ".h261", ".h263", ".h264", ".h265", ".h266", ".hevc",
    ".ismv", ".ivf", ".m1v", ".m2t", ".m2ts", ".m2v", ".m4v", ".mj2", ".mjpeg", ".mjpg", ".mk3d",
    ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".nsv", ".nut", ".obu", ".ogm",
    ".ogv", ".qt", ".rm", ".rmvb", ".tod", ".ts", ".vc1", ".viv", ".vob", ".webm", ".wmv", ".wtv",
    ".y4m",
})
"""Endings of files that ffmpeg reads as video; its own list has sound, text and pictures too."""
PHOTOGRAPHS = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
ANIMATED = frozenset({".apng", ".gif", ".png", ".webp"})
"""Endings of pictures that may have more than one frame: then they are videos."""
ARCHIVES = frozenset({".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip"})
# fmt: on
LARGEST = 512 << 20
"""Bytes of a publisher's annotations; Kinetics-700's are 30 million."""
SKIPPED_FOLDERS = frozenset({"__MACOSX"})


class File(NamedTuple):
    """A file: its path below the root with forward slashes, its bytes, its time in nanoseconds.

    Bytes of the path that are no UTF-8 are kept as Python keeps them (see `unseen.base.names`).
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
        UserError: where there is no such folder, or a folder cannot be read.
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
    """The videos or the photographs below a root, and a note on the files that are neither.

    Among the videos are pictures with more than one frame, such as animated GIFs.
    """
    found, others = [], Counter[str]()
    for file in walk(root):
        suffix = file.suffix
        if media == "photographs":
            wanted = suffix in PHOTOGRAPHS
        else:
            wanted = suffix in VIDEOS or (suffix in ANIMATED and is_animated(root, file))
        if wanted:
            found.append(file)
        else:
            others[suffix or "no ending"] += 1
    notes = []
    if others:
        kinds = ", ".join(f"{count} {shown(suffix)}" for suffix, count in others.most_common(5))
        notes.append(f"files passed over, since they are no {media}: {kinds}")
    if archives := {suffix for suffix in others if suffix in ARCHIVES}:
        notes.append(
            f"archives are not looked into: unpack the {', '.join(sorted(archives))} files"
        )
    return found, notes


def main_media(root: Path | str) -> str:
    """`videos` where there is a video below a root, or most pictures are animated; otherwise
    `photographs`.

    Raises:
        UserError: where there is neither.
    """
    still, moving = 0, 0
    for file in walk(root):
        suffix = file.suffix
        if suffix in VIDEOS:
            return "videos"
        if suffix in ANIMATED and is_animated(root, file):
            moving += 1
        elif suffix in PHOTOGRAPHS:
            still += 1
    if not still and not moving:
        raise UserError(f"{root} holds neither videos nor photographs")
    return "videos" if moving > still else "photographs"


def is_animated(root: Path | str, file: File) -> bool:
    """Whether a picture has more than one frame; not where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(Path(root) / file.path) as picture:
            return bool(getattr(picture, "is_animated", False))
    except Exception:  # of many kinds, by what is damaged
        return False


def tree_digest(root: Path | str, others: Iterable[Path]) -> str:
    """SHA-256 over the names, sizes and times of all files below a root, and over other files.

    Of the other files, such as annotations, the content counts, wherever they lie. Half a million
    files take a few seconds.
    """
    digest = hashlib.sha256()
    for path, size, mtime_ns in walk(root):
        digest.update(f"{path}\0{size}\0{mtime_ns}\n".encode(errors="surrogateescape"))
    for other in others:
        digest.update(b"\0")
        digest.update(read_bytes(other))
    return digest.hexdigest()


def read_bytes(path: Path) -> bytes:
    """A file's content. Raises UserError where there is no such file, or one over `LARGEST`."""
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise UserError(f"{path} is larger than {LARGEST >> 20} MiB, the most that is read of it")
    return content


def _entries(folder: str) -> list[os.DirEntry[str]]:
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
