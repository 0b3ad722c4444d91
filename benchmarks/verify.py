"""What it costs to verify files before they are used: seconds to read with and without."""

import argparse
import csv
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import safetensors.torch
import torch

from unseen.base.files import file_digest
from unseen.base.hdf5 import new_hdf5
from unseen.network.tensor_file import read_tensors, write_tensors
from unseen.network.zero_shot_network import build_network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--videos", type=int, default=10_000, help="of 25 snippets")
    options = parser.parse_args()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["file", "mb", "read_s", "verified_s", "ratio"])
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.safetensors"
        state = build_network("r2plus1d_18", embedding_dim=300).state_dict()
        write_tensors(model, state, {})
        plain = seconds(lambda: safetensors.torch.load(model.read_bytes()), options.repeats)
        verified = seconds(lambda: read_tensors(model), options.repeats)
        writer.writerow(row("model r2plus1d_18", model, plain, verified))

        videos = Path(folder) / "videos.h5"
        rng = np.random.default_rng(0)
        with new_hdf5(videos) as file:
            file["features"] = rng.random((options.videos, 25, 512), np.float32)
            file["embedding"] = rng.random((options.videos, 300), np.float32)
        for name in ("features", "embedding"):
            plain = seconds(lambda name=name: read(videos, name), options.repeats)
            digest = seconds(lambda: file_digest(videos), options.repeats)
            writer.writerow(row(f"video embeddings, {name}", videos, plain, plain + digest))


def read(path: Path, name: str) -> np.ndarray:
    with h5py.File(path) as file:
        return file[name][:]


def seconds(call: Callable[[], object], repeats: int) -> float:
    """The median time of a call, with the file in the page cache."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def row(name: str, path: Path, plain: float, verified: float) -> list[str]:
    size = path.stat().st_size / 1e6
    return [name, f"{size:.0f}", f"{plain:.3f}", f"{verified:.3f}", f"{verified / plain:.2f}"]


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
