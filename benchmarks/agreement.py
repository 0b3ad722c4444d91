"""How far `unseen predict` and the pipeline agree, by the codec of the clip store between them.

python benchmarks/agreement.py FOLDER --model efficientnet_lite2 --classes LIST --vectors FILE

prints a CSV with the columns COLUMNS. The same videos are predicted as the command does and through
a clip store of each codec. `equal_top1` is the share of equal best classes in percent, `lead` the
distance by which a best class leads the second on average where the two differ (nothing if none
do), `cosine` and `lowest` the mean and the least cosine between a video's two embeddings,
`kilobytes` what the store takes a clip.
"""

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from footage import ENDINGS

from unseen.base.tabular import write_rows
from unseen.classes.class_list import read_class_list
from unseen.network.inference import visual_features
from unseen.prediction.classifier import (
    Classifier,
    Failure,
    Prediction,
    classify_files,
    load_classifier,
)
from unseen.prediction.reading import Reading
from unseen.videos.clip_store import ClipStore
from unseen.videos.decode_shard import decode_shard
from unseen.videos.loading import video_batches
from unseen.videos.manifest import MANIFEST_COLUMNS
from unseen.videos.settings import ClipSettings

CODECS: dict[str, dict[str, Any]] = {
    "h264 0, lossless": {"codec": "h264", "quality": 0},
    "mpeg4 2, the default": {},
    "h264 16": {"codec": "h264"},
    "mpeg4 1": {"quality": 1},
    "h264 8": {"codec": "h264", "quality": 8},
}
"""Settings of `clips` by codec and quality."""

COLUMNS = (*("codec", "snippets", "videos", "equal_top1", "lead", "cosine", "lowest", "kilobytes"),)

Answers = tuple[list[Prediction], npt.NDArray[np.float32]]
"""Predictions of V videos and their embeddings (V, D)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("folder", type=Path, help="videos, also in folders")
    add("--model", default="efficientnet_lite2", help="as `unseen predict` takes it")
    add("--classes", type=Path, required=True, help="a class list such as those in config/classes")
    add("--vectors", type=Path, help="word vectors, for a published classifier")
    add("--snippets", type=int, nargs="+", default=[1, 8, 25])
    add("--dtype", choices=["auto", "float32", "bfloat16"], default="auto", help="the arithmetic")
    options = parser.parse_args()
    files = sorted(path for path in options.folder.rglob("*") if path.suffix.lower() in ENDINGS)
    names = read_class_list(options.classes)
    classifier = load_classifier(
        options.model, names, options.vectors, device="cpu", dtype=options.dtype
    )
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    predicted = {number: by_command(classifier, files, number) for number in options.snippets}
    with tempfile.TemporaryDirectory() as scratch:
        for codec, settings in CODECS.items():
            shard = build_store(Path(scratch), options.folder, files, classifier, settings)
            for number in options.snippets:
                stored = by_store(classifier, ClipStore([shard]), number)
                size = shard.stat().st_size / len(files) / 1000
                row = [*compared(predicted[number], stored), f"{size:.0f}"]
                writer.writerow([codec, number, len(files), *row])
                sys.stdout.flush()


def by_command(classifier: Classifier, files: list[Path], snippets: int) -> Answers:
    """As `unseen predict` does."""
    found: list[Prediction] = []

    def predictions() -> Iterator[Prediction]:
        for video in classify_files(classifier, files, Reading(snippets=snippets)):
            if isinstance(video, Failure):
                raise SystemExit(f"{video.path}: {video.reason}")
            yield video.prediction

    with Embeddings(classifier) as embeddings:
        found = list(predictions())
    return found, np.stack(embeddings)


def by_store(classifier: Classifier, store: ClipStore, snippets: int) -> Answers:
    """As the pipeline does: snippets of stored clips."""
    settings = classifier.input_settings
    reading = {"frames": settings["frames"], "frame_rate": settings.get("frame_rate")}
    found: list[Prediction] = []
    with Embeddings(classifier) as embeddings:
        for _, batch in video_batches(
            store, np.arange(len(store)), snippets=snippets, batch_size=1, **reading
        ):
            features = visual_features(
                classifier.network,
                batch,
                input_settings=settings,
                dtype=classifier.dtype,
                device=classifier.device,
            )
            found += classifier.nearest(features.mean(dim=0, keepdim=True).cpu().numpy())
    return found, np.stack(embeddings)


class Embeddings(list[npt.NDArray[np.float32]]):
    """A list that grows by each video's embedding (D,) while it is open."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.encoder = classifier.network.get_submodule("semantic_encoder")

    def __enter__(self) -> "Embeddings":
        self.hook = self.encoder.register_forward_hook(
            lambda _module, _given, found: self.append(found[0].float().cpu().numpy())
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.hook.remove()


def build_store(
    scratch: Path,
    root: Path,
    files: list[Path],
    classifier: Classifier,
    codec: dict[str, Any],
) -> Path:
    """A shard of the files, in their order."""
    settings = classifier.input_settings
    clips = ClipSettings(
        short_side=settings["short_side"],
        resampling=settings.get("resampling", "antialiased"),
        **codec,
    )
    rows = [
        {"clip_id": f"{number:06}", "path": str(path.relative_to(root))}
        for number, path in enumerate(files)
    ]
    blank = dict.fromkeys(MANIFEST_COLUMNS, "")
    write_rows(scratch / "manifest.csv", MANIFEST_COLUMNS, [blank | row for row in rows])
    shard = scratch / "shard.h5"
    decode_shard(scratch / "manifest.csv", root, shard, clips, workers=2)
    if len(ClipStore([shard])) != len(files):
        raise SystemExit("some videos cannot be stored: leave them out")
    return shard


def compared(one: Answers, other: Answers) -> list[str]:
    """Equal best classes, the lead where they differ, mean and lowest cosine."""
    pairs = list(zip(one[0], other[0], strict=True))
    leads = [
        first.distances[1] - first.distances[0]
        for first, second in pairs
        if first.classes[0] != second.classes[0]
    ]
    lengths = [np.linalg.norm(each[1], axis=1) for each in (one, other)]
    cosines = (one[1] * other[1]).sum(axis=1) / np.prod(lengths, axis=0)
    equal = 100 * (1 - len(leads) / len(pairs))
    return [
        f"{equal:.1f}",
        f"{np.mean(leads):.4f}" if leads else "",
        f"{cosines.mean():.5f}",
        f"{cosines.min():.5f}",
    ]


if __name__ == "__main__":
    main()
