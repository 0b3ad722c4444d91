"""The ffmpeg program: which one, and how it is run on files that nobody has vetted."""

import contextlib
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import lru_cache
from threading import Timer
from typing import IO, TypeVar

from unseen.base.errors import UserError
from unseen.videos.probing import VideoError

OLDEST_FFMPEG = (5, 1)  # the first with -fps_mode
LOGGING = ("-nostdin", "-hide_banner", "-v", "repeat+level+warning")
PROTOCOLS = "file,pipe"
Result = TypeVar("Result")
MEMORY = 4 << 30
"""Bytes of address space that an ffmpeg may take."""


@lru_cache(maxsize=1)
def ffmpeg() -> str:
    """Path of the ffmpeg to use: that which IMAGEIO_FFMPEG_EXE names, else imageio-ffmpeg's own,
    else the system's.

    imageio-ffmpeg's is one file. A system's loads some 200 libraries each time that it starts,
    which takes longer than to decode a short clip. Raises UserError when there is none, or one that
    is too old.
    """
    import imageio_ffmpeg

    try:
        binary: str = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise UserError("no ffmpeg: install ffmpeg 5.1 or newer, or imageio-ffmpeg") from error
    if shutil.which(binary) is None:
        raise UserError(f"IMAGEIO_FFMPEG_EXE is {binary}, which is no program")
    if _version(binary) < OLDEST_FFMPEG:
        raise UserError(
            f"{binary} is too old: name an ffmpeg 5.1 or newer in the variable IMAGEIO_FFMPEG_EXE"
        )
    return binary


def _version(binary: str) -> tuple[int, int]:
    """Version of an ffmpeg; a build of its repository has no number and counts as the newest."""
    text = subprocess.run([binary, "-version"], capture_output=True, text=True).stdout
    numbers = re.match(r"ffmpeg version n?(\d+)\.(\d+)", text)
    return (int(numbers[1]), int(numbers[2])) if numbers else (99, 0)


def has(kind: str, name: str) -> bool:
    """Whether ffmpeg has one of its `filters` or `encoders`."""
    return re.search(rf"^ \S+ {name} ", _listing(ffmpeg(), kind), re.MULTILINE) is not None


@lru_cache(maxsize=4)
def _listing(binary: str, kind: str) -> str:
    return subprocess.run(
        [binary, "-hide_banner", f"-{kind}"], capture_output=True, text=True
    ).stdout


def run_ffmpeg(
    command: list[str],
    timeout_s: float,
    read: Callable[[IO[bytes]], Result],
    pass_fds: tuple[int, ...] = (),
) -> tuple[int, Result, str]:
    """Run ffmpeg to its end: its exit code, what `read` makes of its stdout, and its log.

    It may take `MEMORY` and no more time than `timeout_s`, after which VideoError is raised. On
    Linux it ends with the process that started it, elsewhere when it next writes.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*_ending_with_parent(), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=pass_fds,
        )
        assert process.stdout is not None
        _limit(process.pid, resource.RLIMIT_AS, MEMORY)
        _limit(process.pid, resource.RLIMIT_CPU, int(timeout_s) + 1)
        timer = Timer(timeout_s, process.kill)
        timer.start()
        try:
            output = read(process.stdout)
            process.stdout.read()  # what the reader left
            code = process.wait()
        finally:
            late = not timer.is_alive()
            timer.cancel()
            process.kill()
            process.wait()
            process.stdout.close()
        if late:
            raise VideoError(f"ffmpeg was ended after {timeout_s:g} s without a result")
        log.seek(0)
        return code, output, log.read().decode(errors="replace")


def _limit(process: int, limit: int, value: int) -> None:
    """Limit a process, where the system can limit another one (Linux)."""
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(process, limit, (value, value))


@lru_cache(maxsize=1)
def _ending_with_parent() -> tuple[str, ...]:
    """The program that has Linux kill a command when the process that started it is gone.

    To ask for it in this process, between fork and exec, makes a start take eight times as long.
    """
    found = shutil.which("setpriv")
    return (found, "--pdeathsig", "KILL", "--") if found else ()
