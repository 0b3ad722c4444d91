"""`unseen predict`: seconds to the first prediction, videos a second, and free-form names.

python benchmarks/predict.py [--model MODEL] [--videos FOLDER] [--names] prints a CSV:
`measure,videos,value,unit`. The videos are the demo's UCF101-like set; with `--names` they are
classified among names that stand in no class list (SYNONYMS), which tells how often the best class
is right, and how often where the prediction is not marked unsure.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from footage import SIZES, generate_video

from unseen.base.stage_code import SOURCE
from unseen.classes.words import split_name
from unseen.prediction.classifier import Failure, classify_files, load_classifier
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
    options = parser.parse_args()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["measure", "videos", "value", "unit"])
    measure = free_form_names if options.names else times
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
