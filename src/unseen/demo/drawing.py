"""Things, motions and backgrounds of the demo's world, drawn with numpy.

A thing is a function of local coordinates: `u` to the right and `v` downwards, the thing filling
about the unit circle. It returns layers `(distance, tone)` in the order in which they are painted:
a signed distance (negative inside) in local units and one of the tones `BODY` and `DETAIL`.
A motion is a function of the time in frames; it returns a `Pose` whose entries follow the time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

BODY, DETAIL = 0, 1
FRAMES_AT_A_TIME = 8  # keeps the arrays in the processor's cache
REACH = 1.3  # local units from a thing's centre beyond which nothing of it lies
Layers = list[tuple[np.ndarray, int]]


def _circle(u: np.ndarray, v: np.ndarray, radius: float) -> np.ndarray:
    distance: np.ndarray = np.hypot(u, v) - radius
    return distance


def _rectangle(u: np.ndarray, v: np.ndarray, width: float, height: float) -> np.ndarray:
    """Half width and half height around the origin."""
    distance: np.ndarray = np.maximum(np.abs(u) - width, np.abs(v) - height)
    return distance


def _ellipse(u: np.ndarray, v: np.ndarray, width: float, height: float) -> np.ndarray:
    return (np.hypot(u / width, v / height) - 1) * min(width, height)


def _polygon(u: np.ndarray, v: np.ndarray, *corners: tuple[float, float]) -> np.ndarray:
    """A convex polygon, its corners clockwise on the screen."""
    sides = []
    for (u0, v0), (u1, v1) in zip(corners, corners[1:] + corners[:1], strict=True):
        length = np.hypot(u1 - u0, v1 - v0)
        sides.append(((u - u0) * (v1 - v0) - (v - v0) * (u1 - u0)) / length)
    distance: np.ndarray = np.maximum.reduce(sides)
    return distance


def _fold(u: np.ndarray, v: np.ndarray, sectors: int) -> tuple[np.ndarray, np.ndarray]:
    """Fold the plane into one sector around the upward axis; returns (across, outward)."""
    width = 2 * np.pi / sectors
    angle = np.arctan2(u, -v)
    angle = np.abs((angle + width / 2) % width - width / 2)
    radius = np.hypot(u, v)
    return radius * np.sin(angle), radius * np.cos(angle)


def _ball(u: np.ndarray, v: np.ndarray) -> Layers:
    disc = _circle(u, v, 0.9)
    band = np.maximum(disc, np.abs(v) - 0.2)
    spot = np.maximum(disc, _circle(u - 0.1, v + 0.72, 0.28))
    return [(disc, BODY), (band, DETAIL), (spot, DETAIL)]


def _star(u: np.ndarray, v: np.ndarray) -> Layers:
    across, outward = _fold(u, v, 5)
    inner = 0.42
    edge = np.array([inner * np.sin(np.pi / 5), inner * np.cos(np.pi / 5) - 1.0])
    normal = np.array([-edge[1], edge[0]]) / np.hypot(*edge)
    return [(across * normal[0] + (outward - 1.0) * normal[1], BODY)]


def _leaf(u: np.ndarray, v: np.ndarray) -> Layers:
    blade = np.maximum(_circle(u - 0.62, v + 0.1, 1.08), _circle(u + 0.62, v + 0.1, 1.08))
    stem = _rectangle(u, v - 0.5, 0.07, 0.5)
    return [(blade, BODY), (stem, DETAIL), (_rectangle(u, v + 0.1, 0.06, 0.5), DETAIL)]


def _box(u: np.ndarray, v: np.ndarray) -> Layers:
    lid = _rectangle(u, v + 0.5, 0.92, 0.2)
    tape = _rectangle(u, v, 0.13, 0.78)
    return [(_rectangle(u, v, 0.8, 0.78), BODY), (lid, BODY), (tape, DETAIL)]


def _ring(u: np.ndarray, v: np.ndarray) -> Layers:
    band = np.abs(_circle(u, v - 0.12, 0.62)) - 0.15
    gem = (np.abs(u) + np.abs(v + 0.72) - 0.32) * np.sqrt(0.5)
    return [(band, BODY), (gem, DETAIL)]


def _fish(u: np.ndarray, v: np.ndarray) -> Layers:
    tail = _polygon(u, v, (0.35, 0.0), (0.95, -0.5), (0.95, 0.5))
    trunk = _ellipse(u + 0.2, v, 0.78, 0.45)
    return [(tail, BODY), (trunk, BODY), (_circle(u + 0.6, v + 0.1, 0.13), DETAIL)]


def _flower(u: np.ndarray, v: np.ndarray) -> Layers:
    across, outward = _fold(u, v, 6)
    return [
        (_ellipse(across, outward - 0.58, 0.27, 0.4), BODY),
        (_circle(u, v, 0.32), DETAIL),
    ]


def _house(u: np.ndarray, v: np.ndarray) -> Layers:
    roof = _polygon(u, v, (0.0, -0.95), (0.95, -0.15), (-0.95, -0.15))
    wall = _rectangle(u, v - 0.35, 0.68, 0.5)
    return [(wall, BODY), (roof, DETAIL), (_rectangle(u, v - 0.5, 0.17, 0.35), DETAIL)]


def _boat(u: np.ndarray, v: np.ndarray) -> Layers:
    hull = _polygon(u, v, (-0.95, 0.25), (0.95, 0.25), (0.55, 0.75), (-0.55, 0.75))
    sail = _polygon(u, v, (0.0, -0.95), (0.7, 0.1), (0.0, 0.1))
    mast = _rectangle(u + 0.06, v + 0.35, 0.06, 0.6)
    return [(mast, DETAIL), (hull, DETAIL), (sail, BODY)]


def _rocket(u: np.ndarray, v: np.ndarray) -> Layers:
    trunk = np.maximum(_rectangle(u, v, 0.3, 0.95), _ellipse(u, v - 0.55, 0.42, 1.5))
    fins = _polygon(u, v, (0.0, 0.0), (0.72, 0.85), (-0.72, 0.85))
    return [(fins, DETAIL), (trunk, BODY), (_circle(u, v + 0.2, 0.16), DETAIL)]


def _heart(u: np.ndarray, v: np.ndarray) -> Layers:
    lobe = _circle(np.abs(u) - 0.42, v + 0.3, 0.5)
    point = _polygon(u, v, (-0.8, 0.0), (0.0, -0.5), (0.8, 0.0), (0.0, 0.92))
    return [(np.minimum(lobe, point), BODY)]


def _moon(u: np.ndarray, v: np.ndarray) -> Layers:
    return [(np.maximum(_circle(u, v, 0.92), -_circle(u - 0.45, v + 0.1, 0.72)), BODY)]


def _tree(u: np.ndarray, v: np.ndarray) -> Layers:
    trunk = _rectangle(u, v - 0.65, 0.14, 0.32)
    crown = _polygon(u, v, (0.0, -0.95), (0.72, 0.45), (-0.72, 0.45))
    return [(trunk, DETAIL), (crown, BODY)]


def _cup(u: np.ndarray, v: np.ndarray) -> Layers:
    handle = np.abs(_circle(u - 0.6, v, 0.3)) - 0.09
    bowl = _polygon(u, v, (-0.75, -0.65), (0.6, -0.65), (0.42, 0.75), (-0.57, 0.75))
    return [(handle, DETAIL), (bowl, BODY)]


THINGS: dict[str, Callable[[np.ndarray, np.ndarray], Layers]] = {
    "ball": _ball,
    "leaf": _leaf,
    "star": _star,
    "box": _box,
    "ring": _ring,
    "fish": _fish,
    "flower": _flower,
    "house": _house,
    "boat": _boat,
    "rocket": _rocket,
    "heart": _heart,
    "moon": _moon,
    "tree": _tree,
    "cup": _cup,
}


@dataclass
class Pose:
    """Where a thing is, frame by frame, each entry an array of L numbers or one for all frames.

    `x` and `y` are in half short sides of the picture from its centre, `angle` in radians
    clockwise, `gap` in local units between the two halves of a thing that splits.
    """

    x: np.ndarray | float = 0.0
    y: np.ndarray | float = 0.0
    angle: np.ndarray | float = 0.0
    scale: np.ndarray | float = 1.0
    opacity: np.ndarray | float = 1.0
    gap: np.ndarray | float = 0.0


def _cycle(time: np.ndarray, period: float, rng: np.random.Generator) -> np.ndarray:
    """From 0 to 1 and again in about `period` frames, at a random tempo from a random phase."""
    return (time / (period * rng.uniform(0.85, 1.2)) + rng.uniform()) % 1


def _bouncing(time: np.ndarray, rng: np.random.Generator) -> Pose:
    phase = _cycle(time, 9, rng)
    return Pose(y=0.55 - 4 * 1.1 * phase * (1 - phase))


def _spinning(time: np.ndarray, rng: np.random.Generator) -> Pose:
    return Pose(angle=rng.choice([-1, 1]) * 2 * np.pi * _cycle(time, 13, rng))


def _falling(time: np.ndarray, rng: np.random.Generator) -> Pose:
    return Pose(y=-1.3 + 2.6 * _cycle(time, 13, rng))


def _rising(time: np.ndarray, rng: np.random.Generator) -> Pose:
    return Pose(y=1.3 - 2.6 * _cycle(time, 13, rng))


def _sliding(time: np.ndarray, rng: np.random.Generator) -> Pose:
    return Pose(x=rng.choice([-1, 1]) * (-1.5 + 3.0 * _cycle(time, 14, rng)))


def _shaking(time: np.ndarray, rng: np.random.Generator) -> Pose:
    swing = np.sin(2 * np.pi * _cycle(time, 3.2, rng))
    return Pose(x=0.17 * swing, angle=0.2 * swing)


def _growing(time: np.ndarray, rng: np.random.Generator) -> Pose:
    return Pose(scale=0.45 + 1.15 * _cycle(time, 11, rng))


def _shrinking(time: np.ndarray, rng: np.random.Generator) -> Pose:
    return Pose(scale=1.6 - 1.15 * _cycle(time, 11, rng))


def _blinking(time: np.ndarray, rng: np.random.Generator) -> Pose:
    return Pose(opacity=(_cycle(time, 5, rng) < 0.55).astype(float))


def _splitting(time: np.ndarray, rng: np.random.Generator) -> Pose:
    return Pose(gap=1.8 * _cycle(time, 10, rng))


def _vanishing(time: np.ndarray, rng: np.random.Generator) -> Pose:
    return Pose(opacity=1 - _cycle(time, 11, rng))


def _swinging(time: np.ndarray, rng: np.random.Generator) -> Pose:
    angle = 0.8 * np.sin(2 * np.pi * _cycle(time, 12, rng))
    return Pose(x=-0.9 * np.sin(angle), y=0.9 * np.cos(angle) - 0.7, angle=angle)


MOTIONS: dict[str, Callable[[np.ndarray, np.random.Generator], Pose]] = {
    "bouncing": _bouncing,
    "spinning": _spinning,
    "falling": _falling,
    "rising": _rising,
    "sliding": _sliding,
    "shaking": _shaking,
    "growing": _growing,
    "shrinking": _shrinking,
    "blinking": _blinking,
    "splitting": _splitting,
    "vanishing": _vanishing,
    "swinging": _swinging,
}

# Where each of several things of one kind stands, in half short sides.
GROUPS: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((0.0, 0.0),),
    2: ((-0.5, 0.0), (0.5, 0.0)),
    3: ((-0.62, 0.3), (0.0, -0.35), (0.62, 0.3)),
    4: ((-0.55, -0.45), (0.55, -0.45), (-0.55, 0.45), (0.55, 0.45)),
}
GROUP_SCALE = {1: 1.0, 2: 0.72, 3: 0.62, 4: 0.55}


def paint_thing(
    canvas: np.ndarray,
    thing: str,
    pose: Pose,
    *,
    radius: float,
    centre: np.ndarray,
    colours: np.ndarray,
) -> None:
    """Paint a thing on every frame of a canvas, with smooth edges.

    Args:
        canvas: (L, H, W, 3) float32, values 0 to 1; changed in place.
        pose: entries of length L.
        radius: of the thing, in half short sides of the picture.
        centre: (2,), x and y to which the pose is added, in half short sides.
        colours: (2, 3), for the tones `BODY` and `DETAIL`.
    """
    entries = np.stack([np.broadcast_to(entry, len(canvas)) for entry in vars(pose).values()])
    for start in range(0, len(canvas), FRAMES_AT_A_TIME):
        frames = slice(start, start + FRAMES_AT_A_TIME)
        x, y, angle, scale, opacity, gap = entries[:, frames, None, None].astype(np.float32)
        x += np.float32(centre[0])
        y += np.float32(centre[1])
        size = radius * scale
        reach = size * (REACH + gap / 2)
        window, u, v = _local_coordinates(canvas.shape[1:3], (x, y), angle, size, reach)
        pixels = size * min(canvas.shape[1:3]) / 2
        splits = gap.any()
        inside_gap = gap / 2 - np.abs(u)
        u -= np.sign(u) * gap / 2
        seen = canvas[frames, *window]
        for distance, tone in THINGS[thing](u, v):
            if splits:
                distance = np.where(gap > 0, np.maximum(distance, inside_gap), distance)
            cover = np.clip(0.5 - distance * pixels, 0, 1) * opacity
            seen += cover[..., None] * (colours[tone] - seen)


def _local_coordinates(
    shape: tuple[int, ...],
    place: tuple[np.ndarray, np.ndarray],
    angle: np.ndarray,
    size: np.ndarray,
    reach: np.ndarray,
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """The rows and columns that a thing may reach, and `u` and `v` of their pixels, (L, H, W) each.

    `shape` is the picture's height and width. What belongs to a frame is (L, 1, 1); `place`, `size`
    and `reach` are in half short sides.
    """
    half = min(shape) / 2
    rows, columns = ((np.arange(n, dtype=np.float32) - (n - 1) / 2) / half for n in shape)
    x, y = place
    edge = reach + 1 / half
    window = _between(rows, y, edge), _between(columns, x, edge)
    dx, dy = columns[window[1]] - x, rows[window[0], None] - y
    cosine, sine = np.cos(angle) / size, np.sin(angle) / size
    return window, cosine * dx + sine * dy, cosine * dy - sine * dx


def _between(places: np.ndarray, centre: np.ndarray, reach: np.ndarray) -> slice:
    """Those of sorted places that are no farther than `reach` from a centre of any frame."""
    return slice(*np.searchsorted(places, ((centre - reach).min(), (centre + reach).max())))


def smooth_noise(height: int, width: int, cells: int, rng: np.random.Generator) -> np.ndarray:
    """(H, W) of soft clouds around zero, about `cells` of them along the short side."""
    unit = min(height, width) / cells
    shape = (max(2, round(height / unit)), max(2, round(width / unit)))
    coarse = Image.fromarray(rng.uniform(-1, 1, shape).astype(np.float32))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def _clouds(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    return smooth_noise(height, width, 4, rng)


def _stripes(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.25, 0.5) * min(height, width)
    rows, columns = np.mgrid[:height, :width]
    along = columns * np.cos(angle) + rows * np.sin(angle)
    pattern: np.ndarray = np.sin(2 * np.pi * along / period)
    return pattern


def _bricks(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    tall = max(4, round(min(height, width) * rng.uniform(0.12, 0.2)))
    rows, columns = np.mgrid[:height, :width]
    shifted = columns + (rows // tall % 2) * tall
    joint = (rows % tall == 0) | (shifted % (2 * tall) == 0)
    return np.where(joint, 1.0, smooth_noise(height, width, 8, rng) * 0.5 - 0.2)


def _slope(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    pattern: np.ndarray = np.cos(angle) * columns + np.sin(angle) * rows
    return pattern


# (H, W) patterns between about -1 and 1.
TEXTURES: dict[str, Callable[[int, int, np.random.Generator], np.ndarray]] = {
    "clouds": _clouds,
    "stripes": _stripes,
    "bricks": _bricks,
    "slope": _slope,
}


def colour(hue: float, saturation: float, value: float) -> np.ndarray:
    """A colour of the HSV cone as three numbers from 0 to 1."""
    sector = (hue * 6 + np.array([5.0, 3.0, 1.0])) % 6
    return value * (1 - saturation * np.clip(np.minimum(sector, 4 - sector), 0, 1))


Scene = tuple[np.ndarray, float]


def _scene(base: np.ndarray, pattern: np.ndarray, contrast: float, brightness: float) -> Scene:
    return base + contrast * pattern[..., None], brightness


def _sky(height: int, width: int, rng: np.random.Generator) -> Scene:
    blue = colour(rng.uniform(0.55, 0.6), 0.55, 0.9)
    cloud = np.clip(smooth_noise(height, width, 3, rng), 0, 1)[..., None]
    return blue + cloud * (0.95 - blue), 0.9


def _grass(height: int, width: int, rng: np.random.Generator) -> Scene:
    blades = smooth_noise(height, width * 4, 24, rng)[:, ::4]
    return _scene(colour(rng.uniform(0.25, 0.33), 0.7, 0.55), blades, 0.18, 0.55)


def _sand(height: int, width: int, rng: np.random.Generator) -> Scene:
    grains = rng.normal(0, 0.5, (height, width)) + _stripes(height, width, rng)
    return _scene(colour(rng.uniform(0.1, 0.13), 0.4, 0.85), grains, 0.06, 0.85)


def _brick(height: int, width: int, rng: np.random.Generator) -> Scene:
    return _scene(
        colour(rng.uniform(0.0, 0.04), 0.6, 0.45), _bricks(height, width, rng), 0.22, 0.45
    )


def _water(height: int, width: int, rng: np.random.Generator) -> Scene:
    waves = smooth_noise(height * 4, width, 10, rng)[::4]
    return _scene(colour(rng.uniform(0.5, 0.6), 0.8, 0.45), waves, 0.15, 0.45)


def _night(height: int, width: int, rng: np.random.Generator) -> Scene:
    lights = (rng.uniform(size=(height, width)) > 0.997).astype(float)
    return _scene(colour(rng.uniform(0.62, 0.7), 0.7, 0.12), lights, 0.8, 0.12)


# A photograph's background, (H, W, 3), and its brightness.
SCENES: dict[str, Callable[[int, int, np.random.Generator], Scene]] = {
    "sky": _sky,
    "grass": _grass,
    "sand": _sand,
    "brick": _brick,
    "water": _water,
    "night": _night,
}
