"""What it costs to verify files before they are used: seconds to read with and without."""

import argparse
import csv
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import safetensors.torch
import torch

from unseen.base.files import file_digest
from unseen.base.hdf5 import new_hdf5
from unseen.network.tensor_file import read_tensors, write_tensors
from unseen.network.zero_shot_network import build_network
from unseen.videos.clip_store import ClipStore
from unseen.videos.encoding import encode_frames
from unseen.videos.settings import ClipSettings
from unseen.videos.shard_format import check_seal, checksum, open_shard
from unseen.videos.shards import StoredClip, write_shard


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--videos", type=int, default=10_000, help="of 25 snippets")
    parser.add_argument("--clips", type=int, default=1000, help="of a shard, 3 s each")
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
            plain = seconds(partial(read, videos, name), options.repeats)
            digest = seconds(lambda: file_digest(videos), options.repeats)
            writer.writerow(row(f"video embeddings, {name}", videos, plain, plain + digest))

        shard = Path(folder) / "000.h5"
        write_clips(shard, options.clips)
        verified = seconds(lambda: ClipStore([shard]), options.repeats)
        digest = seconds(lambda: check_seal(shard), options.repeats)
        writer.writerow(row("shard, opened", shard, verified - digest, verified))
        store = ClipStore([shard])
        verified = seconds(lambda: [store.read_all(clip) for clip in range(len(store))], 3)
        packets = read_packets(shard)
        checks = seconds(lambda: [checksum(bytes(24), packet) for packet in packets], 3)
        writer.writerow(row("shard, all frames", shard, verified - checks, verified))


def write_clips(path: Path, count: int) -> None:
    """A shard of clips of three seconds that are as hard to pack as videos are."""
    rng, settings = np.random.default_rng(0), ClipSettings()
    noise = rng.integers(0, 30, (128, 170, 3))
    ramp = np.linspace(0, 200, 128 * 170 * 3).reshape(128, 170, 3)
    frames = np.stack([np.roll(ramp + noise, 2 * n, 1) for n in range(75)]).astype(np.uint8)
    clip = encode_frames(frames, settings)
    clips = (StoredClip(f"clip {n}", f"clip {n}", "0" * 64, clip) for n in range(count))
    write_shard(path, clips, settings=asdict(settings), listed=count)


def read_packets(path: Path) -> list[bytes]:
    with open_shard(path) as (file, _):
        offsets = file["frames"]["offset"]
        content = file["packets"][:].tobytes()
    return [content[begin:end] for begin, end in itertools.pairwise(offsets.tolist())]


def read(path: Path, name: str) -> np.ndarray:
    with h5py.File(path) as file:
        return np.asarray(file[name])


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
