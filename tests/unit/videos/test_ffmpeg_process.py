"""How ffmpeg ends: with the process that started it, however that one ends."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STAGE = r"""
from unseen.videos.ffmpeg_process import ffmpeg, run_ffmpeg
source = ["-f", "lavfi", "-i", "testsrc=size=64x64"]
run_ffmpeg(
    [ffmpeg(), "-v", "error", *source, "-vf", "select=gt(t\\,1e9)", "-f", "rawvideo", "-"],
    timeout_s=60,
    read=lambda stdout: stdout.read(),
)
"""


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs Linux with setpriv")
def test_an_ffmpeg_that_writes_nothing_ends_with_a_stage_that_is_killed() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    stage = subprocess.Popen([sys.executable, "-c", STAGE], env=environment)
    try:
        until(lambda: children(stage.pid))
        (program,) = children(stage.pid)
    finally:
        stage.send_signal(signal.SIGKILL)
        stage.wait()
    try:
        until(lambda: not is_ffmpeg(program))
    finally:
        if is_ffmpeg(program):
            os.kill(program, signal.SIGKILL)


def until(happened, limit_s: float = 30) -> None:
    end = time.monotonic() + limit_s
    while not happened():
        assert time.monotonic() < end, f"not within {limit_s} s"
        time.sleep(0.05)


def children(process: int) -> list[int]:
    """The process's ffmpegs that decode."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in listed if is_ffmpeg(int(child))]


def is_ffmpeg(process: int) -> bool:
    try:  # a process that is over has no arguments
        return b"testsrc" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
