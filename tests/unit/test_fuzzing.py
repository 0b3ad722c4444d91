"""The fuzzing helper finds what it is there to find."""

import random
import time
from pathlib import Path

import pytest
from fuzzing import DAMAGES, SEED, assert_survives, damaged

from unseen.base.errors import UserError

VALID = bytes(range(256)) * 4


def test_damages_are_the_same_for_a_seed_and_change_something() -> None:
    first, second, other = (list(damaged(VALID, 50, seed)) for seed in (1, 1, 2))
    assert first == second != other
    assert sum(content != VALID for _, content in first) > 40
    assert {kind for kinds, _ in first for kind in kinds.split("+")} == {*DAMAGES}


@pytest.mark.parametrize("kind", DAMAGES)
def test_every_damage_takes_even_an_empty_file(kind: str) -> None:
    for content in (b"", b"a", b"ab", VALID):
        for seed in range(20):
            DAMAGES[kind](bytearray(content), random.Random(seed))


def test_a_reader_that_refuses_what_is_not_right_survives(tmp_path: Path) -> None:
    def read(path: Path) -> bytes:
        if (content := path.read_bytes()) != VALID:
            raise UserError(f"{path} is damaged")
        return content

    counts = assert_survives(read, VALID, tmp_path / "a.bin", tries=20)
    assert counts["refused"] + counts["right"] == 20 and counts["refused"] > 15


def _crash(path: Path) -> None:
    if path.read_bytes() != VALID:
        raise IndexError


def _anonymous(path: Path) -> None:
    if path.read_bytes() != VALID:
        raise UserError("something is damaged")


def _hang(path: Path) -> None:
    if path.read_bytes() != VALID:
        time.sleep(5)


def _litter(path: Path) -> None:
    if path.read_bytes() != VALID:
        path.with_name("left.tmp").touch()


def _devour(path: Path) -> None:
    if path.read_bytes() != VALID:
        bytearray(b"x") * (500 << 20)  # far over: a system may take idle pages away meanwhile


@pytest.mark.parametrize(
    ("read", "complaint"),
    [
        (_crash, "IndexError"),
        (_anonymous, "the file is not named"),
        (_hang, r"longer than 0\.2 s"),
        (_litter, r"the reader left \['left.tmp'\]"),
        (_devour, "MiB of memory"),
    ],
)
def test_any_other_outcome_fails_with_what_repeats_it(tmp_path: Path, read, complaint) -> None:
    path = tmp_path / "a.bin"
    with pytest.raises((AssertionError, pytest.fail.Exception), match=complaint) as failure:
        limit = 0.2 if read is _hang else 60
        assert_survives(read, VALID, path, tries=20, timeout_s=limit, memory=50 << 20)
    assert f"{SEED}=0" in str(failure.value)


def test_a_result_that_cannot_be_right_fails(tmp_path: Path) -> None:
    def check(content: bytes) -> None:
        assert content == VALID

    with pytest.raises(pytest.fail.Exception, match="a wrong result"):
        assert_survives(Path.read_bytes, VALID, tmp_path / "a.bin", tries=20, check=check)
