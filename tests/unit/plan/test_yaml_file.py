"""Mistakes of YAML are named by line and column, keys that are there twice by both lines."""

from pathlib import Path

import pytest

from unseen.base.errors import UserError
from unseen.plan.yaml_file import check_yaml

MISTAKES = {
    "a:\n  b: 1\n\tc: 2\n": "my.yaml, line 3, column 1: a tab; indent with spaces",
    "a: [1, 2\nb: 3\n": "line 2, column 2: expected ',' or ']'",
    "a: 'x\nb: 3\n": "line 3, column 1: found unexpected end of stream",
    "a: b: c\n": "line 1, column 5: mapping values are not allowed here",
    "a:\n  b: 1\n  c: 2\n  b: 3\n": "line 4: a.b is there twice, first in line 2; keep one",
    "a:\n- b: 1\n  b: 3\n": "line 3: a[0].b is there twice, first in line 2",
    "a: \0": "no YAML",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistake(tmp_path: Path, text: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        check_yaml(path)
    assert MISTAKES[text] in str(error.value) and "my.yaml" in str(error.value)


@pytest.mark.parametrize("text", ["", "a: {b: 1}\nc: {b: 1}\n", "a: &x {b: 1}\nc:\n  <<: *x\n"])
def test_sound(tmp_path: Path, text: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    check_yaml(path)
