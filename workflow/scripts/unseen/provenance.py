"""Where a result comes from: digests of code, settings and files; writing whole or not at all."""

import ast
import contextlib
import glob
import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent.parent
CHUNK = 1 << 20


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


@contextlib.contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path that takes the place of `path` when the block ends without an error.

    The file is flushed to the disk before it is renamed, so a reader sees the whole file or none.
    What killed writers of the same path have left on this machine is removed.
    """
    path = Path(path)
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


def code_digest(script: str, scripts: Path = SCRIPTS) -> str:
    """Digest of a stage's code: its script and every project module that it imports, transitively.

    Syntax trees without docstrings are hashed, so that a comment, a docstring or the layout of the
    code changes nothing.

    `script` is a script's name without its ending, such as `train`.
    """
    return json_digest(module_digests(script, scripts))


def module_digests(script: str, scripts: Path = SCRIPTS) -> dict[str, str]:
    """The digest of each file in a stage's code, by its path below `scripts`."""
    return {
        str(path.relative_to(scripts)): _tree_digest(path, path.stat().st_mtime_ns)
        for path in import_closure(scripts / f"{script}.py", scripts)
    }


def import_closure(script: Path, scripts: Path = SCRIPTS) -> list[Path]:
    """The script and all files below `scripts` that it imports, directly or not, sorted."""
    found: set[Path] = set()
    pending = [script]
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending.extend(_imports(path, scripts, path.stat().st_mtime_ns))
    return sorted(found)


@cache
def _imports(path: Path, scripts: Path, _mtime: int) -> tuple[Path, ...]:
    """Files below `scripts` that one file imports, wherever in it the import stands."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                package = path.parent.relative_to(scripts).parts
                package = package[: len(package) - node.level + 1]
                base = ".".join([*package, *([node.module] if node.module else [])])
            else:
                base = node.module or ""
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    files: list[Path] = []
    for name in names:
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            target = scripts.joinpath(*parts[:length])
            for candidate in (target.with_suffix(".py"), target / "__init__.py"):
                if candidate.is_file():
                    files.append(candidate)
    return tuple(dict.fromkeys(files))


@cache
def _tree_digest(path: Path, _mtime: int) -> str:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = body[0] if body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = body[1:]
    return hashlib.sha256(_stable_dump(tree).encode()).hexdigest()


def _stable_dump(node: Any) -> str:
    """A syntax tree as text, the same in every Python version: empty fields are left out."""
    if isinstance(node, ast.AST):
        fields = [
            f"{name}={_stable_dump(value)}"
            for name, value in ast.iter_fields(node)
            if value not in (None, []) and name != "kind"
        ]
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return "[" + ",".join(map(_stable_dump, node)) + "]"
    return repr(node)
