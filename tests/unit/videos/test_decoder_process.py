"""Calls in other processes: results, exceptions, limits, deaths, and nothing left over."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import planted
import pytest

from unseen.videos import decoder_process
from unseen.videos.decoder_process import Decoders
from unseen.videos.probing import VideoError


def test_results_come_back_as_they_are_by_one_process() -> None:
    with Decoders(60) as decoders:
        first = decoders.call(os.getpid)
        rows = decoders.call(np.arange, 1 << 20, dtype=np.uint16).reshape(-1, 2)
        assert np.array_equal(rows.ravel(), np.arange(1 << 20).astype(np.uint16))
        rows[:] = 0  # an array like any other
        assert decoders.call(sorted, [3, 1], reverse=True) == [3, 1]
        assert decoders.call(np.zeros, (0, 3)).shape == (0, 3)
        with pytest.raises(ZeroDivisionError, match="planted"):
            decoders.call(planted.fail)
        assert decoders.call(os.getpid) == first != os.getpid()
    with Decoders(60) as decoders:
        assert decoders.call(os.getpid) == first


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (planted.hang, "ended after 0.3 s without a result"),
        (planted.hang_in_c, "ended after 0.3 s without a result"),
        (planted.grow, "takes more than 4 GiB of memory"),
        (planted.crash, r"ended the decoder \(SIGSEGV\), which may take 4 GiB"),
        (planted.abort, r"ended the decoder \(SIGABRT\)"),
        (planted.be_killed, r"ended the decoder \(SIGKILL\)"),
    ],
)
def test_a_call_that_fails_costs_itself_alone(function, reason) -> None:
    with Decoders(60) as decoders:
        decoders.call(os.getpid)  # that it takes a while to start counts for nothing here
        decoders.timeout_s = 0.3 if "0.3" in reason else 60
        with pytest.raises(VideoError, match=reason):
            decoders.call(function)
        decoders.timeout_s = 60
        assert decoders.call(abs, -2) == 2


def test_a_process_that_was_killed_while_it_waited_costs_nothing() -> None:
    with Decoders(60) as decoders:
        os.kill(decoders.call(os.getpid), signal.SIGKILL)
        decoder_process._idle[-1].child.wait()
        assert decoders.call(abs, -2) == 2


def test_a_child_of_this_process_asks_its_own() -> None:
    with Decoders(60) as decoders:
        before = decoders.call(os.getpid)
        child = os.fork()
        if not child:
            os._exit(bool(decoder_process._idle))
        assert os.waitpid(child, 0)[1] == 0
        assert decoders.call(os.getpid) == before


def test_nothing_is_left_of_a_process_that_was_killed(tmp_path: Path) -> None:
    """Also in the midst of an endless loop."""
    code = (
        "import os, planted; from unseen.videos.decoder_process import Decoders\n"
        "with Decoders(60) as decoders:\n"
        "    print(decoders.call(os.getpid), flush=True)\n"
        "    decoders.call(planted.hang)\n"
    )
    command = [sys.executable, "-c", code]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=paths, stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        pid = int(asking.stdout.readline())
        time.sleep(0.1)
        assert is_alive(pid)
        asking.kill()
    for _ in range(200):
        if not is_alive(pid):
            return
        time.sleep(0.02)
    raise AssertionError("the process goes on")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
