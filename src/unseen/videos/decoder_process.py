"""Functions that decode, called in processes of their own: what hangs, grows or crashes there is
one call's failure.

A process is used again and again, and a new one takes the place of one that died. It ends with the
process that started it, whatever it is at.
"""

import atexit
import contextlib
import errno
import fcntl
import mmap
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from itertools import accumulate, pairwise
from multiprocessing.connection import Connection, Pipe
from typing import Any, ParamSpec, TypeVar

from unseen.videos.ffmpeg_process import MEMORY
from unseen.videos.probing import VideoError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

START = (
    "import sys; memory, requests, *sys.path = sys.argv[1:]; import unseen.videos.footage;"
    "from unseen.videos.decoder_process import serve; serve(int(memory), int(requests))"
)
_idle: "deque[_Process]" = deque()


class Decoders:
    """Calls of functions in other processes, by as many threads as ask. At the end of a `with` the
    processes that are still at work are ended; idle ones are kept for the next time."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._busy: set[_Process] = set()
        self._closed = False

    def __enter__(self) -> "Decoders":
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        for process in list(self._busy):
            process.child.kill()

    def call(
        self,
        function: Callable[Parameters, Result],
        *args: Parameters.args,
        **kw: Parameters.kwargs,
    ) -> Result:
        """What an importable function gives, or raises. Raises VideoError when the call takes more
        than `timeout_s` or `MEMORY`, or ends its process."""
        process = _borrowed()
        self._busy.add(process)
        try:
            if self._closed:
                raise VideoError("interrupted")
            good, result = process.call(self.timeout_s, function, args, kw)
        except (EOFError, OSError):
            raise VideoError(_cause(process.end(), self.timeout_s)) from None
        except BaseException:
            process.end()
            raise
        finally:
            self._busy.discard(process)
        _idle.append(process)
        if not good:
            raise result
        found: Result = result
        return found


def prepare(count: int) -> None:
    """Start processes that will soon be asked, up to `count`."""
    while len(_idle) < count:
        _idle.append(_Process())


def _borrowed() -> "_Process":
    """An idle process, or a new one."""
    with contextlib.suppress(IndexError):
        while True:
            process = _idle.pop()
            if process.child.poll() is None:
                return process
            process.end()
    return _Process()


def _cause(code: int, timeout_s: float) -> str:
    """Why a process is gone, by its exit code."""
    if code == -signal.SIGALRM:
        return f"decoding was ended after {timeout_s:g} s without a result"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"exit code {code}"
    return f"decoding it ended the decoder ({name}), which may take {MEMORY >> 30} GiB of memory"


class _Process:
    """A process that answers calls, one at a time. Results come back in memory that both have."""

    def __init__(self) -> None:
        self.connection, theirs = Pipe()
        self.memory = _shared_memory()
        fds = (self.memory, theirs.fileno())
        self.child = subprocess.Popen(
            [sys.executable, "-c", START, *map(str, fds), *sys.path],
            stdin=subprocess.PIPE,  # nothing is written: that it ends says that this process has
            stdout=subprocess.DEVNULL,
            pass_fds=fds,
            process_group=0,  # Ctrl-C is for the process that asks
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        theirs.close()

    def call(self, timeout_s: float, *call: Any) -> tuple[bool, Any]:
        """Whether a call was good, and its result or exception. Raises EOFError or OSError when the
        process dies."""
        self.connection.send((timeout_s, *call))
        ends: list[int] = self.connection.recv()
        with mmap.mmap(self.memory, ends[-1]) as memory, memoryview(memory) as view:
            buffers = [bytearray(view[first:end]) for first, end in pairwise(ends)]
            answer: tuple[bool, Any] = pickle.loads(view[: ends[0]], buffers=buffers)
        os.ftruncate(self.memory, 0)
        return answer

    def end(self) -> int:
        """End the process: its exit code."""
        self.connection.close()
        self.child.kill()
        code = self.child.wait()
        assert self.child.stdin is not None
        self.child.stdin.close()
        with contextlib.suppress(OSError):
            os.close(self.memory)
        return code


def _shared_memory() -> int:
    """A file without a name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("unseen")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


@atexit.register
def _end_idle() -> None:
    while _idle:
        _idle.pop().end()


os.register_at_fork(after_in_child=_idle.clear)


# In the process


def serve(memory: int, requests: int) -> None:
    """Answer calls until there are no more."""
    _end_with_parent()
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    connection = Connection(requests)
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            timeout_s, function, args, kw = connection.recv()
            signal.setitimer(signal.ITIMER_REAL, timeout_s)  # ends the process, in any loop
            ends = _tried(memory, function, args, kw)
            signal.setitimer(signal.ITIMER_REAL, 0)
            connection.send(ends)


def _end_with_parent() -> None:
    """Have the system kill this process when its standard input ends, as it does with the process
    that holds the other side (Linux; elsewhere the process ends when it next asks for a call)."""
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def _tried(memory: int, function: Callable[..., Any], args: Any, kw: Any) -> list[int]:
    """Call a function and lay its result, or the exception, into the shared memory: where each part
    of it ends."""
    try:
        return _lay(memory, (True, function(*args, **kw)))
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            error = VideoError(f"decoding it takes more than {MEMORY >> 30} GiB of memory")
        return _lay(memory, (False, error))


def _lay(memory: int, answer: tuple[bool, Any]) -> list[int]:
    buffers: list[pickle.PickleBuffer] = []
    content = pickle.dumps(answer, protocol=5, buffer_callback=buffers.append)
    parts: list[bytes | memoryview] = [content, *(buffer.raw() for buffer in buffers)]
    ends = list(accumulate(map(len, parts)))
    os.ftruncate(memory, ends[-1])
    with mmap.mmap(memory, ends[-1]) as shared:
        for part in parts:
            shared.write(part)
    return ends
