"""Time and memory of reading 1,250 words out of 3,000,000 vectors of 300 numbers, as CSV.

The gzipped file is written to a temporary folder (about 1.7 GB) and removed in the end.
`gzip -dc | wc -c` of the same file is the least that unpacking it takes.

    python benchmarks/read_vectors.py [--words 3000000] [--folder DIR]
"""

import argparse
import csv
import gzip
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
DIMENSION = 300
NEEDED = 1250
BLOCK = 10_000


def write_vectors(path: Path, words: int) -> None:
    """A word2vec binary of noise, rounded so that it packs to about half, as GoogleNews does."""
    rng = np.random.default_rng(0)
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(f"{words} {DIMENSION}\n".encode())
        for first in range(0, words, BLOCK):
            noise = rng.standard_normal((min(BLOCK, words - first), DIMENSION), np.float32)
            bits = noise.view(np.uint32) & np.uint32(0xFFFF0000)
            for row, vector in enumerate(bits):
                stream.write(f"word{first + row} ".encode() + vector.tobytes())


def write_class_list(path: Path, words: int) -> None:
    """A class list whose words are spread over the whole file, the last word among them."""
    needed = np.linspace(0, words - 1, NEEDED).astype(int)
    path.write_text("class\twords\n" + "".join(f"c{n}\tword{n}\n" for n in needed))


def measured(command: str) -> list[str]:
    """Seconds that a shell command takes, CPU seconds, and its peak memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, shell=True, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {command}")
    seconds = time.perf_counter() - start
    cpu = usage.ru_utime + usage.ru_stime
    return [f"{seconds:.1f}", f"{cpu:.1f}", f"{usage.ru_maxrss / 1024:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, default=3_000_000)
    parser.add_argument("--folder", type=Path, help="for the temporary file")
    arguments = parser.parse_args()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["command", "seconds", "cpu_seconds", "peak_mb"])
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        vectors, classes = Path(folder, "vectors.bin.gz"), Path(folder, "classes.tsv")
        write_vectors(vectors, arguments.words)
        write_class_list(classes, arguments.words)
        read = (
            f"PYTHONPATH={REPOSITORY}/src {sys.executable}"
            f" {REPOSITORY}/workflow/scripts/select_vectors.py --vectors {vectors}"
            f" --classes {classes} --output {folder}/selected.h5"
        )
        commands = {"gzip -dc | wc -c": f"gzip -dc {vectors} | wc -c", "select_vectors": read}
        for name, command in commands.items():
            writer.writerow([name, *measured(command)])


if __name__ == "__main__":
    main()
