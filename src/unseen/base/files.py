"""Files: digests of their content, and writing that is whole or not at all."""

import contextlib
import glob
import hashlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unseen.base.errors import UserError


def file_digest(path: Path | str) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def json_digest(value: Any) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_digest(path: Path | str) -> str:
    """Write `<path>.sha256` (the digest and a newline), by which later stages see new content.

    Snakemake compares large files by their time; this small companion it compares by content.
    """
    digest = file_digest(path)
    with atomic(f"{path}.sha256") as temporary:
        temporary.write_text(digest + "\n")
    return digest


def verify_digest(path: Path | str) -> None:
    """Compare a file with the digest in its companion `<path>.sha256`, if there is one.

    Raises UserError for a file whose content is another.
    """
    companion = Path(f"{path}.sha256")
    if companion.is_file() and companion.read_bytes().strip() != file_digest(path).encode():
        raise UserError(
            f"{path} is damaged: its content is not the one that {companion.name} names. "
            f"Remove both and make the file again, or copy both again"
        )


@contextlib.contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path that takes the place of `path` when the block ends without an error.

    The file is flushed to the disk before it is renamed, so a reader sees the whole file or none.
    What killed writers of the same path have left on this machine is removed. A link stays, and
    what it points at is replaced; a device or a pipe is written to.
    """
    path = Path(path)
    if is_stream(path):
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder) / "whole"
            whole.touch()
            yield whole
            with whole.open("rb") as content, path.open("ab") as stream:
                shutil.copyfileobj(content, stream)
        return
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    path.parent.mkdir(parents=True, exist_ok=True)
    here = f".{path.name}.{socket.gethostname()}-"
    for left in path.parent.glob(f"{glob.escape(here)}*.tmp"):
        if not _is_alive(left.name.removeprefix(here).partition("-")[0]):
            left.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(".tmp", f"{here}{os.getpid()}-", path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def is_stream(path: Path) -> bool:
    """Whether a path is no file that can be replaced: a device, a pipe, a process's open file."""
    if path.is_relative_to("/dev") or path.is_relative_to("/proc"):
        return not path.is_relative_to("/dev/shm")
    return path.exists() and not path.is_file() and not path.is_dir()


def check_writable(path: Path) -> None:
    """Try a place before the work whose result goes there; nothing stays behind.

    Raises UserError for a folder, and for what the system does not let be written, with its reason.
    """
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder: name a file in it")
        if is_stream(path):
            if not os.access(path, os.W_OK):
                raise UserError(f"{path} cannot be written")
            return
        place = Path(os.path.realpath(path)) if path.is_symlink() else path.absolute()
        place.exists()  # a name that is too long
        folder = next(parent for parent in place.parents if parent.exists())
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None


def _is_alive(process: str) -> bool:
    """Whether a process of this machine, named by its number, is there."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        pass
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
