"""How a stage's script is run: one process at a time per job, with a log."""

import contextlib
import fcntl
import hashlib
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

LOCKS = Path(".snakemake/unseen_locks")
LOG_BAR_EVERY_S = 10.0
STORED = ("results", "resources")
SPECS = Path(".snakemake/unseen_specs")
"""The files that the plan writes for what no command can hold."""


class Tee:
    """A text stream that writes to another one and copies whole lines into a log.

    Of a progress bar, which redraws one line, the log takes a copy every ten seconds.
    """

    def __init__(self, stream: TextIO, log: TextIO) -> None:
        self.stream, self.log = stream, log
        self.last_bar = 0.0

    def write(self, text: str) -> int:
        self.stream.write(text)
        if not text.startswith("\r"):
            self.log.write(text)
        elif time.monotonic() - self.last_bar >= LOG_BAR_EVERY_S and text.strip():
            self.log.write(text.strip("\r\n ") + "\n")
            self.last_bar = time.monotonic()
        self.log.flush()
        return len(text)

    def flush(self) -> None:
        self.stream.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()


@contextlib.contextmanager
def locked(log: Path, locks: Path = LOCKS) -> Iterator[None]:
    """Hold the lock of a job, which its log names; wait while another process holds it.

    Snakemake's own lock goes with Snakemake: after it was killed, a stage that it had started can
    still be at work when the next Snakemake starts the same stage again.
    """
    locks.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(os.fspath(log).encode()).hexdigest()[:32]
    with (locks / name).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            print(f"waiting for process {lock.read()}, which is still at this job", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def opened(arguments: list[str]) -> list[str]:
    """Arguments with those in place that stand in a file of the plan's, `@FILE`."""
    beginning = f"@{SPECS}/arguments-"
    return [
        one
        for argument in arguments
        for one in (
            json.loads(Path(argument[1:]).read_text())
            if argument.startswith(beginning)
            else [argument]
        )
    ]


def link_copies(copies: Path, folder: Path = Path()) -> None:
    """Let a job find the files of a default storage, such as a bucket, by their plain names.

    Snakemake fetches what a job declares into `copies`, and takes from there what the job wrote.

    Raises SystemExit where something else has one of the names.
    """
    for name in STORED:
        link, target = folder / name, copies / name
        with contextlib.suppress(FileExistsError):  # from an earlier job, or one at the same time
            link.symlink_to(target)
        if not link.is_symlink() or link.readlink() != target:
            sys.exit(
                f"error: {name}/ is in this folder already, and the files are to lie in a storage: "
                f"start in an empty folder, or without --default-storage-provider"
            )
        target.mkdir(parents=True, exist_ok=True)


def time_left(job: str) -> float | None:
    """Seconds until the time limit of a Slurm job; None without a limit, or without Slurm."""
    try:
        command = ["squeue", "--noheader", f"--jobs={job}", "--format=%L"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        days, _, clock = shown.strip().rpartition("-")
        parts = reversed(clock.split(":"))
        seconds = sum(int(n) * unit for n, unit in zip(parts, (1, 60, 3600), strict=False))
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None
    return seconds + 86400 * int(days or 0)


def warn_before_limit(job: str, ahead_s: float = 60.0) -> None:
    """Send SIGUSR1 to this process `ahead_s` before its Slurm job ends, once the script listens.

    A script that never listens goes on to the limit. Slurm's own warning (`--signal`) does not get
    here: where Slurm tracks processes by cgroup, only the first process of a job receives it, which
    is Snakemake, and dies of it.
    """
    while (left := time_left(job)) is not None and left > ahead_s:
        time.sleep(left - ahead_s)  # and look again, since a limit can be moved
    if left is None:
        return
    while not callable(signal.getsignal(signal.SIGUSR1)):
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGUSR1)


def run_stage(log: Path, command: list[str]) -> None:
    """Run a script in this process as `__main__` and leave with its exit code.

    In a Slurm job a script that listens to SIGUSR1 gets it a minute before the time limit.

    Args:
        log: receives what the script prints, on stdout and on stderr. No two jobs share a log, so
            it names the job's lock too.
        command: a script and its arguments.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if job := os.environ.get("SLURM_JOB_ID"):
        threading.Thread(target=warn_before_limit, args=[job], daemon=True).start()
    with locked(log), log.open("w") as stream:
        sys.stdout, sys.stderr = Tee(sys.stdout, stream), Tee(sys.stderr, stream)
        sys.argv = command
        try:
            runpy.run_path(command[0], run_name="__main__")
        except SystemExit:
            raise
        except BaseException:
            traceback.print_exc()
            sys.exit(1)
