"""Small made-up results of a run on a test set, as the stages before scoring leave them."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np

from unseen.base.hdf5 import new_hdf5
from unseen.base.tabular import write_rows
from unseen.classes.class_embedding_file import write_class_embeddings
from unseen.results.report import CURVES
from unseen.results.scoring import Outputs, score
from unseen.results.test_splits import Protocols
from unseen.results.versions import record
from unseen.videos.encoding import encode_frames
from unseen.videos.settings import ClipSettings
from unseen.videos.shards import RejectedClip, StoredClip, write_shard

DIMENSIONS = 24
SNIPPETS = 3
CLASSES = {
    dataset: [f"{dataset} class {number}" for number in range(count)]
    for dataset, count in (("large", 8), ("small", 5))
}


@dataclass(frozen=True)
class TestSet:
    """The files of a test set, and of a run on it."""

    __test__ = False

    embeddings: Path
    class_embeddings: Path
    labels: Path
    rejected: Path
    missing: Path

    def score(self, folder: Path, **options: object) -> Outputs:
        """Score into `folder` and return where the files went."""
        outputs = Outputs(
            folder / "predictions.csv",
            folder / "metrics.csv",
            folder / "per_class.csv",
            folder / "confusions.csv",
        )
        score(*(getattr(self, name) for name in asdict(self)), outputs, **options)
        return outputs


def class_vectors(count: int, seed: int = 0) -> np.ndarray:
    """(count, DIMENSIONS) random unit vectors."""
    vectors = np.random.default_rng([seed, count]).normal(size=(count, DIMENSIONS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_test_set(
    folder: Path,
    classes: Sequence[str],
    videos: Mapping[str, str],
    *,
    vectors: np.ndarray | None = None,
    noise: float = 0.5,
    rejected: Mapping[str, str] | None = None,
    missing: Mapping[str, str] | None = None,
    labelled: bool = True,
    seed: int = 0,
) -> TestSet:
    """Write a test set whose videos lie near their classes; mappings are of clip ids to classes."""
    folder.mkdir(parents=True, exist_ok=True)
    vectors = class_vectors(len(classes)) if vectors is None else vectors
    rejected, missing = rejected or {}, missing or {}
    files = TestSet(
        folder / "videos.h5",
        folder / "classes.h5",
        folder / "labels.csv",
        folder / "rejected.csv",
        folder / "missing.csv",
    )
    write_class_embeddings(files.class_embeddings, classes, vectors)
    rng = np.random.default_rng(seed)
    centres = vectors[[list(classes).index(name) for name in videos.values()]]
    snippets = centres.reshape(-1, 1, DIMENSIONS) + noise * rng.normal(
        size=(len(videos), SNIPPETS, DIMENSIONS)
    )
    write_embeddings(files.embeddings, list(videos), snippets)
    labels = {**videos, **rejected} if labelled else {}
    rows = [{"clip_id": clip, "class": name} for clip, name in labels.items()]
    write_rows(files.labels, ["clip_id", "class"], rows)
    write_rows(
        files.rejected,
        ["clip_id", "path", "reason"],
        [{"clip_id": clip, "path": clip, "reason": "no video stream"} for clip in rejected],
    )
    write_rows(
        files.missing,
        ["clip_id", "class"],
        [{"clip_id": clip, "class": name} for clip, name in missing.items()],
    )
    return files


def write_embeddings(path: Path, clip_ids: Sequence[str], snippets: np.ndarray) -> None:
    """Write video embeddings whose features (N, T, D) are the snippets' own embeddings."""
    with new_hdf5(path) as store:
        store.create_dataset("clip_id", data=list(clip_ids), dtype=h5py.string_dtype())
        store.attrs["snippets"] = snippets.shape[1]
        store["features"] = snippets.astype(np.float32)
        store["embedding"] = snippets.mean(axis=1).astype(np.float32)
        store["embedding_1"] = snippets[:, snippets.shape[1] // 2].astype(np.float32)


def named(classes: Sequence[str], each: int) -> dict[str, str]:
    """`each` clips of every class, by id."""
    return {f"{name}/{number}.avi": name for name in classes for number in range(each)}


def make_shard(path: Path, clip_ids: Sequence[str], rejected: Sequence[str] = ()) -> None:
    """A clip store whose clips are plain, each of its own colour."""
    settings = ClipSettings(short_side=32, min_frames=1)
    rng = np.random.default_rng(0)
    outcomes: list[StoredClip | RejectedClip] = [
        RejectedClip(clip, clip, "no video stream") for clip in rejected
    ]
    for clip in clip_ids:
        frames = np.empty((4, 32, 48, 3), np.uint8)
        frames[:] = rng.integers(40, 216, 3)
        outcomes.append(StoredClip(clip, clip, "0" * 64, encode_frames(frames, settings)))
    write_shard(
        path, outcomes, settings=json.loads(json.dumps(asdict(settings))), listed=len(outcomes)
    )


def report_spec(folder: Path, names: Mapping[str, Sequence[str]] = CLASSES) -> dict[str, object]:
    """Write all that a report shows, two runs on two test sets, and return its description.

    `names` are the classes of the test sets.
    """
    datasets, scores = {}, []
    folder.mkdir(parents=True, exist_ok=True)
    mine = folder / "mine.csv"
    with mine.open("w", newline="") as stream:  # a user's own, read as it is
        rows = [[str(n // 3), "test", names["large"][n]] for n in range(6)]
        csv.writer(stream).writerows([["split", "part", "class"], *rows])
    splits = {"large": {"mine": mine}}
    for dataset, classes in names.items():
        videos, rejected = named(classes, 6), {f"{dataset} broken.avi": classes[0]}
        for run in ("e2e", "fixed"):
            place = folder / run / dataset
            noise = 0.5 if run == "e2e" else 1.2
            files = make_test_set(
                place, classes, videos, noise=noise, rejected=rejected, missing={"gone": classes[1]}
            )
            outputs = files.score(place, protocols=Protocols(splits=splits.get(dataset, {})))
            paths = {key: str(path) for key, path in asdict(outputs).items()}
            scores.append({"run": run, "dataset": dataset} | paths)
        shard = folder / "clips" / f"{dataset}.h5"
        make_shard(shard, list(videos), list(rejected))
        datasets[dataset] = {
            "shards": [str(shard)],
            "rejected": str(files.rejected),
            "missing": str(files.missing),
        }
    table, figure = folder / "table2.csv", folder / "figure1.svg"
    columns = ["method", "source", "sd_over", "large_top1", "large_top1_sd", "large_top1_low"]
    columns += ["large_top1_high", "large_top1_resampled"]
    rows = [["chance", "chance", "", "12.50", "", "", "", ""]]
    rows += [["</script>&", "measured", "3 lists", "9.50", "1.25", "8.00", "11.00", "6 sources"]]
    write_rows(table, columns, [dict(zip(columns, row, strict=True)) for row in rows])
    figure.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"/>')
    overlap = folder / "overlap.csv"
    columns = ["class", "kept", "distance", "nearest_class", "nearest_dataset"]
    rows = [[f"training {n}", n > 1, f"0.0{n}", names["large"][1], "large"] for n in range(8)]
    write_rows(overlap, columns, [dict(zip(columns, row, strict=True)) for row in rows])
    state, classes = folder / "pretraining.txt", folder / "pretraining.csv"
    state.write_text("1\n")
    columns = ["class", "overlaps", "distance", "nearest_class", "nearest_dataset", "weights"]
    rows = [["seen", True, "0.01", "large class 1", "large", "photographs"]]
    rows += [["far", False, "0.9", "large class 1", "large", "photographs"]]
    write_rows(classes, columns, [dict(zip(columns, row, strict=True)) for row in rows])
    videos = folder / "videos.csv"
    columns = ["dataset", "clip_id", "shared", "test_dataset", "test_clip", "test_clips"]
    shared = [["training", f"a{n}", "content", "large", "b", "1"] for n in range(2)]
    write_rows(videos, columns, [dict(zip(columns, row, strict=True)) for row in shared])
    log = folder / "log.csv"
    steps = [dict.fromkeys(CURVES, f"{n / (n + 1):.6g}") | {"epoch": n + 1} for n in range(7)]
    write_rows(log, ["epoch", *CURVES], steps)
    benchmarks = folder / "benchmarks"
    for run, memory in (("e2e", "834.2"), ("fixed", "NA")):
        path = benchmarks / "train" / f"{run}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\tmax_rss\n61.5\t0:01:01\t{memory}\n")
    versions = folder / "versions"
    record("table2", [table], {"stages": {}, "sources": {}}, {"large": "9.50"}, versions)
    (folder / "captions").mkdir()
    (folder / "captions" / "table2.rst").write_text("Accuracy over\nall classes.\n")
    return {
        "title": "The report of a test",
        "tables": [str(table)],
        "figures": [{"path": str(figure), "pretraining": {"e2e": str(state)}}],
        "captions": str(folder / "captions"),
        "scores": scores,
        "datasets": datasets,
        "overlap": {"e2e": str(overlap)},
        "pretraining": {"e2e": {"state": str(state), "classes": str(classes)}},
        "videos": {"e2e": str(videos)},
        "threshold": 0.02,
        "trainings": {"e2e": str(log)},
        "benchmarks": str(benchmarks),
        "disk": {"decode": str(folder / "clips")},
        "versions": str(versions),
        "thumbnails": 20,
    }
