"""Plans of the demo's data sets: the files that the sets which they stand for would consist of."""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from unseen.demo import world
from unseen.demo.world import DemoClass, Domain, Size

MISSING_EVERY = 40
GROUP = 4
PAUSE = 8
ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

Key = tuple[int, ...]


@dataclass(frozen=True)
class Footage:
    """A video to render: its path below the root, the seed of its looks, and its parts in order.

    A part is a class, or None for the background alone, and a number of frames.
    """

    path: str
    key: Key
    parts: tuple[tuple[DemoClass | None, int], ...]


@dataclass(frozen=True)
class Photograph:
    """A photograph to render: its path below the root, the seed of its looks, and its class."""

    path: str
    key: Key
    content: DemoClass


@dataclass(frozen=True)
class Plan:
    """All that a data set consists of: pictures to render and texts to write, by relative path."""

    pictures: list[Footage | Photograph]
    texts: dict[str, str]


class Clip(NamedTuple):
    """One clip of a class: what it shows, the class's name, its number in the class, its seed."""

    content: DemoClass
    name: str
    number: int
    key: Key


def plan(dataset: str, size: Size, seed: int) -> Plan:
    """The files of one of the demo's data sets."""
    return PLANS[dataset](dataset, size, seed)


def clips_of(dataset: str, size: Size, seed: int) -> Iterator[Clip]:
    """Every clip of a data set, class by class.

    The seed of a clip depends on its class's name and its number, not on its place in a list.
    """
    for content in world.classes_of(dataset, size):
        name = world.class_name(dataset, content)
        for number in range(size.clips[dataset]):
            yield Clip(content, name, number, _key(seed, dataset, name, number))


def _plan_kinetics(dataset: str, size: Size, seed: int) -> Plan:
    """Kinetics: a CSV that names all clips; some of them are not on the disk."""
    pictures: list[Footage | Photograph] = []
    rows: list[tuple[object, ...]] = [("label", "youtube_id", "time_start", "time_end", "split")]
    for clip in clips_of(dataset, size, seed):
        identifier, start = _identifier(clip.key, 11), _hash(clip) % 300
        rows.append((clip.name, identifier, start, start + 10, "train"))
        if _hash(clip) % MISSING_EVERY:
            path = f"{clip.name}/{identifier}_{start:06d}_{start + 10:06d}.mp4"
            pictures.append(_trimmed(path, clip, world.DOMAINS[dataset]))
    return Plan(pictures, {"train.csv": _csv_text(rows)})


def _plan_ucf(dataset: str, size: Size, seed: int) -> Plan:
    """UCF101: a folder a class, clips in numbered groups."""
    pictures: list[Footage | Photograph] = []
    for clip in clips_of(dataset, size, seed):
        group, place = divmod(clip.number, GROUP)
        path = f"{clip.name}/v_{clip.name}_g{group + 1:02d}_c{place + 1:02d}.avi"
        pictures.append(_trimmed(path, clip, world.DOMAINS[dataset]))
    return Plan(pictures, {})


def _plan_hmdb(dataset: str, size: Size, seed: int) -> Plan:
    """HMDB51: a folder a class, long file names that describe the take."""
    pictures: list[Footage | Photograph] = []
    for clip in clips_of(dataset, size, seed):
        path = f"{clip.name}/Demo_reel_({clip.number})_{clip.name}_f_cm_np1_fr_med_0.avi"
        pictures.append(_trimmed(path, clip, world.DOMAINS[dataset]))
    return Plan(pictures, {})


def _plan_activitynet(dataset: str, size: Size, seed: int) -> Plan:
    """ActivityNet: untrimmed videos, two labelled segments in each, described by one JSON file."""
    domain = world.DOMAINS[dataset]
    clips = sorted(clips_of(dataset, size, seed), key=lambda clip: clip.number)
    pictures: list[Footage | Photograph] = []
    database: dict[str, object] = {}
    for place in range(0, len(clips), 2):
        pair = clips[place : place + 2]
        identifier = _identifier(pair[0].key, 11)
        footage = Footage(f"v_{identifier}.mp4", pair[0].key, _parts(pair, domain))
        pictures.append(footage)
        database[identifier] = {
            "annotations": _segments(pair, footage, domain),
            "duration": sum(frames for _, frames in footage.parts) / domain.rate,
            "resolution": f"{domain.width}x{domain.height}",
            "subset": ("training", "validation")[place // 2 % 2],
            "url": f"https://www.youtube.com/watch?v={identifier}",
        }
    text = json.dumps({"database": database, "taxonomy": [], "version": "demo"}, indent=1)
    return Plan(pictures, {"activity_net.demo.json": text + "\n"})


def _parts(clips: list[Clip], domain: Domain) -> tuple[tuple[DemoClass | None, int], ...]:
    """Pauses and clips in turn."""
    parts: list[tuple[DemoClass | None, int]] = [(None, PAUSE)]
    for clip in clips:
        parts += [(clip.content, _frame_count(clip, domain)), (None, PAUSE)]
    return tuple(parts)


def _segments(clips: list[Clip], footage: Footage, domain: Domain) -> list[dict[str, object]]:
    """ActivityNet's annotations: each segment's label, its start and end in seconds."""
    bounds = np.cumsum([0] + [frames for _, frames in footage.parts]) / domain.rate
    return [
        {"label": clip.name, "segment": [float(bounds[place]), float(bounds[place + 1])]}
        for clip, place in zip(clips, range(1, len(bounds), 2), strict=False)
    ]


def _plan_sun(dataset: str, size: Size, seed: int) -> Plan:
    """SUN397: photographs in folders by first letter, named by ClassName.txt."""
    pictures: list[Footage | Photograph] = [
        Photograph(
            f"{clip.name[0]}/{clip.name}/sun_{_identifier(clip.key, 16).lower()}.jpg",
            clip.key,
            clip.content,
        )
        for clip in clips_of(dataset, size, seed)
    ]
    names = sorted({f"/{picture.path.rpartition('/')[0]}\n" for picture in pictures})
    return Plan(pictures, {"ClassName.txt": "".join(names)})


PLANS: dict[str, Callable[[str, Size, int], Plan]] = {
    world.TRAINING: _plan_kinetics,
    world.UCF: _plan_ucf,
    world.HMDB: _plan_hmdb,
    world.NEW_WORDS: _plan_activitynet,
    world.PHOTOGRAPHS: _plan_sun,
    world.PRETRAINING: _plan_kinetics,
}


def _key(seed: int, *parts: object) -> Key:
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return (seed, int.from_bytes(digest[:8], "big"))


def _hash(clip: Clip) -> int:
    return clip.key[1]


def _identifier(key: Key, length: int) -> str:
    """An id as YouTube gives them, of the same letters."""
    letters = np.random.default_rng([*key, 1]).integers(len(ID_LETTERS), size=length)
    return "".join(ID_LETTERS[letter] for letter in letters)


def _frame_count(clip: Clip, domain: Domain) -> int:
    low, high = domain.frames
    return int(np.random.default_rng([*clip.key, 2]).integers(low, high + 1))


def _trimmed(path: str, clip: Clip, domain: Domain) -> Footage:
    return Footage(path, clip.key, ((clip.content, _frame_count(clip, domain)),))


def _csv_text(rows: list[tuple[object, ...]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()
