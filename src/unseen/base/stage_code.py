"""Which code a stage is: the digest of its script and of all that it imports of this library."""

import ast
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from unseen.base.files import json_digest

SOURCE = Path(__file__).resolve().parents[2]
"""The folder that holds the library."""


def code_digest(script: Path, source: Path = SOURCE) -> str:
    """Digest of a stage's code: its script and every project module that it imports, transitively.

    Syntax trees without docstrings are hashed, so that a comment, a docstring or the layout of the
    code changes nothing.
    """
    return json_digest(module_digests(script, source))


def module_digests(script: Path, source: Path = SOURCE) -> dict[str, str]:
    """The digest of each file in a stage's code, by its path below `source`; the script's by its
    name."""
    return {
        _name(path, source): _parse(path, path.stat().st_mtime_ns).digest
        for path in import_closure(script, source)
    }


def _name(path: Path, source: Path) -> str:
    return str(path.relative_to(source)) if path.is_relative_to(source) else path.name


def import_closure(script: Path, source: Path = SOURCE) -> list[Path]:
    """The script and all files below `source` that it imports, directly or not, sorted."""
    found: set[Path] = set()
    pending = [script]
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending.extend(_imports(path, source))
    return sorted(found)


def _imports(path: Path, source: Path) -> tuple[Path, ...]:
    """Files below `source` that one file imports, wherever in it the import stands."""
    names: list[str] = []
    for node in _parse(path, path.stat().st_mtime_ns).imports:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
            continue
        base = node.module or ""
        if node.level:
            package = path.parent.relative_to(source).parts
            package = package[: len(package) - node.level + 1]
            base = ".".join([*package, *([node.module] if node.module else [])])
        names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(file for name in dict.fromkeys(names) for file in _files_of(name, source))


@cache
def _files_of(name: str, source: Path) -> tuple[Path, ...]:
    """The files below `source` that are loaded for a dotted name."""
    parts = name.split(".")
    targets = [source.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]
    files = [file for one in targets for file in (one.with_suffix(".py"), one / "__init__.py")]
    return tuple(file for file in files if file.is_file())


@dataclass(frozen=True)
class _Parsed:
    """A file's import statements, and the digest of its syntax tree."""

    imports: tuple[ast.Import | ast.ImportFrom, ...]
    digest: str


@cache
def _parse(path: Path, _mtime: int) -> _Parsed:
    tree = ast.parse(path.read_text())
    imports = []
    pending: list[Any] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [statement for statement in node.body if not _is_text(statement)]
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(node)
        for blocks in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, blocks, ())
            pending += inner if isinstance(inner, list) else ()
    digest = hashlib.sha256(_stable_dump(tree).encode()).hexdigest()
    return _Parsed(tuple(imports), digest)


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a text alone: a docstring, of a function or behind an attribute."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


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
