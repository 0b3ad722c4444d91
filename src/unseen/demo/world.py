"""The demo's world: which classes each data set has, what they show, and how its pictures look.

A class shows one motion of one thing (or of two to four of its kind). Ten things and eleven motions
make 110 combinations; 66 are trained on, 22 are in the UCF101-like and 22 in the HMDB51-like set.
The ActivityNet-like set shows 20 of the unseen combinations under other names.
"""

from collections.abc import Callable
from dataclasses import dataclass

TRAINING, UCF, HMDB = "demo-kinetics", "demo-ucf", "demo-hmdb"
NEW_WORDS, PHOTOGRAPHS, PRETRAINING = "demo-activitynet", "demo-sun", "demo-pretrain"

THINGS = ("ball", "leaf", "star", "box", "ring", "fish", "flower", "house", "boat", "rocket")
MOTIONS = (
    "bouncing",
    "spinning",
    "falling",
    "rising",
    "sliding",
    "shaking",
    "growing",
    "shrinking",
    "blinking",
    "splitting",
    "vanishing",
)
PRETRAINING_THINGS = ("heart", "moon", "tree", "cup")
PRETRAINING_MOTIONS = ("spinning", "falling", "sliding", "growing", "swinging", "blinking")
SCENES = ("sky", "grass", "sand", "brick", "water", "night")

# How each published set spells the words of a class.
SPELLINGS: dict[str, Callable[[tuple[str, ...]], str]] = {
    TRAINING: " ".join,
    UCF: lambda words: "".join(word.capitalize() for word in words),
    HMDB: "_".join,
    NEW_WORDS: lambda words: " ".join(words).capitalize(),
    PHOTOGRAPHS: "/".join,
    PRETRAINING: " ".join,
}

COUNTS = {1: "", 2: "two", 3: "three", 4: "four"}
PLURALS = {"ring": "rings", "box": "boxes", "flower": "flowers"}

# Words that no training class contains, each near the training word whose thing or motion it shows.
OTHER_WORDS = {
    "ball": "football",
    "star": "stars",
    "box": "cube",
    "ring": "bracelet",
    "fish": "trout",
    "flower": "blossoms",
    "house": "bungalow",
    "boat": "sailboat",
    "rocket": "missile",
    "bouncing": "jumping",
    "spinning": "rotating",
    "falling": "plummeting",
    "rising": "soaring",
    "sliding": "skidding",
    "shaking": "rattling",
    "growing": "expanding",
    "shrinking": "dwindling",
    "blinking": "flashing",
    "splitting": "separating",
    "vanishing": "disappearing",
}


@dataclass(frozen=True)
class DemoClass:
    """A class: the words of its name, and what its clips show."""

    words: tuple[str, ...]
    thing: str
    motion: str = ""
    count: int = 1
    scene: str = ""


def _moving(motion: str, thing: str, count: int = 1) -> DemoClass:
    words = (COUNTS[count], motion, thing if count == 1 else PLURALS[thing])
    return DemoClass(tuple(filter(None, words)), thing, motion, count)


def _residue(thing: str, motion: str) -> int:
    """0 to 9: spreads things evenly over motions, so that a set takes a few of each."""
    return (THINGS.index(thing) + 3 * MOTIONS.index(motion)) % 10


def _combinations(*residues: int) -> list[DemoClass]:
    return [
        _moving(motion, thing)
        for motion in MOTIONS
        for thing in THINGS
        if _residue(thing, motion) in residues
    ]


def _renamed(combination: DemoClass) -> DemoClass:
    words = tuple(OTHER_WORDS[word] for word in combination.words)
    return DemoClass(words, combination.thing, combination.motion)


# Training classes that have no business there: the same words as a test class's, or nearly the same
# ("three" and "four" are 0.03 apart in word2vec). Equation 3 has to remove these and no others.
PLANTED_BY_EXACT_WORDS = (
    _moving("bouncing", "ball"),
    _moving("spinning", "star"),
    _moving("shaking", "fish"),
    _moving("falling", "leaf"),
    _moving("bouncing", "star"),
    _moving("sliding", "fish"),
)
PLANTED_BY_NEAR_WORDS = (
    _moving("shaking", "box", count=4),
    _moving("sliding", "ring", count=3),
    _moving("falling", "flower", count=2),
)

CLASSES: dict[str, list[DemoClass]] = {
    TRAINING: [
        *_combinations(1, 3, 4, 6, 8, 9),
        _moving("falling", "box", count=2),
        _moving("growing", "ring", count=3),
        _moving("rising", "flower", count=2),
        _moving("blinking", "box", count=3),
        *PLANTED_BY_EXACT_WORDS,
        *PLANTED_BY_NEAR_WORDS,
    ],
    UCF: [*_combinations(0, 5), _moving("shaking", "box", count=3)],
    HMDB: [
        *_combinations(2, 7),
        _moving("sliding", "ring", count=2),
        _moving("falling", "flower", count=3),
    ],
    NEW_WORDS: [
        _renamed(combination)
        for combination in _combinations(2, 5)
        if combination.thing in OTHER_WORDS
    ],
    PHOTOGRAPHS: [
        DemoClass((thing, scene), thing, scene=scene)
        for place, thing in enumerate(THINGS)
        for scene in (SCENES[place % 6], SCENES[(place + 2) % 6], SCENES[(place + 3) % 6])
    ],
    PRETRAINING: [
        _moving(motion, thing) for motion in PRETRAINING_MOTIONS for thing in PRETRAINING_THINGS
    ],
}


@dataclass(frozen=True)
class Domain:
    """How the pictures of a data set look and how its videos are encoded.

    The background's hue, saturation and value are ranges; `noise` is a standard deviation of grey
    values from 0 to 1; `shake` the camera's, in pixels a frame.
    """

    width: int
    height: int
    codec: str
    rate: int
    frames: tuple[int, int]
    textures: tuple[str, ...]
    hue: tuple[float, float]
    saturation: tuple[float, float]
    value: tuple[float, float]
    noise: float
    shake: float


DOMAINS: dict[str, Domain] = {
    TRAINING: Domain(
        width=86,
        height=64,
        codec="libx264",
        rate=25,
        frames=(20, 30),
        textures=("clouds", "stripes", "bricks", "slope"),
        hue=(0.0, 1.0),
        saturation=(0.0, 0.6),
        value=(0.2, 0.85),
        noise=0.02,
        shake=0.4,
    ),
    UCF: Domain(
        width=80,
        height=60,
        codec="mpeg4",
        rate=25,
        frames=(18, 28),
        textures=("clouds", "slope"),
        hue=(0.2, 0.5),
        saturation=(0.2, 0.6),
        value=(0.5, 0.9),
        noise=0.03,
        shake=0.6,
    ),
    HMDB: Domain(
        width=85,
        height=64,
        codec="mpeg4",
        rate=30,
        frames=(18, 32),
        textures=("bricks", "clouds"),
        hue=(0.0, 0.15),
        saturation=(0.1, 0.5),
        value=(0.2, 0.5),
        noise=0.04,
        shake=0.3,
    ),
    NEW_WORDS: Domain(
        width=96,
        height=72,
        codec="libx264",
        rate=24,
        frames=(18, 30),
        textures=("stripes", "slope"),
        hue=(0.5, 0.8),
        saturation=(0.3, 0.7),
        value=(0.3, 0.8),
        noise=0.02,
        shake=0.5,
    ),
    PRETRAINING: Domain(
        width=72,
        height=54,
        codec="libx264",
        rate=25,
        frames=(18, 26),
        textures=("clouds", "bricks", "slope"),
        hue=(0.0, 1.0),
        saturation=(0.0, 0.4),
        value=(0.2, 0.85),
        noise=0.03,
        shake=0.5,
    ),
}


@dataclass(frozen=True)
class Size:
    """How much of the world is rendered: clips a class, and classes a data set (None: all)."""

    clips: dict[str, int]
    classes: dict[str, int | None]


SIZES = {
    "demo": Size(
        clips={TRAINING: 16, UCF: 8, HMDB: 8, NEW_WORDS: 8, PHOTOGRAPHS: 8, PRETRAINING: 12},
        classes=dict.fromkeys(CLASSES),
    ),
    "tiny": Size(
        clips={TRAINING: 4, UCF: 3, HMDB: 3, NEW_WORDS: 3, PHOTOGRAPHS: 3, PRETRAINING: 3},
        classes={TRAINING: 6, UCF: 4, HMDB: 4, NEW_WORDS: 4, PHOTOGRAPHS: 4, PRETRAINING: 4},
    ),
}


def class_name(dataset: str, content: DemoClass) -> str:
    """The name of a class as the set spells it: `bouncing ball`, `BouncingBall`, `ball/sky`."""
    return SPELLINGS[dataset](content.words)


def classes_of(dataset: str, size: Size) -> list[DemoClass]:
    """A data set's classes, in order.

    A part of the training classes ends with planted ones, so that pruning has work to do in it too.
    """
    every, count = CLASSES[dataset], size.classes[dataset]
    if count is None or count >= len(every):
        return every
    if dataset == TRAINING:
        planted = [PLANTED_BY_EXACT_WORDS[0]]
        return every[: count - len(planted)] + planted
    return every[:count]
