"""Every figure that wants a GPU, from one command: what was measured, its limit, and their ratio.

    make gpu_wheels    # once, where there is an index: wheels for a machine without one
    make gpu_check     # at most six minutes; on a machine without a GPU a rehearsal on the CPU

Each part runs in a process of its own, as long as the time allows; what is skipped is said. The
table is CSV:

    part, variant    what was done
    value, unit      how fast
    ratio            to the first row of the part
    limit, share     the rate that the device's measured matrix products would allow (steps), or
                     the rate of the best bare step (end to end); value / limit
    waiting          the share of the time that a step waited for data
    memory_gb        the most memory of the GPU
"""

import argparse
import csv
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torchvision
from train_end_to_end import embedding_rate, noise_store, training_rate
from train_step import Variant, make_step, measure_steps, seconds

from unseen.base.devices import pick_device, pick_dtype
from unseen.network.settings import TrainingSettings

REPOSITORY = Path(__file__).resolve().parents[1]
COLUMNS = ["part", "variant", "value", "unit", "ratio", "limit", "share", "waiting", "memory_gb"]
NO_TESTS = 5
"""The exit code of pytest when it found none."""


@dataclass(frozen=True)
class Size:
    """How large things are: as in the paper on a GPU, tiny in a rehearsal."""

    frames: int
    crop: int
    width: int
    batch_size: int
    large_batch: int
    rounds: int
    compile: bool
    threads: int
    clips: int
    test_videos: int
    workers: tuple[int, ...]

    @property
    def settings(self) -> TrainingSettings:
        """Two epochs of the store, of which the second is timed."""
        return TrainingSettings(
            frames=self.frames,
            crop=self.crop,
            width=self.width,
            batch_size=self.batch_size,
            epochs=2,
            milestones=[],
            clips_per_epoch=self.clips,
            threads=self.threads,
        )


PAPER = Size(16, 112, 64, 22, 88, 10, True, 2, 1980, 128, (2, 4, 8, 14))
REHEARSAL = Size(4, 32, 8, 4, 0, 1, False, 1, 16, 4, (0, 2))


@dataclass(frozen=True)
class Row:
    """A line of the table; NaN is what does not apply."""

    variant: str
    value: float
    unit: str = "snippets/s"
    limit: float = math.nan
    waiting: float = math.nan
    memory_gb: float = math.nan


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=6.0, help="for all parts together")
    parser.add_argument("--part", choices=PARTS, help="this one alone")
    options = parser.parse_args()
    size = PAPER if torch.cuda.is_available() else REHEARSAL
    if options.part:
        torch.set_num_threads(size.threads)
        write_rows(options.part, PARTS[options.part](size))
        return 0
    print(f"# {machine()}")
    if size is REHEARSAL:
        print(
            "# skipped: every figure of a GPU and torch.compile; rehearsed in tiny sizes on the CPU"
        )
    print(",".join(COLUMNS), flush=True)
    return run_parts(time.monotonic() + options.minutes * 60)


def machine() -> str:
    """The device and the versions that the figures stand for."""
    cuda = torch.cuda.is_available()
    name = torch.cuda.get_device_name() if cuda else "no GPU"
    versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    python = ".".join(map(str, sys.version_info[:3]))
    return f"{name}; {os.cpu_count()} cores; Python {python}, {versions}"


def run_parts(end: float) -> int:
    """Run each part in a process of its own until `end` (of the monotonic clock); whether any
    failed or found no time."""
    bad = 0
    for number, part in enumerate(PARTS):
        # No part takes more than twice its share of what is left.
        left = min(1.0, 2 / (len(PARTS) - number)) * (end - time.monotonic())
        if left <= 0:
            print(f"# skipped: {part}, for want of time", flush=True)
            bad = 1
            continue
        command = [sys.executable, __file__, "--part", part]
        try:
            code = subprocess.run(command, timeout=left).returncode
        except subprocess.TimeoutExpired:
            print(f"# cut off: {part}, for want of time", flush=True)
            bad = 1
            continue
        if code:
            print(f"# failed: {part}, exit code {code}", flush=True)
            bad = 1
    return bad


def write_rows(part: str, rows: Iterator[Row]) -> None:
    """Print the rows of a part as they come."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    first = None
    while row := next_of(rows):
        first = first or row.value
        figures = [row.limit, row.value / row.limit, row.waiting, row.memory_gb]
        cells = [f"{row.value:.5g}", row.unit, f"{row.value / first:.3g}"]
        cells += ["" if math.isnan(figure) else f"{figure:.4g}" for figure in figures]
        writer.writerow([part, row.variant, *cells])
        sys.stdout.flush()


def next_of(rows: Iterator[Row]) -> Row | None:
    """The next row; what its making prints goes to stderr."""
    with redirect_stdout(sys.stderr):
        return next(rows, None)


# The parts


def step_of(network: str) -> Callable[[Size], Iterator[Row]]:
    """The training step of a network, data on the device; its limit is the matrix peak."""

    def steps(size: Size) -> Iterator[Row]:
        # C3D takes 16 frames and no fewer, and has one width.
        frames = 16 if network == "c3d" else size.frames
        options = argparse.Namespace(**(vars(size) | {"network": network, "frames": frames}))
        for variant, rate, limit, memory in measure_steps(options, pick_device("auto")):
            name = f"{variant.change}, batch {variant.batch_size}"
            yield Row(name, rate, limit=limit, memory_gb=memory)

    return steps


def end_to_end(size: Size) -> Iterator[Row]:
    """Training from a clip store; its limit is the step alone, as training does it."""
    best = bare_step(size)
    with tempfile.TemporaryDirectory() as name:
        shards = noise_store(Path(name), size.clips)
        for workers in size.workers:
            settings = replace(size.settings, workers=workers)
            rate, waiting = training_rate(shards, Path(name) / str(workers), settings)
            yield Row(f"{workers} workers", rate, limit=best, waiting=waiting)


def bare_step(size: Size) -> float:
    """Snippets a second of a step as training does it, data on the device."""
    device = pick_device("auto")
    dtype = pick_dtype("auto", device)
    variant = Variant(
        "training",
        planar=True,
        dtype=dtype,
        channels_last=True,
        fused=True,
        batch_size=size.batch_size,
    )
    options = argparse.Namespace(**(vars(size) | {"network": "r2plus1d_18"}))
    return size.batch_size / seconds(make_step(variant, options, device), device, size.rounds)


def embedding(size: Size) -> Iterator[Row]:
    """Embedding with 25 snippets a video; its limit, a forward pass, is three times a step."""
    limit = 3 * bare_step(size)
    with tempfile.TemporaryDirectory() as name:
        shards = noise_store(Path(name), size.test_videos)
        settings = replace(size.settings, workers=size.workers[-1], epochs=1)
        training_rate(shards, Path(name), settings)
        for batch_size in (25, 100):
            rate = embedding_rate(shards, Path(name), settings, batch_size)
            yield Row(f"{size.workers[-1]} workers, batch {batch_size}", rate, limit=limit)


def gpu_tests(_size: Size) -> Iterator[Row]:
    """The tests marked `gpu`; in a rehearsal on the CPU, which compares it with itself."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-rs", "tests/unit/network"]
    environment = os.environ | {"UNSEEN_TEST_DEVICE": device}
    begin = time.monotonic()
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True
    )
    print(done.stdout)
    if done.returncode:
        sys.exit("no test is marked gpu" if done.returncode == NO_TESTS else done.returncode)
    yield Row(f"tests marked gpu, on {device}", time.monotonic() - begin, unit="s")


PARTS: dict[str, Callable[[Size], Iterator[Row]]] = {
    "tests": gpu_tests,
    "step of r2plus1d_18": step_of("r2plus1d_18"),
    "end to end": end_to_end,
    "embedding": embedding,
    "step of c3d": step_of("c3d"),
}


if __name__ == "__main__":
    sys.exit(main())
