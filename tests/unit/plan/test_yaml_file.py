"""Mistakes of YAML are named by line and column, keys that are there twice by both lines."""

from pathlib import Path

import pytest
import yaml
from fuzzing import TRIES, assert_survives
from repository import REPOSITORY

from unseen.base.errors import UserError
from unseen.plan.configuration import read_configuration
from unseen.plan.yaml_file import check_yaml

MISTAKES = {
    "a:\n  b: 1\n\tc: 2\n": "my.yaml, line 3, column 1: a tab; indent with spaces",
    "a: [1, 2\nb: 3\n": "line 2, column 2: expected ',' or ']'",
    "a: 'x\nb: 3\n": "line 3, column 1: found unexpected end of stream",
    "a: b: c\n": "line 1, column 5: mapping values are not allowed here",
    "a:\n  b: 1\n  c: 2\n  b: 3\n": "line 4: a.b is there twice, first in line 2; keep one",
    "a:\n- b: 1\n  b: 3\n": "line 3: a[0].b is there twice, first in line 2",
    "a: \0": "no YAML",
    "a:\n  b: !!python/name:os.system x\n": "line 2, column 6: could not determine a constructor",
    "a: 2020-13-40\n": "month must be in 1..12",
    "[" * 10**6: "is nested too deeply",
    "#" * (5 << 20): "is larger than 4 MiB",
}
BOMB = "a0: &a0 [1, 1]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(40))
"""Two to the power of 41 numbers, by their aliases."""


@pytest.mark.parametrize("text", MISTAKES)
def test_mistake(tmp_path: Path, text: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        check_yaml(path)
    assert MISTAKES[text] in str(error.value) and "my.yaml" in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "a: {b: 1}\nc: {b: 1}\n", "a: &x {b: 1}\nc:\n  <<: *x\n", "a: &x [*x]\n", BOMB]
)
def test_sound(tmp_path: Path, text: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    check_yaml(path)


def read_own(path: Path) -> object:
    """A configuration as the workflow reads it: the text is looked at before it is loaded."""
    check_yaml(path)
    values = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    return read_configuration(values if isinstance(values, dict) else {}, str(path))


@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize("name", ["config.yaml", "paper.yaml"])
def test_a_damaged_configuration_is_read_or_refused(tmp_path: Path, name: str, tries: int) -> None:
    valid = (REPOSITORY / "config" / name).read_bytes()
    assert_survives(read_own, valid, tmp_path / name, tries=tries)
