"""A configuration's file as text: mistakes of YAML by line and column, keys that are there twice.

    PYTHONPATH=src python -m unseen.plan.yaml_file config/config.yaml

says the same of files that Snakemake itself cannot read: it reads them before any rule, and does
not say where the mistake is.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from unseen.base.errors import UserError, run
from unseen.base.text import read_text

LARGEST = 4 << 20
"""Bytes of a configuration."""


def check_yaml(path: Path) -> None:
    """Raise UserError, with line and column, for YAML that cannot be read, for values that are none
    of YAML's, and for keys that are given twice, of which the last would count in silence."""
    text = read_text(path, at_most=LARGEST)
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is not None:
            loader.construct_document(root)
        twice = list(_repeated(root, "", set()))
    except yaml.MarkedYAMLError as error:
        raise UserError(_place(path, error)) from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: no YAML: {str(error).splitlines()[0]}") from None
    except ValueError as error:  # such as a day that there is not
        raise UserError(f"{path}: {error}") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deeply") from None
    if twice:
        raise UserError("\n       ".join(f"{path}, {mistake}" for mistake in twice))


def _place(path: Path, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    problem = error.problem or "no YAML"
    if "'\\t'" in problem:
        problem = "a tab; indent with spaces"
    begun = error.context_mark
    if begun and mark and begun.line != mark.line:
        problem += f" ({error.context}, which begins in line {begun.line + 1})"
    return f"{path}{place}: {problem}"


def _repeated(node: yaml.Node | None, place: str, known: set[int]) -> Iterator[str]:
    """Keys that a mapping has twice, anywhere; a node that aliases name again is `known`."""
    if node is None or id(node) in known:
        return
    known.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _repeated(item, f"{place}[{number}]", known)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        name = str(key.value)
        dotted = f"{place}.{name}".removeprefix(".")
        line = key.start_mark.line + 1
        if name in lines and name != "<<":
            yield f"line {line}: {dotted} is there twice, first in line {lines[name]}; keep one"
        lines.setdefault(name, line)
        yield from _repeated(value, dotted, known)


def _main() -> None:
    for name in sys.argv[1:]:
        check_yaml(Path(name))
        print(f"{name}: sound YAML")


if __name__ == "__main__":
    run(_main)
