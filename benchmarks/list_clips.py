"""Time and memory of listing a data set of Kinetics-700's size, as CSV.

Writes the annotations and an empty file for most clips to a temporary folder, lists them with the
pipeline's own script, and takes the digest by which Snakemake tells that a listing is up to date.

    python benchmarks/list_clips.py [--clips 541624] [--shards 512] [--folder DIR]
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
CLASSES = 700
MISSING_EVERY = 30

DIGEST = """
import sys
from pathlib import Path
from unseen.datasets import LayoutOptions, listing_digest
listing_digest(Path(sys.argv[1]), "kinetics", LayoutOptions(annotations=Path(sys.argv[2])))
"""


def write_kinetics(root: Path, annotations: Path, clips: int) -> None:
    """Annotations of `clips` clips in 700 classes, and the files of all but every thirtieth."""
    for number in range(CLASSES):
        (root / f"class number {number}").mkdir(parents=True)
    with annotations.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["label", "youtube_id", "time_start", "time_end", "split"])
        for clip in range(clips):
            label, identifier, start = f"class number {clip % CLASSES}", f"{clip:011x}", clip % 300
            writer.writerow([label, identifier, start, start + 10, "train"])
            if clip % MISSING_EVERY:
                (root / label / f"{identifier}_{start:06d}_{start + 10:06d}.mp4").touch()


def measured(command: list[str]) -> list[str]:
    """Seconds that a command takes, its CPU seconds, and its peak memory in MB."""
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    cpu = usage.ru_utime + usage.ru_stime
    seconds = time.perf_counter() - start
    return [f"{seconds:.1f}", f"{cpu:.1f}", f"{usage.ru_maxrss / 1024:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=541_624)
    parser.add_argument("--shards", type=int, default=512)
    parser.add_argument("--folder", type=Path, help="for the temporary files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        work = Path(folder)
        root, annotations = work / "videos", work / "train.csv"
        write_kinetics(root, annotations, options.clips)
        listing = [sys.executable, str(REPOSITORY / "workflow/scripts/list_clips.py")]
        listing += ["--dataset", "kinetics700", "--layout", "kinetics", "--root", str(root)]
        listing += ["--annotations", str(annotations), "--shards", str(options.shards)]
        listing += ["--manifests", str(work / "manifests"), "--labels", str(work / "labels.csv")]
        listing += ["--missing", str(work / "missing.csv")]
        listing += ["--class-names", str(work / "class_names.txt")]
        digest = [sys.executable, "-c", DIGEST, str(root), str(annotations)]
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["stage", "clips", "shards", "seconds", "cpu_seconds", "peak_mb"])
        for stage, command in [("list_clips", listing), ("listing_digest", digest)]:
            writer.writerow([stage, options.clips, options.shards, *measured(command)])


if __name__ == "__main__":
    main()
