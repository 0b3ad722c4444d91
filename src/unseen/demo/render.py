"""Rendering of the demo: classes to frames, frames to videos and photographs in a folder."""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags
from PIL import Image

from unseen.base.errors import UserError
from unseen.base.files import atomic, file_digest
from unseen.base.progress import progress
from unseen.demo import world
from unseen.demo.drawing import (
    GROUP_SCALE,
    GROUPS,
    MOTIONS,
    SCENES,
    TEXTURES,
    Pose,
    colour,
    paint_thing,
)
from unseen.demo.layouts import Footage, Photograph, Plan, plan
from unseen.demo.world import DemoClass, Domain

MARGIN = 6
LUMINANCE = np.array([0.299, 0.587, 0.114])
CODEC_OPTIONS = {
    # Without cpu-independent x264's macroblock tree depends on what memory held before.
    "libx264": {"preset": "veryfast", "crf": "20", "x264-params": "cpu-independent=1"},
    "mpeg4": {"qmin": "3", "qmax": "4"},
}


def render_demo(
    output: Path, *, seed: int, size: str, datasets: Iterable[str], workers: int = 1
) -> None:
    """Render data sets of the demo, each below `output/<dataset>/` in the layout that it imitates.

    `output/<dataset>.sha256`, written last, lists the digests of its files. One seed gives the same
    bytes with one build of ffmpeg's libraries.

    Args:
        output: the folder of all the demo's data.
        seed: of all pictures.
        size: a key of `world.SIZES`.
        datasets: keys of `world.CLASSES`.
        workers: processes that render.

    Raises:
        UserError: for an unknown data set or size.
    """
    if size not in world.SIZES:
        raise UserError(f"no demo size {size!r}: choose one of {', '.join(world.SIZES)}")
    for dataset in datasets:
        if dataset not in world.CLASSES:
            raise UserError(f"no demo data set {dataset!r}: choose from {', '.join(world.CLASSES)}")
        content = plan(dataset, world.SIZES[size], seed)
        _write_files(output / dataset, dataset, content, workers)
        _write_digests(output, dataset, content)


def write_class_lists(folder: Path) -> None:
    """Write `<dataset>.tsv` for every data set of the demo: its classes and the words of each."""
    for dataset, classes in world.CLASSES.items():
        rows = sorted((world.class_name(dataset, each), " ".join(each.words)) for each in classes)
        with atomic(folder / f"{dataset}.tsv") as temporary:
            temporary.write_text("\n".join(map("\t".join, [("class", "words"), *rows])) + "\n")


def draw_footage(footage: Footage, domain: Domain) -> np.ndarray:
    """All frames of a video, (L, H, W, 3) uint8, in the looks of a domain."""
    rng = np.random.default_rng(footage.key)
    length = sum(frames for _, frames in footage.parts)
    backdrop, brightness = _backdrop(domain, rng)
    canvas = _shaken(backdrop, domain, length, rng)
    start = 0
    for content, frames in footage.parts:
        if content is not None:
            _paint_class(canvas[start : start + frames], content, brightness, rng)
        start += frames
    noise = rng.standard_normal(canvas.shape, np.float32)
    noise *= domain.noise
    canvas += noise
    return _to_bytes(canvas)


def draw_photograph(photograph: Photograph) -> np.ndarray:
    """A photograph, (H, W, 3) uint8, landscape or portrait: a thing in its scene."""
    rng = np.random.default_rng(photograph.key)
    height, width = ((192, 256), (256, 192))[int(rng.integers(2))]
    backdrop, brightness = SCENES[photograph.content.scene](height, width, rng)
    canvas = backdrop[None].astype(np.float32)
    paint_thing(
        canvas,
        photograph.content.thing,
        Pose(angle=rng.normal(0, 0.15)),
        radius=rng.uniform(0.4, 0.6),
        centre=rng.uniform(-0.3, 0.3, 2),
        colours=_thing_colours(brightness, rng),
    )
    picture: np.ndarray = _to_bytes(canvas)[0]
    return picture


def encode(path: Path, frames: np.ndarray, domain: Domain) -> None:
    """Encode frames, (L, H, W, 3) uint8, with a domain's codec; the path tells the format."""
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(
            domain.codec, rate=domain.rate, options=CODEC_OPTIONS[domain.codec]
        )
        assert isinstance(stream, av.VideoStream)  # as the codecs of DOMAINS are
        stream.width, stream.height, stream.pix_fmt = domain.width, domain.height, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.flags |= Flags.bitexact
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _backdrop(domain: Domain, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A still background with a margin for the camera to shake in, and its brightness."""
    texture = TEXTURES[str(rng.choice(domain.textures))]
    pattern = texture(domain.height + 2 * MARGIN, domain.width + 2 * MARGIN, rng)
    base = colour(
        rng.uniform(*domain.hue), rng.uniform(*domain.saturation), rng.uniform(*domain.value)
    )
    contrast = rng.uniform(0.04, 0.12)
    return (base + contrast * pattern[..., None]).astype(np.float32), float(base @ LUMINANCE)


def _shaken(
    backdrop: np.ndarray, domain: Domain, length: int, rng: np.random.Generator
) -> np.ndarray:
    """The background as a camera in an unsteady hand sees it, (L, H, W, 3) float32."""
    steps = rng.normal(0, domain.shake, (length, 2)).cumsum(axis=0)
    corners = np.clip(np.round(steps), -MARGIN, MARGIN).astype(int) + MARGIN
    return np.stack(
        [backdrop[top : top + domain.height, left : left + domain.width] for top, left in corners]
    )


def _paint_class(
    canvas: np.ndarray, content: DemoClass, brightness: float, rng: np.random.Generator
) -> None:
    """Paint what a class shows on frames of its own: a thing, or several in step, in motion."""
    pose = MOTIONS[content.motion](np.arange(len(canvas)), rng)
    radius = rng.uniform(0.36, 0.48) * GROUP_SCALE[content.count]
    shift = rng.uniform(-0.2, 0.2, 2)
    colours = _thing_colours(brightness, rng)
    for place in GROUPS[content.count]:
        centre = np.array(place) + shift
        paint_thing(canvas, content.thing, pose, radius=radius, centre=centre, colours=colours)


def _thing_colours(brightness: float, rng: np.random.Generator) -> np.ndarray:
    """Colours of a thing's body and details, (2, 3), that stand out from a background."""
    hue = rng.uniform()
    if brightness > 0.42:
        body = colour(hue, rng.uniform(0.5, 1), rng.uniform(0.05, 0.3))
        detail = colour((hue + 0.45) % 1, rng.uniform(0.6, 1), 0.65)
    else:
        body = colour(hue, rng.uniform(0.1, 0.6), rng.uniform(0.8, 1))
        detail = colour((hue + 0.45) % 1, rng.uniform(0.7, 1), 0.45)
    return np.stack([body, detail]).astype(np.float32)


def _to_bytes(canvas: np.ndarray) -> np.ndarray:
    """Values from 0 to 1 as bytes; the canvas is used up."""
    np.clip(canvas, 0, 1, out=canvas)
    canvas *= 255
    canvas += 0.5
    return canvas.astype(np.uint8)


def _write_files(root: Path, dataset: str, content: Plan, workers: int) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for path, text in content.texts.items():
        with atomic(root / path) as temporary:
            temporary.write_text(text)
    for folder in {(root / picture.path).parent for picture in content.pictures}:
        folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        done = pool.map(partial(_write_picture, root, dataset), content.pictures, chunksize=8)
        for _ in progress(done, total=len(content.pictures), desc=dataset, unit="file"):
            pass


def _write_picture(root: Path, dataset: str, picture: Footage | Photograph) -> None:
    path = root / picture.path
    if isinstance(picture, Photograph):
        Image.fromarray(draw_photograph(picture)).save(path, quality=92)
    else:
        domain = world.DOMAINS[dataset]
        encode(path, draw_footage(picture, domain), domain)


def _write_digests(output: Path, dataset: str, content: Plan) -> None:
    paths = sorted([*content.texts, *(picture.path for picture in content.pictures)])
    lines = [f"{file_digest(output / dataset / path)}  {dataset}/{path}\n" for path in paths]
    with atomic(output / f"{dataset}.sha256") as temporary:
        temporary.write_text("".join(lines))
