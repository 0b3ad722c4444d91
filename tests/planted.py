"""Decoders that do what a crafted file may make libav do, by the file's name."""

import ctypes
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unseen.prediction import reading


def hang() -> None:
    while True:
        pass


def hang_in_c() -> None:
    """Without a chance for another thread of Python."""
    ctypes.PyDLL(None).pause()


def grow() -> None:
    _ = bytearray(8 << 30)


def crash() -> None:
    ctypes.string_at(0)


def abort() -> None:
    os.abort()


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    raise ZeroDivisionError("planted")


PLANTED: dict[str, Callable[[], Any]] = {
    each.__name__: each for each in (hang, hang_in_c, grow, crash, abort, be_killed)
}
plan = reading.plan


def planted_plan(path: Path, *args: Any, **kw: Any) -> Any:
    """The plan of a video, or what its name says."""
    PLANTED.get(Path(path).stem, lambda: None)()
    return plan(path, *args, **kw)


def plan_with_planted_frames(path: Path, *args: Any, **kw: Any) -> Any:
    """The plan of a video whose frames are read as its name says."""
    made = plan(path, *args, **kw)
    held = PlantedFrames(Path(path).stem, made.footage.held)
    return replace(made, footage=replace(made.footage, held=held))


@dataclass(frozen=True)
class PlantedFrames:
    name: str
    held: Any

    def only(self, indices: Any) -> "PlantedFrames":
        return replace(self, held=self.held.only(indices))

    def read(self, indices: Any) -> Any:
        PLANTED.get(self.name, lambda: None)()
        return self.held.read(indices)
