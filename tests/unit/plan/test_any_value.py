"""Any value under any key of the configuration, made of its schema: a plan, or lines that name it.

Whatever the schema refuses is refused before any job, and never by a fault of the program.
"""

import copy
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from repository import REPOSITORY

from unseen.base.errors import UserError
from unseen.plan import comparisons, reference, tables
from unseen.plan.plan import read_plan
from unseen.plan.yaml_file import check_yaml

VALUES: dict[str, Any] = {
    "null": None,
    "text": "abc",
    "long text": "x" * 300,
    "control characters": "\x1b[2J",
    "yes": True,
    "zero": 0,
    "negative": -1,
    "half": 1.5,
    "huge": 10**30,
    "infinite": math.inf,
    "no number": math.nan,
    "list": [],
    "list of nothing": [None],
    "list of lists": [[]],
    "list of numbers": [1, 1],
    "mapping": {"a": 1},
    "numbered mapping": {1: 2},
    "path upwards": "../..",
}
NAMES = {
    "runs": ("demo-e2e", "objects"),
    "datasets": ("mine", "listed"),
    "embeddings": ("phrases",),
}
"""Sections of the wide configuration that stand for all of their kind."""

Path_ = tuple[str | int, ...]


@cache
def wide() -> dict[str, Any]:
    """The wide configuration, but for the runs whose weights the tests of the workflow make."""
    values: dict[str, Any] = yaml.safe_load((REPOSITORY / "tests/config/wide.yaml").read_text())
    for name in ("released", "texts"):
        del values["runs"][name]
    values["table2"] = [row for row in values["table2"] if row["run"] in values["runs"]]
    return values | {"demo": {}}


def keys(section: dict[str, Any], root: dict[str, Any], path: Path_ = ()) -> Iterator[Path_]:
    """Every key of a schema, and of its named sections and rows."""
    if "$ref" in section:
        section = root["$defs"][section["$ref"].rsplit("/", 1)[1]]
    for key, child in section.get("properties", {}).items():
        yield (*path, key)
        yield from keys(child, root, (*path, key))
    if isinstance(further := section.get("additionalProperties"), dict):
        for name in NAMES[str(path[0])]:
            yield from keys(further, root, (*path, name))
    if isinstance(rows := section.get("items"), dict):
        yield from keys(rows, root, (*path, 0))


SCHEMA = reference.schema()
KEYS = [*keys(SCHEMA, SCHEMA)]


def changed(path: Path_, value: Any) -> dict[str, Any]:
    """The wide configuration with another value under a key."""
    values = copy.deepcopy(wide())
    place: Any = values
    for part in path[:-1]:
        place = place[part] if isinstance(place, list) else place.setdefault(part, {})
    place[path[-1]] = copy.deepcopy(value)
    return values


def read(values: dict[str, Any]) -> str:
    """What is wrong with a configuration; empty for one that can be planned."""
    try:
        plan = read_plan(values, "my.yaml", REPOSITORY)
        assert [*tables.all_of(plan), *comparisons.all_of(plan)]
    except UserError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("kind", VALUES)
def test_any_value_is_planned_or_refused(
    kind: str, validator: jsonschema.Draft202012Validator
) -> None:
    for path in KEYS:
        values = changed(path, VALUES[kind])
        said = read(values)
        assert said or kind not in ("huge", "infinite", "no number"), path
        if not said:
            assert validator.is_valid(values), f"{path} takes {kind}, which the schema refuses"
            continue
        lines = said.splitlines()
        assert all(line.strip().startswith("my.yaml: ") for line in lines), said
        assert len(lines) <= 10 and all(len(line) < 1000 for line in lines), said
        section = VALUES[kind] in ([], {}) or isinstance(VALUES[kind], dict)
        assert section or str(path[-1]) in said, f"{path}: {said}"


def test_misspelt_keys_are_told_the_right_one() -> None:
    for *path, key in KEYS:
        misspelt = f"{key[:-1]}{key[-1] * 2}" if isinstance(key, str) else ""
        said = read(changed((*path, misspelt), 1))
        assert "unknown key" in said and misspelt in said and f"did you mean {key}?" in said, said


def test_keys_that_are_there_twice_are_said(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    for path in KEYS:
        lines = [f"{'  ' * depth}{key}:" for depth, key in enumerate(map(str, path))]
        file.write_text("\n".join([*lines[:-1], f"{lines[-1]} 1", f"{lines[-1]} 2", ""]))
        with pytest.raises(UserError, match=f"{path[-1]} is there twice"):
            check_yaml(file)
