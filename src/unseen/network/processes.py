"""The processes that train together: one does the work, or one a GPU under `torchrun`."""

import os
import subprocess
import sys
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


def launch(processes: int, command: list[str]) -> int:
    """Run a training script in as many processes under `torchrun`, and return its exit code.

    What they print is printed here; signals to stop are passed on as SIGTERM.
    """
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    child = subprocess.Popen(
        [*torchrun, f"--nproc-per-node={processes}", "--", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with stop_signals(child.terminate) as told_to_stop:
        for line in child.stdout or ():
            print(line, end="", flush=True)
        code = child.wait()
    return STOPPED if told_to_stop else code
