"""ActivityNet as published: untrimmed `v_<id>.mp4` or `.mkv`, a JSON file of labelled segments."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from unseen.base.errors import UserError
from unseen.datasets.files import File, media_files, read_bytes
from unseen.datasets.listing import ClipRow, LayoutOptions, Listing, names, youtube

DEFAULT_SUBSETS = ("training", "validation")  # the labels of the testing subset are withheld
LONGEST_S = 999_999
VERSION_NOTE = (
    "ActivityNet v1.3 labels 14,950 videos (10,024 for training, 4,926 for validation); "
    "the paper counts 27,801"
)


class Segment(NamedTuple):
    """A part of a video that shows a class; an unlabelled video is one segment without bounds."""

    video: str
    start_s: float | None
    end_s: float | None
    class_name: str | None


def rows(root: Path, options: LayoutOptions) -> Listing:
    """One clip a labelled segment, named `<id>_<start>_<end>` (in seconds).

    A segment that is annotated twice with one label counts once. Videos without labels are listed
    whole, and only from a subset that has none.

    Raises:
        UserError: for annotations that are not ActivityNet's, an unknown subset, a broken segment,
            or a segment with two labels.
    """
    content = _read(options.annotations)
    segments, repeated = _distinct(_segments(content, options), options.annotations)
    files, notes = media_files(root, "videos")
    if "1.3" in str(content.get("version", "")):
        notes.append(VERSION_NOTE)
    if repeated:
        notes.append(f"{repeated} segments are annotated twice and counted once")
    by_video = _by_video(files)
    clips, missing = [], []
    for clip_id, segment in segments.items():
        file = by_video.get(segment.video)
        if file is None:
            missing.append((clip_id, segment.class_name))
        else:
            clips.append(_clip(clip_id, segment, file))
    return Listing(clips, missing, notes)


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        raise UserError("ActivityNet needs `annotations`: the file activity_net.v1-3.min.json")
    try:
        content = json.loads(read_bytes(path))
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deeply: it is no file of ActivityNet") from None
    if not isinstance(content, dict) or not isinstance(content.get("database"), dict):
        raise UserError(f"{path} has no entry `database`: it is no annotation file of ActivityNet")
    return content


def _segments(content: dict[str, Any], options: LayoutOptions) -> Iterator[Segment]:
    """The segments of the wanted subsets, in the order of the file."""
    database = content["database"]
    subsets = options.subsets or DEFAULT_SUBSETS
    for identifier, video in database.items():
        _check_video(options.annotations, identifier, video)
    known = {video["subset"] for video in database.values()}
    unknown = [subset for subset in subsets if subset not in known]
    if unknown and options.subsets:
        raise UserError(
            f"{options.annotations} has no subset {names(unknown)}: it has {names(sorted(known))}"
        )
    labelled = {video["subset"] for video in database.values() if video.get("annotations")}
    for identifier, video in database.items():
        subset = video["subset"]
        if subset not in subsets:
            continue
        for annotation in video.get("annotations") or []:
            yield _segment(identifier, annotation, options.annotations)
        if subset not in labelled:
            yield Segment(identifier, None, None, None)


def _check_video(path: Path | None, identifier: str, video: Any) -> None:
    if not isinstance(video, dict):
        raise UserError(f"{path}, video {identifier}: no object with `subset` and `annotations`")
    if not isinstance(video.get("subset"), str):
        raise UserError(f"{path}, video {identifier}: the field `subset` is missing or no text")
    if not isinstance(video.get("annotations") or [], list):
        raise UserError(f"{path}, video {identifier}: the field `annotations` is no list")


def _segment(identifier: str, annotation: Any, path: Path | None) -> Segment:
    where = f"{path}, video {identifier}: {str(annotation)[:200]} is no segment"
    if not isinstance(annotation, dict):
        raise UserError(f"{where} with a label, start and end")
    label, segment = annotation.get("label"), annotation.get("segment")
    if not isinstance(label, str) or not label:
        raise UserError(f"{where}: the field `label` is missing or no text")
    try:
        start, end = map(float, segment or ())
    except (TypeError, ValueError):
        raise UserError(f"{where}: the field `segment` must hold its start and end") from None
    if not (abs(start) <= LONGEST_S and abs(end) <= LONGEST_S):
        raise UserError(f"{where}: the field `segment` must hold seconds, at most {LONGEST_S}")
    return Segment(identifier, start, end, label)


def _distinct(segments: Iterator[Segment], path: Path | None) -> tuple[dict[str, Segment], int]:
    """Segments by clip id, and how many came twice."""
    distinct: dict[str, Segment] = {}
    repeated = 0
    for segment in segments:
        clip_id = segment.video
        if segment.start_s is not None:
            clip_id += f"_{segment.start_s:.3f}_{segment.end_s:.3f}"
        known = distinct.setdefault(clip_id, segment)
        if known.class_name != segment.class_name:
            raise UserError(
                f"{path}: the segment {clip_id} has two labels, "
                f"{known.class_name!r} and {segment.class_name!r}; remove one"
            )
        repeated += known is not segment
    return distinct, repeated


def _by_video(files: list[File]) -> dict[str, File]:
    """Files by video id; the first by name where there are several."""
    by_video: dict[str, File] = {}
    for file in files:
        by_video.setdefault(file.stem.removeprefix("v_"), file)
    return by_video


def _clip(clip_id: str, segment: Segment, file: File) -> ClipRow:
    return ClipRow(
        clip_id,
        file.path,
        segment.start_s,
        segment.end_s,
        file.fingerprint,
        segment.class_name,
        youtube(segment.video),
    )
