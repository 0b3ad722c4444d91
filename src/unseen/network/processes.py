"""The processes that train together: one does the work, or one a GPU under `torchrun`."""

import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from unseen.base.devices import pick_device
from unseen.network.signals import STOPPED, stop_signals

Made = TypeVar("Made")


@dataclass(frozen=True)
class Group:
    """The processes that train together: this one's rank, their number, this one's device."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that prints and writes."""
        return self.rank == 0

    def total(self, values: Tensor) -> Tensor:
        """The sum of each process's `values`."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def only_first(
        self, make: Callable[[], AbstractContextManager[Made]]
    ) -> AbstractContextManager[Made | None]:
        """What `make` gives in the first process, a context of None in the others."""
        return make() if self.first else nullcontext()

    def share(self, model: nn.Module) -> nn.Module:
        """The model with its gradients averaged over the processes."""
        if self.size == 1:
            return model
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=devices)


@contextmanager
def process_group(device: str) -> Iterator[Group]:
    """The group that `torchrun` has started this process in; without it this process alone."""
    torch.backends.cudnn.benchmark = True  # sizes stay the same from step to step
    size = int(os.environ.get("WORLD_SIZE", 1))
    if size == 1:
        yield Group(0, 1, pick_device(device))
        return
    picked = pick_device(device, int(os.environ["LOCAL_RANK"]))
    if picked.type == "cuda":
        torch.cuda.set_device(picked)
    dist.init_process_group("nccl" if picked.type == "cuda" else "gloo")
    try:
        yield Group(dist.get_rank(), size, picked)
    finally:
        dist.destroy_process_group()


def launch(processes: int, nodes: int, command: list[str]) -> int:
    """Run a training script in as many processes under `torchrun`, and return its exit code.

    They are spread over the nodes of a Slurm job; elsewhere each "node" is an agent of its own on
    this machine. When one of the agents fails the others are ended, so that the job can be started
    anew from its checkpoint. What they print is printed here; signals to stop are passed on as
    SIGTERM.

    Args:
        processes: Their number in all, a multiple of `nodes`.
        nodes: The number of machines.
        command: The script and its arguments.
    """
    torchrun = [sys.executable, "-m", "torch.distributed.run", *_meeting(nodes)]
    agent = [*torchrun, f"--nproc-per-node={processes // nodes}", "--", *command]
    read, write = os.pipe()
    with os.fdopen(read) as printed:
        agents = [
            subprocess.Popen(one, stdout=write, stderr=subprocess.STDOUT)
            for one in _agents(nodes, agent)
        ]
        os.close(write)

        def end() -> None:
            for one in agents:
                one.terminate()

        with stop_signals(end) as told_to_stop:
            watch = threading.Thread(target=_end_together, args=(agents,), daemon=True)
            watch.start()
            for line in printed:
                print(line, end="", flush=True)
            codes = [one.wait() for one in agents]
    return STOPPED if told_to_stop else next(filter(None, codes), 0)


def _meeting(nodes: int) -> list[str]:
    """How torchrun's agents find each other: this process is on the first of the nodes."""
    if nodes == 1:
        return ["--standalone"]
    host = socket.gethostname() if _slurm_nodes() > 1 else "localhost"
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    backend = ["--rdzv-backend=c10d", f"--rdzv-endpoint={host}:{port}"]
    return [f"--nnodes={nodes}", *backend, f"--rdzv-id={secrets.token_hex(8)}"]


def _agents(nodes: int, agent: list[str]) -> list[list[str]]:
    """The commands that start an agent on each node."""
    if nodes > 1 and _slurm_nodes() >= nodes:
        step = ["srun", "--overlap", "--kill-on-bad-exit=1", f"--nodes={nodes}"]
        return [[*step, f"--ntasks={nodes}", "--ntasks-per-node=1", *agent]]
    return [agent] * nodes


def _slurm_nodes() -> int:
    return int(os.environ.get("SLURM_JOB_NUM_NODES", 1))


def _end_together(agents: list[subprocess.Popen[bytes]]) -> None:
    """End all agents when one has failed."""
    while any(one.poll() is None for one in agents):
        if any(one.poll() for one in agents):
            for one in agents:
                one.terminate()
        time.sleep(1)
