"""How fast snippets are read: from the clip store, and from the source videos by other readers.

    pip install opencv-python-headless torchcodec     # to compare with; unseen needs neither
    PYTHONPATH=src python benchmarks/read_snippets.py [--footage FOLDER] > snippets.csv

Footage of 340x256 and 1280x720 pixels is generated, and made from the videos of `--footage`: 10 s
at 30 frames a second, H.264 as libx264 encodes it by default. `opencv from start` is what the
authors' code does: decode every frame up to the snippet's end. Readers of the source scale,
normalise, crop and flip in float32 in the worker, as that code does; the store hands over uint8
I420 for the device to finish. Readers take turns, so that a busy machine slows all of them, and
the medians over rounds are printed:

    snippets_per_core       random 16-frame training snippets a second of CPU time
    loader_clips            the same a second through a DataLoader with `--workers` workers
    loader_clips_per_core   and a second of CPU time, of the workers and the process that asks
    test_videos             25-snippet test videos a second of CPU time
    *_ratio                 each of these to `opencv from start`, median over rounds
    worker_mb               resident memory of the largest loader worker

Photographs are read as Ken Burns clips: rendered in the worker, and stored.
"""

import argparse
import csv
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
import torch.nn.functional as F
from footage import ENDINGS, LENGTH, SIZES, convert_video, generate_video
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from unseen.videos import kenburns, loading, photographs, sampling
from unseen.videos.clip_store import ClipStore
from unseen.videos.decode_shard import decode_shard
from unseen.videos.manifest import MANIFEST_COLUMNS
from unseen.videos.settings import ClipSettings

FRAMES, CROP, SNIPPETS = 16, 112, 25
SOURCE_BATCH, STORE_BATCH = 4, 22
BASELINE = "opencv from start"

cv2.setNumThreads(1)
torch.set_num_threads(1)


@dataclass(frozen=True)
class Footage:
    """Source videos or photographs of one kind, and the store made of them."""

    name: str
    paths: list[Path]
    store: ClipStore


def opencv_from_start(path: Path, first: int, count: int) -> list[np.ndarray]:
    """Frames `first` to `first + count - 1`, each (H, W, 3) uint8 RGB; decodes all before too."""
    capture = cv2.VideoCapture(str(path))
    frames = [capture.read()[1] for _ in range(first + count)][first:]
    return [cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) for frame in frames]


def opencv_seek(path: Path, first: int, count: int) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_POS_FRAMES, first)
    return [cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB) for _ in range(count)]


def pyav_seek(path: Path, first: int, count: int) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate is not None and stream.time_base is not None
        wanted = round(first / (stream.average_rate * stream.time_base))
        container.seek(wanted, stream=stream)
        frames = (frame for frame in container.decode(stream) if (frame.pts or 0) >= wanted)
        return [frame.to_ndarray(format="rgb24") for frame in itertools.islice(frames, count)]


def torchcodec_seek(path: Path, first: int, count: int) -> list[np.ndarray]:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(str(path), dimension_order="NHWC", seek_mode="approximate")
    return list(decoder.get_frames_in_range(first, first + count).data.numpy())


Reader = Callable[[Path, int, int], list[np.ndarray]]
READERS: dict[str, Reader] = {
    BASELINE: opencv_from_start,
    "opencv seek": opencv_seek,
    "pyav seek": pyav_seek,
    "torchcodec seek": torchcodec_seek,
}


def network_input(frames: list[np.ndarray]) -> torch.Tensor:
    """(3, L, 112, 112) float32: scaled to a short side of 128, normalised, cropped, flipped or not.

    In the order in which the authors' code does it, for each frame in whole.
    """
    clip = torch.from_numpy(np.stack(frames)).permute(3, 0, 1, 2).float() / 255
    clip = F.interpolate(clip, scale_factor=128 / min(clip.shape[2:]), mode="bilinear")
    mean, std = torch.tensor([loading.MEAN, loading.STD])[..., None, None, None]
    clip = (clip - mean) / std
    top, left = (int(torch.randint(side - CROP + 1, ())) for side in clip.shape[2:])
    clip = clip[:, :, top : top + CROP, left : left + CROP]
    flipped: torch.Tensor = clip.flip(-1) if torch.rand(()) < 0.5 else clip
    return flipped


class SourceSnippets(Dataset[torch.Tensor]):
    """Random training snippets of source videos, finished in the worker."""

    def __init__(self, paths: list[Path], reader: Reader) -> None:
        self.paths, self.reader = paths, reader

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, item: int) -> torch.Tensor:
        rng = np.random.default_rng(item)
        first = sampling.random_start(LENGTH, FRAMES, rng)
        frames = self.reader(self.paths[rng.integers(len(self.paths))], first, FRAMES)
        return network_input(frames)


class RenderedClips(Dataset[torch.Tensor]):
    """Ken Burns clips rendered in the worker."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, item: int) -> torch.Tensor:
        rng = np.random.default_rng(item)
        path = self.paths[rng.integers(len(self.paths))]
        clip = kenburns.render(path, frames=FRAMES, size=CROP, rng=rng)
        return torch.from_numpy(clip)


def source_test_video(path: Path) -> list[torch.Tensor]:
    """The 25 snippets of a test video, all of their frames transformed in one piece.

    So does the authors' code; at 1280x720, where that takes 13 GB, here a snippet is a piece.
    """
    frames = opencv_from_start(path, 0, LENGTH)
    chosen = [frames[i] for i in sampling.test_indices(LENGTH, FRAMES, SNIPPETS).ravel()]
    piece = len(chosen) if frames[0].size < 1_000_000 else FRAMES
    return [network_input(chosen[i : i + piece]) for i in range(0, len(chosen), piece)]


def store_snippet(store: ClipStore, clip: int, epoch: int) -> loading.SnippetBatch:
    request = (epoch, np.array([clip]))
    clips, indices = loading.training_indices(store, FRAMES, 0, None, request)
    return loading.read_batch(store, clips.tolist(), indices)


def store_test_video(store: ClipStore, clip: int) -> loading.SnippetBatch:
    indices = sampling.test_indices(int(store.n_frames[clip]), FRAMES, SNIPPETS)
    return loading.read_batch(store, [clip], [indices])


def store_batches(store: ClipStore, workers: int) -> Iterator[loading.SnippetBatch]:
    """Batches of training snippets without end."""
    loader = loading.TrainingLoader(
        store,
        np.arange(len(store)).repeat(STORE_BATCH * 20),
        frames=FRAMES,
        batch_size=STORE_BATCH,
        clips_per_epoch=None,
        seed=0,
        workers=workers,
    )
    return itertools.chain.from_iterable(loader.epoch(epoch) for epoch in itertools.count())


def source_batches(snippets: Dataset[torch.Tensor], workers: int) -> Iterator[torch.Tensor]:
    """Batches of training snippets without end, collated as PyTorch does by default."""
    order = itertools.count()
    batches = ([next(order) for _ in range(SOURCE_BATCH)] for _ in itertools.count())
    return iter(DataLoader(snippets, batch_sampler=batches, num_workers=workers))


def per_core(calls: Iterator[Callable[[], object]], seconds: float) -> float:
    """Calls a second of this process's CPU time, after one that warms up."""
    next(calls)()
    begin, done = time.process_time(), 0
    while (spent := time.process_time() - begin) < seconds or not done:
        next(calls)()
        done += 1
    return done / spent


def through_loader(batches: Iterator[Any], workers: int, seconds: float) -> dict[str, float]:
    """Rates in clips with the pipeline full, and the size of the largest worker."""
    for _ in range(2 * workers):
        next(batches)
    processes = [os.getpid(), *child_processes()]
    begin, begin_cpu, clips, done = time.perf_counter(), cpu_seconds(processes), 0, 0
    while time.perf_counter() - begin < seconds or done < workers:
        clips += len(next(batches))
        done += 1
    return {
        "loader_clips": clips / (time.perf_counter() - begin),
        "loader_clips_per_core": clips / (cpu_seconds(processes) - begin_cpu),
        "worker_mb": max(map(resident_mb, processes[1:]), default=0.0),
    }


def child_processes() -> list[int]:
    """Ids of this process's children."""
    listing = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return [int(child) for child in listing.read_text().split()]


def cpu_seconds(processes: list[int]) -> float:
    """What the processes, with all of their threads, have used so far."""
    ticks = 0
    for process in processes:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_mb(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(footage: Footage, reader: str, workers: int, seconds: float) -> dict[str, float]:
    """One reader's turn over one kind of footage."""
    rng = np.random.default_rng(0)
    clips = iter(lambda: int(rng.integers(len(footage.store))), None)
    calls: Iterator[Callable[[], object]]
    tests: Iterator[Callable[[], object]]
    batches: Iterator[Any]
    if reader == "store":
        store = footage.store
        calls = (partial(store_snippet, store, clip, n) for n, clip in enumerate(clips))
        batches = store_batches(store, workers)
        tests = (partial(store_test_video, store, clip) for clip in clips)
    else:
        snippets: SourceSnippets | RenderedClips
        if reader == "rendered":
            snippets = RenderedClips(footage.paths)
        else:
            snippets = SourceSnippets(footage.paths, READERS[reader])
        calls = (partial(snippets.__getitem__, item) for item in itertools.count())
        batches = source_batches(snippets, workers)
        tests = (partial(source_test_video, footage.paths[clip]) for clip in clips)
    result = {"snippets_per_core": per_core(calls, seconds)}
    result |= through_loader(batches, workers, seconds)
    if reader in ("store", BASELINE) and footage.name != "photographs":
        result["test_videos"] = per_core(tests, seconds)
    return result


def generate_photograph(path: Path, number: int) -> None:
    """Smooth noise of 1024 x 768 pixels."""
    rng = np.random.default_rng(number)
    small = Image.fromarray(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8))
    small.resize((1024, 768), Image.Resampling.BICUBIC).save(path, quality=90)


def make_footage(folder: Path, real: Path | None, videos: int, sizes: list[str]) -> list[Footage]:
    """Everything to be read, with its store, below `folder`."""
    found = sorted(path for path in (real or folder).rglob("*") if path.suffix in ENDINGS)
    everything = []
    for size in sizes:
        generated = [folder / f"generated-{size}-{number}.mp4" for number in range(videos)]
        for number, path in enumerate(generated):
            generate_video(path, size, number)
        everything.append(store_videos(f"generated {size}", generated, folder))
        if real:
            converted = [folder / f"real-{size}-{number}.mp4" for number in range(videos)]
            for source, path in zip(itertools.cycle(found), converted, strict=False):
                convert_video(source, path, size)
            everything.append(store_videos(f"real {size}", converted, folder))
    everything.append(store_photographs(folder, videos))
    return everything


def store_videos(name: str, paths: list[Path], folder: Path) -> Footage:
    shard = folder / f"{name}.h5"
    manifest = write_manifest(folder / f"{name}.csv", paths)
    decode_shard(manifest, folder, shard, ClipSettings(), workers=1)
    return Footage(name, paths, ClipStore([shard]))


def store_photographs(folder: Path, count: int) -> Footage:
    paths = [folder / f"photo-{number}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        generate_photograph(path, number)
    shard = folder / "photographs.h5"
    photographs.synthesize_shard(
        write_manifest(folder / "photographs.csv", paths),
        folder,
        shard,
        frames=FRAMES,
        size=CROP,
        clips_per_photo=2,
        seed=0,
        settings=ClipSettings(),
    )
    return Footage("photographs", paths, ClipStore([shard]))


def write_manifest(manifest: Path, paths: list[Path]) -> Path:
    rows = [f"{path.name},{path.name},,," for path in paths]
    manifest.write_text("\n".join([",".join(MANIFEST_COLUMNS), *rows, ""]))
    return manifest


def with_ratios(turns: list[dict[str, float]], baseline: list[dict[str, float]]) -> dict[str, str]:
    """Medians over rounds of one reader, and of its ratios to the baseline round by round."""
    row = {}
    for name in turns[0]:
        row[name] = f"{statistics.median(turn[name] for turn in turns):.1f}"
        if name != "worker_mb" and name in baseline[0]:
            pairs = zip(turns, baseline, strict=True)
            row[f"{name}_ratio"] = f"{statistics.median(a[name] / b[name] for a, b in pairs):.1f}"
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--footage", type=Path, help="a folder of real videos")
    parser.add_argument("--videos", type=int, default=8, help="of each kind (8)")
    parser.add_argument("--sizes", nargs="+", default=[*SIZES], metavar="WxH")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a reader's turn (2)")
    parser.add_argument("--workers", type=int, default=2, help="of a loader (2)")
    parser.add_argument("--readers", nargs="*", default=[*READERS], help="beside the store")
    options = parser.parse_args()
    turns: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        everything = make_footage(Path(folder), options.footage, options.videos, options.sizes)
        for _ in range(options.rounds):
            for footage in everything:
                photos = footage.name == "photographs"
                for reader in ["rendered", "store"] if photos else ["store", *options.readers]:
                    result = measure(footage, reader, options.workers, options.seconds)
                    turns[footage.name, reader].append(result)
    columns = ["snippets_per_core", "loader_clips", "loader_clips_per_core", "test_videos"]
    columns = [name + end for name in columns for end in ("", "_ratio")] + ["worker_mb"]
    writer = csv.DictWriter(sys.stdout, ["footage", "reader", *columns], lineterminator="\n")
    writer.writeheader()
    for (name, reader), results in turns.items():
        baseline = turns[name, "rendered" if name == "photographs" else BASELINE]
        writer.writerow({"footage": name, "reader": reader} | with_ratios(results, baseline))


if __name__ == "__main__":
    main()
