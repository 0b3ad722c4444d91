"""Kinetics-400, -600 and -700: the official CSV and the files that download scripts make of it.

The files lie in a folder a class, a folder a split or all in one, as `<id>_<start>_<end>.mp4` (cut
to the annotated seconds) or as `<id>.mp4` (cut or whole, which durations tell). Mirrors ship a
folder `replacement...` beside them: its files replace broken ones.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from sys import intern
from typing import NamedTuple

from unseen.base.errors import UserError
from unseen.base.tabular import Row, iterate_rows
from unseen.datasets.files import File, media_files
from unseen.datasets.listing import ClipRow, LayoutOptions, Listing, names, youtube

SAMPLE = 50
SLACK_S = 1.0  # by which a cut file may be longer than its annotation: cuts fall on key frames
REPLACEMENTS = "replacement"  # how the folders begin that hold sound copies of broken clips
LONGEST_S = 999_999  # what six digits hold
COLUMNS = ("youtube_id", "time_start", "time_end")


class Annotation(NamedTuple):
    """A row of the CSV; times in seconds."""

    clip_id: str
    video: str
    start_s: float
    end_s: float
    split: str
    class_name: str | None

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


class Match(NamedTuple):
    """An annotation, its file, and whether the file's name holds the times."""

    annotation: Annotation
    file: File
    named_by_times: bool


def rows(root: Path, options: LayoutOptions) -> Listing:
    """Clips are named `<id>_<start>_<end>`, the times in six digits, however their files are named.

    A clip that is annotated twice with one label counts once. Missing videos are normal.

    Raises:
        UserError: for a CSV that is not Kinetics', a broken row, an unknown subset, or a clip with
            two labels.
    """
    annotations, notes = _read(options)
    files, more = media_files(root, "videos")
    matches, missing = _match(annotations, files)
    trimmed = _trimmed(matches, root, options.trimmed)
    notes += [*more, *_trimming_notes(matches, trimmed)]
    clips = [_clip(match, whole=not cut) for match, cut in zip(matches, trimmed, strict=True)]
    return Listing(clips, missing, notes)


def _read(options: LayoutOptions) -> tuple[list[Annotation], list[str]]:
    """The annotations of the wanted subsets, each clip once, and notes."""
    path = options.annotations
    if path is None:
        raise UserError("Kinetics needs `annotations`: the official CSV")
    distinct: dict[str, Annotation] = {}
    splits, repeated = set(), 0
    for number, annotation in _parse(path):
        splits.add(annotation.split)
        if options.subsets and annotation.split not in options.subsets:
            continue
        known = distinct.setdefault(annotation.clip_id, annotation)
        if known.class_name != annotation.class_name:
            raise UserError(
                f"{path}, row {number}: the clip {annotation.clip_id} has two labels, "
                f"{known.class_name!r} and {annotation.class_name!r}; remove one"
            )
        repeated += known is not annotation
    unknown = sorted(set(options.subsets or ()) - splits)
    if unknown:
        raise UserError(f"{path} has no subset {names(unknown)}: it has {names(sorted(splits))}")
    notes = [f"{repeated} clips are annotated twice and counted once"] if repeated else []
    return list(distinct.values()), notes


def _parse(path: Path) -> Iterator[tuple[int, Annotation]]:
    """Annotations with the numbers of their rows; the header is row 1."""
    for number, row in iterate_rows(path, COLUMNS):
        try:
            yield number, _annotation(row)
        except ValueError as error:
            raise UserError(f"{path}, row {number}: {error}") from None


def _annotation(row: Row) -> Annotation:
    video, split, label = row["youtube_id"], row.get("split") or "", row.get("label") or None
    if not video:
        raise ValueError("youtube_id is empty")
    try:
        start, end = float(row["time_start"]), float(row["time_end"])
    except ValueError:
        times = f"{row['time_start']!r} and {row['time_end']!r}"
        raise ValueError(f"time_start and time_end must be seconds, not {times}") from None
    if not 0 <= start < end:
        raise ValueError(f"time_end must lie after time_start, but {end} follows {start}")
    if end > LONGEST_S:
        raise ValueError(f"time_end must be seconds, at most {LONGEST_S}, not {end}")
    clip_id = f"{video}_{_padded(start)}_{_padded(end)}"
    # One string for all rows of a class: of millions of rows they would be a tenth of the memory.
    return Annotation(clip_id, video, start, end, intern(split), label and intern(label))


def _padded(seconds: float) -> str:
    return f"{seconds:06.0f}" if seconds == int(seconds) else f"{seconds:010.3f}"


def _match(
    annotations: list[Annotation], files: list[File]
) -> tuple[list[Match], list[tuple[str, str | None]]]:
    """Annotations with their files, and the clips that have none."""
    by_stem: dict[str, list[File]] = defaultdict(list)
    replacing: dict[str, list[File]] = defaultdict(list)
    for file in files:
        replaces = REPLACEMENTS in file.path and _replaces(file)
        (replacing if replaces else by_stem)[file.stem].append(file)
    matches, missing = [], []
    for annotation in annotations:
        found = (replacing and _find(replacing, annotation)) or _find(by_stem, annotation)
        if found:
            file = _choose(found, annotation)
            by_times = not file.name.startswith(f"{annotation.video}.")
            matches.append(Match(annotation, file, by_times))
        else:
            missing.append((annotation.clip_id, annotation.class_name))
    return matches, missing


def _replaces(file: File) -> bool:
    return any(folder.startswith(REPLACEMENTS) for folder in file.folder.split("/"))


def _find(by_stem: dict[str, list[File]], annotation: Annotation) -> list[File] | None:
    """The files that are named by a clip's video and times, or else by its video alone."""
    return (
        by_stem.get(annotation.clip_id)
        or by_stem.get(_unpadded(annotation))
        or by_stem.get(annotation.video)
    )


def _unpadded(annotation: Annotation) -> str:
    return f"{annotation.video}_{annotation.start_s:g}_{annotation.end_s:g}"


def _choose(files: list[File], annotation: Annotation) -> File:
    """Of files with one name the one in the folder of the class or split, else the first."""
    if len(files) > 1:
        wanted = {_plain(annotation.class_name or ""), _plain(annotation.split)}
        for file in files:
            if wanted.intersection(map(_plain, file.folder.split("/"))):
                return file
    return files[0]


def _plain(name: str) -> str:
    """A name as any file system would have it: letters and digits alone."""
    return re.sub(r"[\W_]+", "", name).lower()


def _trimmed(matches: list[Match], root: Path, declared: bool | str) -> list[bool]:
    """Whether each file holds its clip alone.

    With `auto` a name with times says so; of the other files a sample is opened, and all of them
    where the sample does not agree.
    """
    if declared != "auto":
        return [bool(declared)] * len(matches)
    unsure = [match for match in matches if not match.named_by_times]
    step = max(1, len(unsure) // SAMPLE)
    sample = {_lasts_as_annotated(match, root) for match in unsure[::step]} - {None}
    if len(sample) == 1:
        common = True in sample
        return [match.named_by_times or common for match in matches]
    return [match.named_by_times or _lasts_as_annotated(match, root) is True for match in matches]


def _lasts_as_annotated(match: Match, root: Path) -> bool | None:
    """Whether a file is no longer than its annotation; None where it cannot be opened."""
    import av

    try:
        with av.open(str(root / match.file.path)) as container:
            duration = container.duration
    except (av.FFmpegError, OSError):
        return None
    if duration is None:
        return None
    return duration / av.time_base <= match.annotation.seconds + SLACK_S


def _trimming_notes(matches: list[Match], trimmed: list[bool]) -> list[str]:
    named = sum(match.named_by_times for match in matches)
    cut = sum(trimmed)
    return [
        f"{cut} files are cut to their clips ({named} have the times in their names), "
        f"{len(matches) - cut} are whole videos"
    ]


def _clip(match: Match, *, whole: bool) -> ClipRow:
    annotation, file = match.annotation, match.file
    start, end = (annotation.start_s, annotation.end_s) if whole else (None, None)
    return ClipRow(
        annotation.clip_id,
        file.path,
        start,
        end,
        file.fingerprint,
        annotation.class_name,
        youtube(annotation.video),
    )
