"""The report's test videos: their predictions and pictures in a folder beside the page.

A page that held them would grow with the data. It loads them when they are looked at, a part of
neighbouring classes at a time; a part is a script, since a page opened from a disk may read nothing
else beside it.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from unseen.base.markup import json_text
from unseen.base.progress import progress
from unseen.base.tabular import Row, read_rows
from unseen.classes.subsets import ordered
from unseen.results.protocols import NEAREST
from unseen.videos.clip_store import ClipStore

PART = 1000
"""Videos a part, at most."""
THUMBNAIL_HEIGHT = 96
JPEG_QUALITY = 60
CONFUSIONS = 60

Pictures = Mapping[str, str]
"""Where the picture of a clip lies below the folder, by clip id."""


def write_views(
    scores: Sequence[Mapping[str, str]],
    pictures: Mapping[str, Pictures],
    version: str,
    folder: Path,
) -> list[int]:
    """The predictions of each run on a test set: `views/<number>.js`, what `view` says of them, and
    the videos in the order of their classes in `views/<number>/<part>.js`. Returns how many.

    A video is `[clip id, true class or -1, the nearest classes, their distances]`, with the place
    of its picture behind them if it has one.

    Args:
        scores: each `run`, `dataset` and the paths `predictions` and `confusions`.
        pictures: by data set.
        version: of the report; the page takes no part of another one.
    """
    counts = []
    for number, score in enumerate(progress(scores, desc="predictions", unit=" files")):
        rows = read_rows(score["predictions"], ["clip_id", "class", "top1", "distance1"])
        names, videos = _videos(rows, pictures.get(score["dataset"], {}))
        parts = [videos[start : start + PART] for start in range(0, len(videos), PART)]
        name = f"views/{number}"
        _write_part(folder, name, version, view(score, names, parts))
        for index, part in enumerate(parts):
            _write_part(folder, f"{name}/{index}", version, part)
        counts.append(len(videos))
    return counts


def view(
    score: Mapping[str, str], classes: Sequence[str], parts: Sequence[Sequence[Any]]
) -> dict[str, Any]:
    """What the page needs of a run's predictions before any video: the classes by number, those that
    are true of a video and those predicted, the first and last true class of each part, and the
    commonest confusions."""
    columns = ["class", "predicted", "videos", "percent"]
    confusions = read_rows(score["confusions"], columns)[:CONFUSIONS]
    videos = [video for part in parts for video in part]
    return {
        "classes": classes,
        "true": sorted({video[1] for video in videos}),
        "predicted": sorted({first for video in videos for first in video[2][:1]}),
        "parts": [[part[0][1], part[-1][1]] for part in parts],
        "confusions": {
            "name": "confusions",
            "columns": columns,
            "rows": [[row[column] for column in columns] for row in confusions],
        },
    }


def _videos(rows: Sequence[Row], pictures: Pictures) -> tuple[list[str], list[list[Any]]]:
    """The classes that rows of predictions name, and their videos in the order of true classes."""
    places = [f"top{k}" for k in range(1, NEAREST + 1)]
    names = sorted({row[key] for row in rows for key in ("class", *places)} - {""})
    number = {name: index for index, name in enumerate(names)} | {"": -1}
    videos: list[list[Any]] = []
    for row in rows:
        nearest = [place for place in places if row[place]]
        distances = [round(float(row[place.replace("top", "distance")]), 3) for place in nearest]
        clip = row["clip_id"]
        video = [clip, number[row["class"]], [number[row[place]] for place in nearest], distances]
        videos.append(video + ([pictures[clip]] if clip in pictures else []))
    return names, sorted(videos, key=lambda video: (video[1], video[0]))


def _write_part(folder: Path, name: str, version: str, value: Any) -> None:
    path = folder / f"{name}.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = ",".join(map(json_text, (version, name, value)))
    path.write_text(f"received({content});\n", encoding="utf-8")


# Pictures


def write_pictures(
    datasets: Mapping[str, Mapping[str, Any]], count: int, folder: Path
) -> Mapping[str, Pictures]:
    """A small JPEG of the middle frame of up to `count` random clips a data set, by data set.

    Args:
        datasets: each with its `shards`; those of one whose videos are not shown are none.
    """
    pictures: dict[str, dict[str, str]] = {}
    for number, (dataset, files) in enumerate(progress(datasets.items(), desc="pictures")):
        place = f"pictures/{number}"
        (folder / place).mkdir(parents=True)
        pictures[dataset] = {}
        for index, (clip, content) in enumerate(thumbnails(files["shards"], count)):
            pictures[dataset][clip] = f"{place}/{index}.jpg"
            (folder / pictures[dataset][clip]).write_bytes(content)
    return pictures


def thumbnails(shards: Sequence[str], count: int) -> Iterator[tuple[str, bytes]]:
    """The ids of up to `count` random clips, sorted, each with its picture."""
    store = ClipStore(shards)
    position = {clip: index for index, clip in enumerate(store.clip_ids)}
    for clip in sorted(ordered(position, 0, 0)[:count]):
        yield clip, thumbnail(store, position[clip])


def thumbnail(store: ClipStore, clip: int) -> bytes:
    """The middle frame of a clip as a JPEG, `THUMBNAIL_HEIGHT` pixels high."""
    middle = np.array([store.n_frames[clip] // 2])
    frame = av.VideoFrame.from_ndarray(store.read(clip, middle)[0], format="yuv420p")
    height, width = store.sizes[clip].tolist()
    picture = frame.to_image(  # type: ignore[no-untyped-call]
        width=max(1, round(width * THUMBNAIL_HEIGHT / height)), height=THUMBNAIL_HEIGHT
    )
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()
