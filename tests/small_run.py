"""A tiny training set on disk: classes that colour tells apart, four clips each.

run = write_small_run(tmp_path)
run.sources     # unseen.training_data.TrainingSources
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
from unseen.class_embeddings import write_class_embeddings
from unseen.clipstore import StoredClip, write_shard
from unseen.tabular import write_rows
from unseen.training_data import TrainingSources
from unseen.training_settings import TrainingSettings
from unseen.video import ClipSettings, encode_frames

CLASSES = ["blue sea", "green grass", "grey sky", "red barn"]
COLOURS = {"blue sea": (20, 40, 220), "green grass": (20, 200, 40), "grey sky": (128, 128, 128)}
COLOURS["red barn"] = (220, 30, 30)

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
    folder: Path, clips_per_class: int = 4, size: int = 36, dataset: str = "colours"
) -> TrainingSources:
    """Two shards, labels, class embeddings (D = 6) and the kept classes: all but "grey sky"."""
    rng = np.random.default_rng(7)
    settings = ClipSettings(short_side=size)
    labels = {f"{name[:4]}{k}": name for name in CLASSES for k in range(clips_per_class)}
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
    vectors = rng.normal(size=(len(CLASSES), 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    embeddings = folder / "word2vec" / f"{dataset}.h5"
    write_class_embeddings(embeddings, CLASSES, vectors)
    kept = folder / "kept.txt"
    kept.write_text("".join(f"{name}\n" for name in CLASSES if name != "grey sky"))
    return TrainingSources(
        shards={dataset: shards},
        labels={dataset: folder / "labels.csv"},
        class_embeddings={dataset: embeddings},
        kept=kept,
    )


def _clip(name: str, size: int, rng: np.random.Generator, settings: ClipSettings):
    """Eight frames of the class's colour, with noise."""
    noise = rng.integers(-20, 20, (8, size, size, 3))
    frames = np.clip(np.array(COLOURS[name]) + noise, 0, 255).astype(np.uint8)
    return encode_frames(frames, settings)
