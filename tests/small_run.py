"""A tiny training set on disk: classes that colour tells apart.

run = write_small_run(tmp_path)
run.sources     # unseen.training_data.TrainingSources
"""

import multiprocessing
import multiprocessing.forkserver
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from unseen.base.tabular import write_rows
from unseen.classes.class_embedding_file import write_class_embeddings
from unseen.network.labelled_clips import TrainingSources
from unseen.network.model_file import ModelDescription
from unseen.network.settings import TrainingSettings
from unseen.network.training import train
from unseen.videos.encoding import EncodedClip, encode_frames
from unseen.videos.settings import ClipSettings
from unseen.videos.shards import StoredClip, write_shard

COLOURS = {
    "blue sea": (20, 40, 220),
    "brown bear": (120, 70, 20),
    "golden wheat": (220, 190, 40),
    "green grass": (20, 200, 40),
    "grey sky": (128, 128, 128),
    "pink rose": (240, 120, 190),
    "red barn": (220, 30, 30),
    "white snow": (240, 240, 240),
}

DESCRIBED: ModelDescription = {
    "input": {"frames": 4, "crop": 32, "short_side": 36, "mean": [0.4] * 3, "std": [0.2] * 3},
    "classes": ["cat"],
    "embedding": {"name": "word2vec", "digest": "0" * 64},
    "lineage": [],
}
"""What a model file says of a network that nobody trained; its class embedding is `CAT`."""
CAT = torch.ones(1, 6)

TINY = TrainingSettings(
    network="r2plus1d_10",
    width=16,
    frames=4,
    crop=32,
    batch_size=4,
    epochs=3,
    milestones=[2],
    workers=0,
    threads=1,
    dtype="float32",
    device="cpu",
    checkpoint_minutes=0.0,
)


def write_small_run(
    folder: Path, classes: int = 8, clips_per_class: int = 2, size: int = 36
) -> TrainingSources:
    """Two shards, labels, class embeddings (D = 6) and the kept classes: all but "grey sky"."""
    rng = np.random.default_rng(7)
    names = list(COLOURS)[:classes]
    settings = ClipSettings(short_side=size)
    labels = {f"{name[:4]}{k}": name for name in names for k in range(clips_per_class)}
    clips = [
        StoredClip(clip_id, f"{clip_id}.avi", "0" * 64, _clip(name, size, rng, settings))
        for clip_id, name in labels.items()
    ]
    shards = [folder / "clips" / f"{number:03}.h5" for number in range(2)]
    for number, path in enumerate(shards):
        part = clips[number::2]
        write_shard(path, part, settings=asdict(settings), listed=len(part))
    rows = [{"clip_id": clip_id, "class": name} for clip_id, name in labels.items()]
    write_rows(folder / "labels.csv", ["clip_id", "class"], rows)
    vectors = rng.normal(size=(len(names), 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    embeddings = folder / "word2vec" / "colours.h5"
    write_class_embeddings(embeddings, names, vectors)
    kept = folder / "kept.txt"
    kept.write_text("".join(f"{name}\n" for name in names if name != "grey sky"))
    return TrainingSources(
        shards={"colours": shards},
        labels={"colours": folder / "labels.csv"},
        class_embeddings={"colours": embeddings},
        kept=kept,
    )


def _clip(name: str, size: int, rng: np.random.Generator, settings: ClipSettings) -> EncodedClip:
    """Eight frames of the class's colour, with noise."""
    noise = rng.integers(-20, 20, (8, size, size, 3))
    frames = np.clip(np.array(COLOURS[name]) + noise, 0, 255).astype(np.uint8)
    return encode_frames(frames, settings)


def background(
    sources: TrainingSources,
    folder: Path,
    settings: TrainingSettings,
    environment: Mapping[str, str] | None = None,
) -> multiprocessing.Process:
    """A process that trains in `folder`, forked from a server that has loaded everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["small_run"])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    multiprocessing.forkserver.ensure_running()
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)
    process = context.Process(
        target=_train_in_background, args=(sources, folder, settings, dict(environment or {}))
    )
    process.start()
    return process


def _train_in_background(
    sources: TrainingSources,
    folder: Path,
    settings: TrainingSettings,
    environment: Mapping[str, str],
) -> None:
    os.setsid()  # so that a test can signal it with its loader's workers
    os.environ.update(environment)
    train(
        sources,
        settings,
        weights=None,
        features=None,
        output=folder / "model.safetensors",
        log=folder / "log.csv",
    )
