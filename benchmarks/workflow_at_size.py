"""The workflow at the paper's size over stub files, as CSV: what it costs before any video is read.

Writes stubs of all data sets of config/paper.yaml (Kinetics-700 `--times` over, in 512 shards a
time) and random word vectors, lists and prunes them, and times dry-runs of the table and of the
report.

    python benchmarks/workflow_at_size.py [--times 1] [--repository DIR] [--folder DIR]

`--repository` takes another checkout, to compare two states side by side.
"""

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml
from list_clips import write_kinetics

REPOSITORY = Path(__file__).resolve().parents[1]
KINETICS = 541_624
STEPS = {
    "listing, words, overlap": ["results/settled"],
    "dry-run of table 2": ["--dry-run", "results/table2.csv"],
    "dry-run of the report": ["--dry-run", "results/report.html"],
}


def classes_of(name: str) -> list[list[str]]:
    """Name and words of a shipped class list."""
    lines = (REPOSITORY / f"config/classes/{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines[1:]]


def write_stubs(folder: Path, times: int) -> dict[str, dict[str, object]]:
    """Empty files in the publishers' layouts; the data sets as the configuration has them."""
    kinetics = folder / "kinetics700"
    write_kinetics(kinetics, folder / "train.csv", KINETICS * times)
    labels = [name for name, _ in classes_of("kinetics700")]
    rows = (folder / "train.csv").read_text().replace("class number ", "#")
    rows = re.sub(r"^#(\d+)", lambda m: f'"{labels[int(m[1])]}"', rows, flags=re.M)
    (folder / "train.csv").write_text(rows)
    for number, label in enumerate(labels):
        (kinetics / f"class number {number}").rename(kinetics / label.replace("/", "_"))
    _write(folder / "ucf101", "ucf101", 13_320, "{name}/v_{name}_g{n:05}_c01.avi")
    _write(folder / "hmdb51", "hmdb51", 6_766, "{name}/{n:05}.avi")
    _write(folder / "sun397", "sun397", 98_750, "{letter}/{name}/sun_{n:06}.jpg")
    names = [f"/{name[0]}/{name}" for name, _ in classes_of("sun397")]
    (folder / "sun397/ClassName.txt").write_text("\n".join(names) + "\n")
    _write_activitynet(folder / "activitynet", 14_950)
    return {
        "kinetics700": {
            "root": str(kinetics),
            "annotations": str(folder / "train.csv"),
            "shards": 512 * times,
        },
        "ucf101": {"root": str(folder / "ucf101")},
        "hmdb51": {"root": str(folder / "hmdb51")},
        "sun397": {"root": str(folder / "sun397")},
        "activitynet": {
            "root": str(folder / "activitynet"),
            "annotations": str(folder / "activitynet/activity_net.v1-3.min.json"),
        },
    }


def _write(root: Path, name: str, count: int, pattern: str) -> None:
    classes = [label for label, _ in classes_of(name)]
    for number in range(count):
        label = classes[number % len(classes)]
        path = root / pattern.format(name=label, letter=label[0], n=number)
        if number < len(classes):
            path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def _write_activitynet(root: Path, count: int) -> None:
    root.mkdir()
    classes = [label for label, _ in classes_of("activitynet")]
    database = {}
    for number in range(count):
        key = f"{number:011x}"
        (root / f"v_{key}.mp4").touch()
        segment = {"segment": [1.0, 9.0], "label": classes[number % len(classes)]}
        subset = "training" if number % 3 else "validation"
        database[key] = {"subset": subset, "duration": 30.0, "annotations": [segment]}
    content = {"version": "VERSION 1.3", "database": database}
    (root / "activity_net.v1-3.min.json").write_text(json.dumps(content))


def write_vectors(path: Path) -> None:
    """A random vector for each word of the shipped lists."""
    lists = ("kinetics700", "kinetics400", "ucf101", "hmdb51", "sun397", "activitynet")
    words = sorted(
        {word for name in lists for _, text in classes_of(name) for word in text.split()}
    )
    rng = np.random.default_rng(0)
    with path.open("w") as stream:
        stream.write(f"{len(words)} 50\n")
        for word in words:
            stream.write(f"{word} {' '.join(f'{x:.4f}' for x in rng.normal(size=50))}\n")


def measured(command: list[str], folder: Path) -> list[str]:
    """Jobs, seconds, CPU seconds and peak memory in MB of a call of Snakemake."""
    start = time.perf_counter()
    log = folder / "log.txt"
    with log.open("w") as stream:
        process = subprocess.Popen(command, cwd=folder, stdout=stream, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    text = log.read_text()
    if status:
        sys.exit(text[-3000:])
    jobs = re.findall(r"^total +(\d+)", text, re.M) or ["0"]
    seconds, cpu = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
    return [jobs[0], f"{seconds:.1f}", f"{cpu:.1f}", f"{usage.ru_maxrss / 1024:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--repository", type=Path, default=REPOSITORY)
    parser.add_argument("--folder", type=Path, help="for the temporary files")
    options = parser.parse_args()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["step", "jobs", "seconds", "cpu_seconds", "peak_mb"])
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        config = yaml.safe_load((options.repository / "config/paper.yaml").read_text())
        for key, places in write_stubs(folder, options.times).items():
            config["datasets"][key] |= places
        config["datasets"]["sun397"].pop("exclude")
        config["word_vectors"] = str(folder / "vectors.txt")
        config["missing_words"] = "drop_word"
        write_vectors(folder / "vectors.txt")
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "snakemake", "--snakefile"]
        command += [str(options.repository / "Snakefile"), "--cores", "2"]
        for step, arguments in STEPS.items():
            call = [*command, *arguments, "--configfile", "config.yaml"]
            writer.writerow([step, *measured(call, folder)])
            sys.stdout.flush()


if __name__ == "__main__":
    main()
