"""What a clip store costs: CPU time beside ffmpeg's bare decoding, bytes a clip, and PSNR.

    PYTHONPATH=src python benchmarks/build_store.py [--footage FOLDER] > build.csv

Footage of 340x256 and 1280x720 pixels is generated, and made from the videos of `--footage`: 10 s
at 30 frames a second, H.264. `bare` decodes and scales the same files with one ffmpeg process and
one thread each, and throws the frames away. Builds and bare runs take turns; the medians over
rounds are printed:

    build_fps, bare_fps   frames a second of CPU time, of this process and of ffmpeg together
    cpu_ratio             CPU time of building to bare decoding, median over rounds
    kb_per_clip           kilobytes of the shard a clip
    psnr_i420, psnr_rgb   dB against the scaled source, over all samples of the clips' frames
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from footage import LENGTH, make_videos

from unseen.videos.clip_store import ClipStore
from unseen.videos.colour import i420_to_rgb
from unseen.videos.decode_shard import decode_shard
from unseen.videos.encoding import CODECS
from unseen.videos.ffmpeg_process import ffmpeg
from unseen.videos.manifest import MANIFEST_COLUMNS
from unseen.videos.settings import ClipSettings

SCALE = "scale='if(gt(iw,ih),-2,128)':'if(gt(iw,ih),128,-2)':flags=bilinear"


def cpu_seconds(work: Callable[[], None]) -> float:
    """CPU time that `work` takes, in this process and in those that it starts."""
    before = os.times()
    work()
    after = os.times()
    return sum(after[:4]) - sum(before[:4])


def decode_bare(paths: list[Path]) -> None:
    for path in paths:
        scaled_source(path, ["-f", "null", "-"])


def scaled_source(path: Path, output: list[str]) -> bytes:
    """What ffmpeg writes to its output when it decodes and scales a video."""
    command = [ffmpeg(), "-v", "error", "-nostdin", "-threads", "1", "-i", str(path)]
    command += ["-vf", SCALE, "-fps_mode", "passthrough", *output]
    return subprocess.run(command, check=True, capture_output=True).stdout


def psnr(paths: list[Path], store: ClipStore, pixels: str) -> float:
    """dB of the store's clips against the scaled sources, as `yuv420p` or `rgb24` samples."""
    squares = samples = 0
    for clip, path in enumerate(paths):
        i420 = store.read_all(clip)
        source = scaled_source(path, ["-pix_fmt", pixels, "-f", "rawvideo", "-"])
        stored = i420 if pixels == "yuv420p" else rgb_frames(i420)
        difference = stored.reshape(-1).astype(np.int16) - np.frombuffer(source, np.uint8)
        squares += np.square(difference, dtype=np.float64).sum()
        samples += difference.size
    return float(10 * np.log10(255**2 * samples / squares))


def rgb_frames(i420: np.ndarray) -> np.ndarray:
    """(L, H * 3 // 2, W) to (L, H, W, 3) uint8."""
    rgb = i420_to_rgb(torch.from_numpy(i420)).permute(0, 2, 3, 1) * 255
    return rgb.round().byte().numpy()


def measure(name: str, paths: list[Path], codec: str, rounds: int) -> dict[str, str]:
    """One row of the table."""
    folder = paths[0].parent
    manifest, shard = folder / "manifest.csv", folder / "shard.h5"
    rows = [f"{path.name},{path.name},,," for path in paths]
    manifest.write_text("\n".join([",".join(MANIFEST_COLUMNS), *rows, ""]))
    settings = ClipSettings(codec=codec)  # type: ignore[arg-type]
    build, bare = [], []
    for _ in range(rounds):
        build.append(cpu_seconds(lambda: decode_shard(manifest, folder, shard, settings, 1)))
        bare.append(cpu_seconds(lambda: decode_bare(paths)))
    store = ClipStore([shard])
    frames = LENGTH * len(paths)
    assert store.n_frames.sum() == frames
    return {
        "footage": name,
        "codec": codec,
        "build_fps": f"{frames / statistics.median(build):.0f}",
        "bare_fps": f"{frames / statistics.median(bare):.0f}",
        "cpu_ratio": f"{statistics.median(np.divide(build, bare)):.2f}",
        "kb_per_clip": f"{shard.stat().st_size / len(paths) / 1000:.0f}",
        "psnr_i420": f"{psnr(paths, store, 'yuv420p'):.1f}",
        "psnr_rgb": f"{psnr(paths, store, 'rgb24'):.1f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--footage", type=Path, help="a folder of real videos")
    parser.add_argument("--videos", type=int, default=6, help="of each kind (6)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--codecs", nargs="*", default=[*CODECS])
    options = parser.parse_args()
    writer = None
    with tempfile.TemporaryDirectory() as folder:
        footage = make_videos(Path(folder), options.footage, options.videos)
        for codec in options.codecs:
            for name, paths in footage.items():
                row = measure(name, paths, codec, options.rounds)
                if writer is None:
                    writer = csv.DictWriter(sys.stdout, row.keys(), lineterminator="\n")
                    writer.writeheader()
                writer.writerow(row)
                sys.stdout.flush()


if __name__ == "__main__":
    main()
