"""Data sets as published: one module a layout, files on disk to manifest rows."""

import difflib
import hashlib
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path

from unseen.base.errors import UserError
from unseen.base.files import atomic, json_digest, write_digest
from unseen.base.names import say, shown
from unseen.base.tabular import write_rows
from unseen.datasets import activitynet, folders, hmdb51, kinetics, sun397, ucf101
from unseen.datasets.files import ARCHIVES, tree_digest
from unseen.datasets.listing import ClipRow, LayoutOptions, Listing, names

__all__ = [
    "LAYOUTS",
    "ClipRow",
    "LayoutOptions",
    "Listing",
    "list_clips",
    "listing_digest",
    "media",
    "read_listing",
    "shard_name",
    "shard_of",
]

LAYOUTS: dict[str, Callable[[Path, LayoutOptions], Listing]] = {
    "activitynet": activitynet.rows,
    "folders": folders.rows,
    "hmdb51": hmdb51.rows,
    "kinetics": kinetics.rows,
    "sun397": sun397.rows,
    "ucf101": ucf101.rows,
}

MANIFEST_COLUMNS = ("clip_id", "path", "start_s", "end_s", "fingerprint")
CLASS_COLUMNS = ("clip_id", "class")
SOURCE_COLUMNS = ("clip_id", "source")


def list_clips(
    dataset: str,
    layout: str,
    root: Path,
    options: LayoutOptions,
    *,
    shards: int,
    manifests: Path,
    labels: Path,
    missing: Path,
    class_names: Path,
    source_videos: Path | None = None,
) -> None:
    """List a data set: the `list_clips` stage.

    Writes `<manifests>/<shard>.csv` for every shard (a hash of the clip id chooses it), the classes
    of the clips apart from them in `labels` (with a `.sha256` beside it), the clips that are
    annotated but not on disk in `missing`, the sorted names of all classes in `class_names`, and
    in `source_videos` what each clip was cut from, where the layout knows it.

    Raises:
        UserError: where the root or the annotations cannot be read, no clip is found, two clips
            have one id, or an excluded class does not exist.
    """
    listing = read_listing(dataset, layout, root, options)
    parts: list[list[ClipRow]] = [[] for _ in range(shards)]
    for clip in listing.clips:
        parts[shard_of(clip.clip_id, shards)].append(clip)
    for shard, part in enumerate(parts):
        write_rows(manifests / f"{shard_name(shard)}.csv", MANIFEST_COLUMNS, map(_manifest, part))
    classes = ((clip.clip_id, clip.class_name) for clip in listing.clips if clip.class_name)
    write_rows(labels, CLASS_COLUMNS, map(_labelled, classes))
    write_digest(labels)
    write_rows(missing, CLASS_COLUMNS, map(_labelled, listing.missing))
    with atomic(class_names) as temporary:
        lines = [f"{name}\n" for name in sorted(_class_counts(listing))]
        temporary.write_text("".join(lines), encoding="utf-8")
    if source_videos:
        rows = ({"clip_id": clip.clip_id, "source": clip.source} for clip in listing.clips)
        write_rows(source_videos, SOURCE_COLUMNS, (row for row in rows if row["source"]))
        write_digest(source_videos)
    _report(dataset, listing)


def read_listing(dataset: str, layout: str, root: Path, options: LayoutOptions) -> Listing:
    """A data set's listing, checked: sorted by clip id, ids unique, excluded classes left out."""
    _check_root(dataset, root)
    listing = LAYOUTS[layout](root, options)
    _show_names(listing)
    _exclude(dataset, listing, options.exclude)
    if not listing.clips:
        missing = f"{len(listing.missing)} annotated clips are missing" if listing.missing else ""
        raise UserError(
            f"data set {dataset}: nothing in {root} fits the layout {layout} "
            f"(datasets.{dataset}.root): "
            + ("; ".join(filter(None, [missing, *listing.notes])) or "it holds no file")
        )
    _check_unique(dataset, listing.clips)
    listing.clips.sort(key=lambda clip: clip.clip_id)
    listing.missing.sort(key=lambda row: row[0])
    return listing


def listing_digest(root: Path, layout: str, options: LayoutOptions) -> str:
    """A digest that changes when a listing could come out otherwise.

    It covers the names, sizes and times of all files below the root (not the root's own place),
    the annotations' content, the layout and the options.
    """
    settings = replace(options, annotations=None, exclude=tuple(sorted(options.exclude)))
    annotations = [options.annotations] if options.annotations else []
    return json_digest([layout, asdict(settings), tree_digest(root, annotations)])


def media(layout: str, root: Path, declared: str = "auto") -> str:
    """What a data set consists of: `videos` or `photographs`."""
    if layout == "folders":
        return folders.media(root, declared)
    return "photographs" if layout == "sun397" else "videos"


def shard_of(clip_id: str, shards: int) -> int:
    """The shard that holds a clip: the same on every machine, whatever other clips there are."""
    digest = hashlib.sha256(clip_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % shards


def shard_name(shard: int) -> str:
    """The name of a shard in paths: at least three digits."""
    return f"{shard:03d}"


def _check_root(dataset: str, root: Path) -> None:
    key = f"(datasets.{dataset}.root)"
    if not root.exists():
        raise UserError(f"the root of data set {dataset} is not there: {root} {key}")
    if not root.is_dir():
        packed = root.suffix.lower() in ARCHIVES
        raise UserError(
            f"the root of data set {dataset} is {'an archive' if packed else 'a file'}: {root} "
            f"{key}; " + ("unpack it, and name the folder" if packed else "name its folder")
        )


def _show_names(listing: Listing) -> None:
    """Make all names text in one line, in place: files are found by what is shown of them."""
    odd = 0
    for number, clip in enumerate(listing.clips):
        if f"{clip.clip_id}{clip.path}{clip.class_name}{clip.source}".isprintable():
            continue
        text = clip._replace(
            clip_id=shown(clip.clip_id),
            path=shown(clip.path),
            class_name=clip.class_name and shown(clip.class_name),
            source=clip.source and shown(clip.source),
        )
        if text != clip:
            odd += 1
            listing.clips[number] = text
    listing.missing = [(shown(clip), name and shown(name)) for clip, name in listing.missing]
    if odd:
        listing.notes.append(f"{odd} names hold control characters or no UTF-8, shown as escapes")


def _manifest(clip: ClipRow) -> dict[str, str | float | None]:
    return {column: getattr(clip, column) for column in MANIFEST_COLUMNS}


def _labelled(row: tuple[str, str | None]) -> dict[str, str | None]:
    return dict(zip(CLASS_COLUMNS, row, strict=True))


def _class_counts(listing: Listing) -> Counter[str]:
    """How many clips each class has, on disk or missing."""
    present = (clip.class_name for clip in listing.clips)
    absent = (class_name for _, class_name in listing.missing)
    return Counter(name for name in chain(present, absent) if name)


def _exclude(dataset: str, listing: Listing, excluded: tuple[str, ...]) -> None:
    """Drop classes from a listing, in place, with a note. Raises UserError for an unknown class."""
    counts = _class_counts(listing)
    for name in excluded:
        if name not in counts:
            near = difflib.get_close_matches(name, counts, n=1)
            hint = f"; is it {near[0]!r}?" if near else ""
            raise UserError(
                f"datasets.{dataset}.exclude names no class of the data: {name!r}{hint}"
            )
        listing.notes.append(f"excluded the class {name!r} ({counts[name]} clips)")
    listing.clips = [clip for clip in listing.clips if clip.class_name not in excluded]
    listing.missing = [row for row in listing.missing if row[1] not in excluded]


def _check_unique(dataset: str, clips: list[ClipRow]) -> None:
    paths: dict[str, str] = {}
    repeated = []
    for clip in clips:
        if paths.setdefault(clip.clip_id, clip.path) != clip.path:
            repeated.append(f"{paths[clip.clip_id]} and {clip.path}")
    if repeated:
        raise UserError(
            f"data set {dataset}: {len(repeated)} clips have the id of another one "
            f"({names(repeated, at_most=3)}); remove or rename one of each"
        )


def _report(dataset: str, listing: Listing) -> None:
    classes = len(_class_counts(listing))
    print(
        f"{dataset}: {len(listing.clips)} clips, {classes} classes, "
        f"{len(listing.missing)} annotated clips missing",
        file=sys.stderr,
    )
    for note in listing.notes:
        say(f"{dataset}: {note}", sys.stderr)
