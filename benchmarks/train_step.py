"""How fast a step of training is, data on the device: the plain loop, then each change in turn.

    PYTHONPATH=src python benchmarks/train_step.py [--network c3d] > train_step.csv

The first row is the plain loop: float32 (TF32 off), 3-D convolutions, contiguous layout, Adam as
PyTorch has it. Each further row adds one change to the row above. Columns:

    snippets_per_s   training snippets a second, median over rounds; ratio is to the first row
    share_of_peak    arithmetic done, as a share of the device's measured matrix products a second
                     in the same arithmetic
    memory_gb        most memory of the GPU used
"""

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from unseen.base.devices import autocast, pick_device
from unseen.network.losses import squared_error
from unseen.network.settings import FIXED_WIDTH
from unseen.network.visual_encoders import VISUAL_ENCODERS, PlanarConv3d
from unseen.network.zero_shot_network import build_network


@dataclass(frozen=True)
class Variant:
    """A way to do a step."""

    change: str
    tf32: bool = False
    planar: bool = False
    dtype: torch.dtype = torch.float32
    channels_last: bool = False
    fused: bool = False
    compile: bool = False
    batch_size: int = 22


def variants(batch_size: int, cuda: bool, large: int, compile_too: bool) -> Iterator[Variant]:
    """The plain loop and, one added to the other, the changes."""
    variant = Variant("plain float32 loop", batch_size=batch_size)
    yield variant
    changes: list[tuple[str, dict[str, Any]]] = [("TF32", {"tf32": True})] if cuda else []
    changes += [
        ("planar convolutions", {"planar": True}),
        ("channels last", {"channels_last": True}),
        ("bfloat16", {"dtype": torch.bfloat16}),
        ("fused optimiser", {"fused": True}),
    ]
    changes += [("torch.compile", {"compile": True})] if compile_too else []
    changes += [(f"batch of {large}", {"batch_size": large})] if large else []
    for change, keys in changes:
        variant = replace(variant, change=change, **keys)
        yield variant


def make_step(
    variant: Variant, options: argparse.Namespace, device: torch.device
) -> Callable[[], None]:
    """A function that does one training step of Eq. 2 on a fixed batch."""
    torch.backends.cuda.matmul.allow_tf32 = variant.tf32
    torch.backends.cudnn.allow_tf32 = variant.tf32
    torch.manual_seed(0)
    network = build_network(
        options.network,
        embedding_dim=300,
        frames=options.frames,
        crop=options.crop,
        width=64 if options.network in FIXED_WIDTH else options.width,
    )
    if not variant.planar:
        for module in network.modules():
            if isinstance(module, PlanarConv3d):
                module.__class__ = nn.Conv3d  # type: ignore[assignment]
    layout = torch.channels_last_3d if variant.channels_last else torch.contiguous_format
    network.to(device).to(memory_format=layout)
    encoder, head = network.visual_encoder, network.semantic_encoder
    assert head is not None
    if variant.compile:
        encoder.compile()
    shape = (variant.batch_size, 3, options.frames, options.crop, options.crop)
    snippets = torch.randn(shape, device=device).to(variant.dtype)
    snippets = snippets.contiguous(memory_format=layout)
    targets = torch.randn(variant.batch_size, 300, device=device)
    optimiser = torch.optim.Adam(network.parameters(), fused=variant.fused)

    def step() -> None:
        with autocast(device, variant.dtype):
            features = encoder(snippets)
        loss = squared_error(head(features.float()), targets)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def seconds(call: Callable[[], object], device: torch.device, rounds: int) -> float:
    """Median seconds of a call, after two that warm up.

    With one CPU thread they are seconds of CPU time, which a busy machine does not skew.
    """
    single = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if single else time.perf_counter
    times = []
    for _ in range(rounds + 2):
        begin = clock()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - begin)
    return statistics.median(times[2:])


def peak_flops(dtype: torch.dtype, tf32: bool, device: torch.device) -> float:
    """Operations a second of the device's best square matrix product."""
    torch.backends.cuda.matmul.allow_tf32 = tf32
    side = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / seconds(lambda: a @ b, device, rounds=10)


def measure_steps(
    options: argparse.Namespace, device: torch.device
) -> Iterator[tuple[Variant, float, float, float]]:
    """Each variant with its snippets/s, the snippets/s that the peak of its arithmetic would allow,
    and the most memory of the GPU (GB, NaN without one)."""
    cuda = device.type == "cuda"
    for variant in variants(options.batch_size, cuda, options.large_batch, options.compile):
        step = make_step(variant, options, device)
        if not variant.compile:
            with FlopCounterMode(display=False) as counter:
                step()
            flops = counter.get_total_flops() / variant.batch_size
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        rate = variant.batch_size / seconds(step, device, options.rounds)
        memory = torch.cuda.max_memory_allocated() / 1e9 if cuda else float("nan")
        yield variant, rate, peak_flops(variant.dtype, variant.tf32, device) / flops, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", choices=VISUAL_ENCODERS, default="r2plus1d_18")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--crop", type=int, default=112)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=22)
    parser.add_argument("--large-batch", type=int, default=0, help="a last row of this batch size")
    parser.add_argument("--compile", action="store_true", help="a row with torch.compile")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = pick_device(options.device)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["change", "batch", "snippets_per_s", "ratio", "share_of_peak", "memory_gb"])
    first = None
    for variant, rate, peak, memory in measure_steps(options, device):
        first = first or rate
        row = [f"{rate:.2f}", f"{rate / first:.2f}", f"{rate / peak:.3f}", f"{memory:.2f}"]
        writer.writerow([variant.change, variant.batch_size, *row])
        sys.stdout.flush()


if __name__ == "__main__":
    main()
