"""`unseen predict`: seconds to the first prediction, videos a second, and free-form names.

python benchmarks/predict.py [--model MODEL] [--videos FOLDER] [--names | --loops] prints a CSV:
`measure,videos,value,unit`. The videos are the demo's UCF101-like set; with `--names` they are
classified among names that stand in no class list (SYNONYMS), which tells how often the best class
is right, and how often where the prediction is not marked unsure. With `--loops`,
`--count` videos go through several networks, and through a plain loop over the same network: PyAV
decodes every frame, torch scales and crops, one video at a time, in float32 and in the arithmetic
that `predict` takes.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import av
import numpy as np
import torch
from footage import ENDINGS, SIZES, generate_video

from unseen.base.stage_code import SOURCE
from unseen.classes.words import split_name
from unseen.network.classifiers import Classifier as SourceClassifier
from unseen.network.classifiers import build_classifier
from unseen.network.convex import convex_network
from unseen.network.model_file import ModelDescription, write_model
from unseen.network.published import find_published
from unseen.prediction.classifier import (
    Classifier,
    Failure,
    classify_files,
    frame_snippets,
    load_classifier,
)
from unseen.prediction.reading import Reading

REPOSITORY = SOURCE.parent
SYNONYMS = {
    "ball": "sphere",
    "leaf": "foliage",
    "star": "asterisk",
    "box": "crate",
    "boxes": "crates",
    "ring": "hoop",
    "fish": "shark",
    "flower": "blossom",
    "house": "cottage",
    "boat": "yacht",
    "rocket": "missile",
    "bouncing": "hopping",
    "spinning": "rotating",
    "falling": "plunging",
    "rising": "ascending",
    "sliding": "slipping",
    "shaking": "trembling",
    "growing": "swelling",
    "shrinking": "diminishing",
    "blinking": "flashing",
    "splitting": "dividing",
    "vanishing": "fading",
}
UNRELATED = ["cooking", "driving", "swimming", "praying", "typing", "skiing", "painting", "arguing"]
"""Names of nothing that the demo shows: what should be marked unsure."""

Row = tuple[str, int, float, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--model", type=Path, default=REPOSITORY / "results/models/demo-e2e/model.safetensors")
    add("--videos", type=Path, default=REPOSITORY / "resources/demo/demo/demo-ucf")
    add("--vectors", type=Path, default=REPOSITORY / "resources/word_vectors/googlenews.bin")
    add("--names", action="store_true", help="measure accuracy with free-form names, not time")
    add("--loops", action="store_true", help="measure against a plain loop of the same network")
    add("--count", type=int, default=12, help="videos of --loops")
    add("--snippets", type=int, default=5, help="snippets a video of --loops")
    options = parser.parse_args()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["measure", "videos", "value", "unit"])
    measure = free_form_names if options.names else times
    if options.loops:
        measure = partial(against_loops, count=options.count, snippets=options.snippets)
    for name, videos, value, unit in measure(options.model, options.videos, options.vectors):
        writer.writerow([name, videos, f"{value:.3g}", unit])
        sys.stdout.flush()


def times(model: Path, folder: Path, vectors: Path) -> Iterator[Row]:
    """Wall-clock times of the command, each in a process of its own."""
    command = [sys.executable, "-m", "unseen.prediction.command", "predict", "--model", str(model)]
    command += ["--word-vectors", str(vectors), "--classes", "rotating sphere, hopping shark"]
    with tempfile.TemporaryDirectory() as scratch:
        video = Path(scratch) / "ten-seconds.mp4"
        generate_video(video, SIZES[0], 0)
        one = _seconds([*command, str(video)])
        yield "start to first prediction, one 10 s video", 1, one, "s"
        yield (
            "the same in windows of 2 s",
            1,
            _seconds([*command, "--window", "2", str(video)]),
            "s",
        )
    videos = sorted(folder.rglob("*.avi"))
    for snippets in (25, 1):
        many = _seconds([*command, "--snippets", str(snippets), str(folder)])
        few = _seconds([*command, "--snippets", str(snippets), str(videos[0])])
        rate = (len(videos) - 1) / (many - few)
        yield f"rate, {snippets} snippets a video", len(videos), rate, "videos/s"


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=SOURCE)
    return time.perf_counter() - began


def against_loops(
    model: Path, folder: Path, vectors: Path, *, count: int, snippets: int
) -> Iterator[Row]:
    """Videos a second by the command's own code and by plain loops, in turns."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    videos = found[:: max(1, len(found) // count)][:count]
    reading = Reading(snippets=snippets)
    with tempfile.TemporaryDirectory() as scratch:
        for name, source in loops(model, Path(scratch)).items():
            classifier = load_classifier(source, "surfing, riding", vectors, device="cpu")
            [*classify_files(classifier, videos[:1], reading)]  # starts the decoders
            began = time.perf_counter()
            for video in classify_files(classifier, videos, reading):
                if isinstance(video, Failure):
                    raise SystemExit(f"{video.path}: {video.reason}")
            predict = len(videos) / (time.perf_counter() - began)
            yield f"{name}: predict", len(videos), predict, "videos/s"
            for dtype in dict.fromkeys([torch.float32, classifier.dtype]):
                began = time.perf_counter()
                for path in videos:
                    plain_loop(classifier, path, snippets, dtype)
                plain = len(videos) / (time.perf_counter() - began)
                kind = str(dtype).removeprefix("torch.")
                yield f"{name}: plain loop in {kind}", len(videos), plain, "videos/s"
                yield f"{name}: ratio", len(videos), predict / plain, ""


def loops(model: Path, scratch: Path) -> dict[str, Path | str]:
    """Models by name: the one given, `efficientnet_lite2`, and an R(2+1)D-18 of Kinetics' shape
    with random weights, as a run of method convex has it."""
    name = "r2plus1d_18:KINETICS400_V1"
    published = find_published(name)
    names = [*published.class_words]
    untrained = SourceClassifier(
        name=name,
        encoder=build_classifier(name),
        classes=names,
        input=published.input,
        settings={"name": name},
        lineage=[],
    )
    rows = np.random.default_rng(0).standard_normal((len(names), 300)).astype(np.float32)
    network, sources = convex_network(
        untrained, dict(zip(names, rows, strict=True)), likeliest=10, centre=False
    )
    description: ModelDescription = {
        "input": published.input,  # type: ignore[typeddict-item]
        "classes": names,
        "embedding": {"name": "word2vec", "digest": ""},
        "lineage": [],
    }
    path = scratch / "model.safetensors"
    write_model(path, network, torch.from_numpy(sources), description)
    given = {"the model given": model} if model.is_file() else {}
    return {**given, "efficientnet_lite2": "efficientnet_lite2", "r2plus1d_18, untrained": path}


@torch.inference_mode()
def plain_loop(classifier: Classifier, path: Path, snippets: int, dtype: torch.dtype) -> None:
    """A video as a short script predicts it."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    video = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
    inputs = frame_snippets(video, classifier.input_settings, snippets)
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        features = classifier.network.features(inputs).float()
    classifier.nearest(features.mean(dim=0, keepdim=True).numpy())


def free_form_names(model: Path, folder: Path, vectors: Path) -> Iterator[Row]:
    """Accuracy among synonyms of the folder names, and what the mark `unsure` is worth."""
    names = {path.name: _synonym(path.name) for path in sorted(folder.iterdir()) if path.is_dir()}
    videos = sorted(folder.rglob("*.avi"))
    classifier = load_classifier(model, list(names.values()), vectors)
    right, sure = [], []
    for video in classify_files(classifier, videos, Reading()):
        if isinstance(video, Failure):
            raise SystemExit(f"{video.path}: {video.reason}")
        right.append(video.prediction.classes[0] == names[Path(video.path).parent.name])
        sure.append(not video.prediction.unsure)
    yield "seen in training", len(names), len(classifier.seen), "classes"
    yield "right, synonyms", len(videos), 100 * sum(right) / len(videos), "%"
    yield "right by chance", len(videos), 100 / len(names), "%"
    both = sum(r and s for r, s in zip(right, sure, strict=True))
    yield "not unsure, synonyms", len(videos), 100 * sum(sure) / len(videos), "%"
    yield "right where not unsure", sum(sure), 100 * both / max(1, sum(sure)), "%"
    unsure = len(videos) - sum(sure)
    yield "right where unsure", unsure, 100 * (sum(right) - both) / max(1, unsure), "%"
    strange = load_classifier(model, UNRELATED, vectors)
    found = list(classify_files(strange, videos, Reading()))
    flagged = sum(not isinstance(video, Failure) and video.prediction.unsure for video in found)
    yield "unsure, unrelated names", len(videos), 100 * flagged / len(videos), "%"


def _synonym(name: str) -> str:
    return " ".join(SYNONYMS.get(part, part) for part in split_name(name))


if __name__ == "__main__":
    main()
