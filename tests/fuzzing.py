"""Damaged copies of a valid file, by a seed, and the outcomes that a reader may have on them.

@pytest.mark.parametrize("tries", TRIES)
def test_a_damaged_list_is_refused(tmp_path, tries):
    assert_survives(read_class_list, VALID, tmp_path / "list.tsv", tries=tries, check=is_list)
"""

import os
import random
import re
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TypeVar

import pytest

from unseen.base.errors import UserError

Result = TypeVar("Result")

TRIES = [
    pytest.param(20, id="quick"),
    pytest.param(
        int(os.environ.get("UNSEEN_FUZZ_TRIES", "1000")), marks=pytest.mark.long, id="long"
    ),
]
"""How many damaged files: the few of every run, and the many of `make test-all`, or
`UNSEEN_FUZZ_TRIES` of them."""
SEED = "UNSEEN_FUZZ_SEED"
"""The environment's variable that repeats a long run; without it each has a seed of its own."""
TIMEOUT_S = 60.0
MEMORY = 1 << 30
"""Bytes by which a reader may grow; files here are small."""

TOKENS = (
    b"\0", b"\n", b"\r", b"\t", b" ", b'"', b"'", b",", b"#", b"\xff", b"\xed\xa0\x80", b"\x1b[2J",
    b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"-1", b"0", b"nan", b"inf", b"1e999", b"9" * 400, b"null",
    b"{", b"}", b"[", b"]", b"..", b"/", b"../../x", b"=1+1", b"\x80\x04.", b"PK\x03\x04",
    b"\x1f\x8b",
)  # fmt: skip
"""What stands in no sound file at such a place."""


def assert_survives(
    read: Callable[[Path], Result],
    valid: bytes,
    path: Path,
    *,
    tries: int,
    check: Callable[[Result], None] = lambda result: None,
    refusals: type[Exception] | tuple[type[Exception], ...] = UserError,
    named: str | None = None,
    beside: Sequence[str] = (),
    timeout_s: float = TIMEOUT_S,
    memory: int = MEMORY,
) -> Counter[str]:
    """Read damaged copies of `valid`, written to `path` one after the other.

    A reader may return a result that `check` accepts (it raises where a result cannot be right), or
    raise one of `refusals` whose message holds `named` (the file's name without another word of
    it). Anything else fails and says the seed and the number that repeat it: another exception, a
    result that `check` does not accept, `timeout_s` seconds, `memory` bytes more than before, or
    files in the folder of `path` that are not among `beside`.

    Returns how many copies were `right` and how many `refused`, which is printed too.
    """
    seed = _seed(tries)
    named = path.name if named is None else named
    path.write_bytes(valid)
    check(read(path))
    counts: Counter[str] = Counter(right=0, refused=0)
    for number, (kind, content) in enumerate(damaged(valid, tries, seed)):
        path.write_bytes(content)
        place = f"{path.name}, {kind} {number} of {tries}, {SEED}={seed}"
        with _bounded(place, timeout_s, memory):
            outcome = _outcome(read, path, check, refusals, named, place)
        counts[outcome] += 1
        strangers = {entry.name for entry in path.parent.iterdir()} - {path.name, *beside}
        assert not strangers, f"{place}: the reader left {sorted(strangers)}"
    print(f"{path.name}: seed {seed}, {tries} tried, {dict(counts)}, anything else 0")
    return counts


def damaged(valid: bytes, tries: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Copies with one to three kinds of damage each, and the kinds; the same for the same seed."""
    generator = random.Random(seed)
    for _ in range(tries):
        kinds = generator.choices(list(DAMAGES), k=generator.choice([1, 1, 1, 2, 3]))
        content = bytearray(valid)
        for kind in kinds:
            DAMAGES[kind](content, generator)
        yield "+".join(kinds), bytes(content)


def _seed(tries: int) -> int:
    """Zero for the quick tries, so that they are the same everywhere; else the run's own."""
    if tries <= 20:
        return 0
    return int(os.environ.get(SEED) or random.SystemRandom().randrange(1 << 32))


def _outcome(
    read: Callable[[Path], Result],
    path: Path,
    check: Callable[[Result], None],
    refusals: type[Exception] | tuple[type[Exception], ...],
    named: str,
    place: str,
) -> str:
    try:
        result = read(path)
    except refusals as error:
        assert named in str(error), f"{place}: the file is not named: {error}"
        return "refused"
    except Exception:
        pytest.fail(f"{place}\n{traceback.format_exc()}")
    try:
        check(result)
    except Exception:
        pytest.fail(f"{place}: a wrong result\n{traceback.format_exc()}")
    return "right"


@contextmanager
def _bounded(place: str, timeout_s: float, memory: int) -> Iterator[None]:
    """Fail where the block lasts longer or takes more memory; needs Linux and the main thread."""

    def late(number: int, frame: FrameType | None) -> None:
        pytest.fail(f"{place}: longer than {timeout_s} s")

    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = _memory("VmRSS")
    former = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    taken = _memory("VmHWM") - before
    assert taken < memory, f"{place}: {taken >> 20} MiB of memory"


def _memory(key: str) -> int:
    """Bytes of this process: `VmRSS` now, `VmHWM` at most."""
    found = re.search(rf"^{key}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) << 10


# Damages, each in place


def _flip(content: bytearray, generator: random.Random) -> None:
    for _ in range(generator.choice([1, 1, 4, 32]) if content else 0):
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)


def _cut(content: bytearray, generator: random.Random) -> None:
    """The end, the beginning or a part between is gone."""
    start, end = _span(content, generator)
    match generator.choice(["end", "end", "begin", "middle"]):
        case "end":
            del content[start:]
        case "begin":
            del content[:start]
        case "middle":
            del content[start:end]


def _zero(content: bytearray, generator: random.Random) -> None:
    start, end = _span(content, generator)
    content[start:end] = bytes(end - start)


def _swap(content: bytearray, generator: random.Random) -> None:
    """Two neighbours of the same length change places."""
    start, end = _span(content, generator)
    middle = (start + end) // 2
    length = middle - start
    content[start : start + 2 * length] = content[middle : middle + length] + content[start:middle]


def _noise(content: bytearray, generator: random.Random) -> None:
    start, end = _span(content, generator)
    content[start:end] = generator.randbytes(end - start)


def _token(content: bytearray, generator: random.Random) -> None:
    place = generator.randint(0, len(content))
    content[place:place] = generator.choice(TOKENS)


def _repeat(content: bytearray, generator: random.Random) -> None:
    start, end = _span(content, generator)
    content[start:start] = content[start:end]


def _span(content: bytearray, generator: random.Random) -> tuple[int, int]:
    """A part of the content: short ones as often as long ones."""
    start = generator.randint(0, len(content))
    length = int(len(content) ** generator.random()) if content else 0
    return start, min(len(content), start + length)


DAMAGES: dict[str, Callable[[bytearray, random.Random], None]] = {
    "flip": _flip,
    "cut": _cut,
    "zero": _zero,
    "swap": _swap,
    "noise": _noise,
    "token": _token,
    "repeat": _repeat,
}
