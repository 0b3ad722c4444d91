"""How fast a run trains and embeds, from a clip store on disk to updated weights, as users run it.

    PYTHONPATH=src python benchmarks/train_end_to_end.py SHARD… > end_to_end.csv

One line for training, from the run's own log of its last epoch (`waiting` is the share of time
that the step waited for data), and one for embedding the same clips with 25 snippets each; its
ratio is to training. Without shards a store of noise is made: clips of 60 frames, 170 x 128 pixels.
"""

import argparse
import csv
import sys
import tempfile
import time
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import numpy as np

from unseen.base.tabular import read_rows, write_rows
from unseen.classes.class_embedding_file import write_class_embeddings
from unseen.network.inference import embed_videos
from unseen.network.labelled_clips import TrainingSources
from unseen.network.settings import TrainingSettings
from unseen.network.training import train
from unseen.videos.clip_store import ClipStore
from unseen.videos.encoding import EncodedClip, encode_frames
from unseen.videos.settings import ClipSettings
from unseen.videos.shards import StoredClip, write_shard

SNIPPETS = 25


def noise_store(folder: Path, clips: int, frames: int = 60, different: int = 64) -> list[Path]:
    """A shard of moving noise, which decodes about as fast as footage does.

    More than `different` clips come again under other names, which saves encoding them.
    """
    settings, rng = ClipSettings(), np.random.default_rng(0)
    picture = rng.integers(0, 255, (16, 22, 3)).repeat(12, 0).repeat(12, 1).astype(np.uint8)

    @cache
    def encoded(number: int) -> EncodedClip:
        video = np.stack(
            [np.roll(picture, number + frame, (0, 1))[:128, :170] for frame in range(frames)]
        )
        return encode_frames(video, settings)

    def clip(number: int) -> StoredClip:
        return StoredClip(f"clip{number}", "", "0" * 64, encoded(number % different))

    path = folder / "000.h5"
    write_shard(path, map(clip, range(clips)), settings=asdict(settings), listed=clips)
    return [path]


def sources_of(shards: list[Path], folder: Path, classes: int = 50) -> TrainingSources:
    """Random classes for the clips of the shards."""
    rng = np.random.default_rng(0)
    names = [f"class {number:03}" for number in range(classes)]
    vectors = rng.normal(size=(classes, 300))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    write_class_embeddings(folder / "classes.h5", names, vectors)
    rows = [{"clip_id": clip, "class": rng.choice(names)} for clip in ClipStore(shards).clip_ids]
    write_rows(folder / "labels.csv", ["clip_id", "class"], rows)
    return TrainingSources(
        {"store": shards}, {"store": folder / "labels.csv"}, {"store": folder / "classes.h5"}
    )


def training_rate(
    shards: list[Path], folder: Path, settings: TrainingSettings
) -> tuple[float, float]:
    """Snippets a second of the last epoch, and its share of waiting; the model is `model_in`."""
    log = folder / "run" / "log.csv"
    sources = sources_of(shards, folder)
    train(sources, settings, weights=None, features=None, output=model_in(folder), log=log)
    row = read_rows(log)[-1]
    return float(row["snippets_per_s"]), float(row["waiting"])


def model_in(folder: Path) -> Path:
    return folder / "run" / "model.safetensors"


def embedding_rate(
    shards: list[Path], folder: Path, settings: TrainingSettings, batch_size: int
) -> float:
    """Snippets a second of embedding with that model, from its loading to the written file."""
    begin = time.perf_counter()
    embed_videos(
        model_in(folder),
        {"store": shards},
        {"store": folder / "videos.h5"},
        snippets=SNIPPETS,
        scheme="linear",
        batch_size=batch_size,
        device=settings.device,
        dtype=settings.dtype,
        workers=settings.workers,
    )
    return len(ClipStore(shards)) * SNIPPETS / (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shards", type=Path, nargs="*")
    parser.add_argument("--clips", type=int, default=64, help="of a store of noise")
    parser.add_argument("--network", default="r2plus1d_18")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--crop", type=int, default=112)
    parser.add_argument("--batch-size", type=int, default=22)
    parser.add_argument("--epochs", type=int, default=2, help="the last one is reported")
    parser.add_argument("--clips-per-epoch", type=int, default=None)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--compile", action="store_true")
    options = vars(parser.parse_args())
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["stage", "snippets_per_s", "ratio", "waiting"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips, shards = options.pop("clips"), options.pop("shards")
        shards = shards or noise_store(folder, clips)
        settings = replace(TrainingSettings(), milestones=[], **options)
        trained, waiting = training_rate(shards, folder, settings)
        writer.writerow(["training", f"{trained:.4g}", "1", f"{waiting:.3f}"])
        embedded = embedding_rate(shards, folder, settings, SNIPPETS)
        writer.writerow(["embedding", f"{embedded:.4g}", f"{embedded / trained:.2f}", ""])


if __name__ == "__main__":
    main()
