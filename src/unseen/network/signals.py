"""How a run is told to stop: signals that are collected, and kept from the processes it starts."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPED = 75
"""Exit code of a run that was told to stop and has written a checkpoint to go on from."""
STOP = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


@contextmanager
def stop_signals(also: Callable[[], None] = lambda: None) -> Iterator[list[int]]:
    """A list that fills with the signals `STOP` as they come; each calls `also`."""
    received: list[int] = []

    def receive(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        also()

    before = [signal.signal(number, receive) for number in STOP]
    try:
        yield received
    finally:
        for number, handler in zip(STOP, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes that start in here get no signals: those sent to all would kill the loader's."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
