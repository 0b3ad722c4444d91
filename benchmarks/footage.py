"""Footage for benchmarks: 10 s at 30 frames a second, H.264 as libx264 encodes it by default."""

import itertools
import subprocess
from pathlib import Path

from unseen.videos.ffmpeg_process import ffmpeg

SIZES = ("340x256", "1280x720")
LENGTH = 300
ENDINGS = {".avi", ".mp4", ".mkv", ".webm", ".mov"}


def generate_video(path: Path, size: str, number: int) -> None:
    """A zoom into the Mandelbrot set under a little noise."""
    picture = (
        f"mandelbrot=size={size}:rate=30:start_x={-0.7436 + number * 1e-3}:start_scale=0.3:"
        f"end_scale=0.05:end_pts={LENGTH}:maxiter=400,noise=alls=3:allf=t"
    )
    encode(["-f", "lavfi", "-i", picture], path)


def convert_video(source: Path, path: Path, size: str) -> None:
    """Ten seconds of a video, repeated when it is shorter."""
    scale = f"scale={size.replace('x', ':')},setsar=1,fps=30"
    encode(["-stream_loop", "-1", "-i", str(source), "-an", "-vf", scale], path)


def encode(arguments: list[str], path: Path) -> None:
    output = ["-frames:v", str(LENGTH), "-pix_fmt", "yuv420p", "-c:v", "libx264", str(path)]
    subprocess.run([ffmpeg(), "-v", "error", "-nostdin", "-y", *arguments, *output], check=True)


def make_videos(folder: Path, real: Path | None, count: int) -> dict[str, list[Path]]:
    """`count` generated videos of each size below `folder`, and as many made of those in `real`."""
    footage: dict[str, list[Path]] = {}
    found = sorted(path for path in (real or folder).rglob("*") if path.suffix in ENDINGS)
    for size in SIZES:
        generated = [folder / f"generated-{size}-{number}.mp4" for number in range(count)]
        for number, path in enumerate(generated):
            generate_video(path, size, number)
        footage[f"generated {size}"] = generated
        if real:
            converted = [folder / f"real-{size}-{number}.mp4" for number in range(count)]
            step = max(1, len(found) // count)
            for source, path in zip(itertools.cycle(found[::step]), converted, strict=False):
                convert_video(source, path, size)
            footage[f"real {size}"] = converted
    return footage
