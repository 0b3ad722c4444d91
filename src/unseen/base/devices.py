"""Which device a network runs on, and in which arithmetic."""

import fcntl
import os
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import IO

import torch
from typing_extensions import TypedDict  # of `typing` only from 3.12 on, says pydantic

from unseen.base.errors import UserError
from unseen.base.machine import processor_name


def pick_device(name: str, local_rank: int | None = None) -> torch.device:
    """`auto` is CUDA where there is one, else the CPU. Raises UserError for an absent `cuda`.

    Processes that work together take the GPU of their rank; one alone takes a GPU that no other
    process of this machine has taken so.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        if not torch.cuda.is_available():
            raise UserError("device: cuda is asked for, but PyTorch sees no GPU; set device: auto")
        count = torch.cuda.device_count()
        if local_rank is None:
            return torch.device("cuda", _own_gpu(count))
        if local_rank >= count:
            raise UserError(f"gpus: more than {count} are asked for, and PyTorch sees {count}")
        return torch.device("cuda", local_rank)
    if name != "cpu":
        raise UserError(f"device: {name} is not known; possible: auto, cpu, cuda")
    return torch.device(name)


@lru_cache
def _own_gpu(count: int) -> int:
    if count == 1:
        return 0
    names = [str(torch.cuda.get_device_properties(number).uuid) for number in range(count)]
    return claim(names, Path(tempfile.gettempdir()))


_CLAIMED: list[IO[str]] = []


def claim(names: Sequence[str], folder: Path) -> int:
    """The first of some things that no process has claimed, claimed until this process ends.

    Snakemake counts GPUs but gives none out. Where all are claimed the first is shared.
    """
    for number, name in enumerate(names):
        lock = (folder / f"unseen-{os.getuid()}-{name}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _CLAIMED.append(lock)
        return number
    return 0


def pick_dtype(name: str, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 where the device has instructions for it, else float32."""
    if name == "auto":
        name = "bfloat16" if _has_bfloat16(device) else "float32"
    known = {"bfloat16": torch.bfloat16, "float32": torch.float32}
    if name not in known:
        raise UserError(f"dtype: {name} is not known; possible: auto, {', '.join(known)}")
    return known[name]


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


class Arithmetic(TypedDict):
    """What numbers were computed with: `cpu` or `cuda`, the device's name, the type of numbers."""

    device: str
    name: str
    dtype: str


def arithmetic(device: torch.device, dtype: torch.dtype) -> Arithmetic:
    """What a network computes with on `device` in `dtype`."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()
    return {"device": device.type, "name": name, "dtype": str(dtype).removeprefix("torch.")}


def in_words(computed: Arithmetic | None) -> str:
    """
    >>> in_words({"device": "cpu", "name": "AMD EPYC", "dtype": "bfloat16"})
    'bfloat16 on cpu (AMD EPYC)'
    """
    if computed is None:
        return "arithmetic that is not known"
    return f"{computed['dtype']} on {computed['device']} ({computed['name']})"


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[None]:
    """A context in which convolutions and matrix products compute in `dtype`."""
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
