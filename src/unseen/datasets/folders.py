"""Anything else: videos or photographs in one folder a class, or without classes."""

import os
from collections.abc import Sequence
from pathlib import Path

from unseen.base.errors import UserError
from unseen.base.names import shown
from unseen.datasets.files import File, main_media, media_files, read_bytes
from unseen.datasets.listing import (
    SPLITS,
    ClipRow,
    LayoutOptions,
    Listing,
    names,
    top_folders,
    whole_file,
)


def rows(root: Path, options: LayoutOptions) -> Listing:
    """Clips are named by their path below the root; the folders around a file name its class.

    A file in the root itself has no class. With `subsets`, the files below the folders of these
    names alone are taken, and classes are named from there. With `annotations`, a text file of
    paths (one a line, relative to the root), these files alone are taken, and none has a class;
    so it is with all files where the data are not `labelled`, however deep they lie.

    Raises:
        UserError: where the folders in the root are splits, and none of them is asked for.
    """
    files, notes = media_files(root, media(root, options.media))
    if options.annotations is not None:
        return _listed(files, root, options.annotations, notes)
    if options.subsets:
        clips = _of_subsets(root, files, options.subsets)
    else:
        clips = [whole_file(file.path, file, file.folder or None) for file in files]
        if options.labelled:
            _check_splits(root, files)
            notes += _depth_notes(clips, files)
    if not options.labelled:
        clips = [clip._replace(class_name=None) for clip in clips]
    return Listing(clips, notes=notes)


def media(root: Path, declared: str) -> str:
    """`videos` or `photographs`, as declared or as the files are: videos win over pictures."""
    return main_media(root) if declared == "auto" else declared


def _of_subsets(root: Path, files: list[File], subsets: Sequence[str]) -> list[ClipRow]:
    """The clips below some of the root's folders."""
    tops = top_folders(files)
    unknown = [subset for subset in subsets if subset not in tops]
    if unknown:
        raise UserError(f"{root} has no folder {names(unknown)}: it has {names(tops)}")
    clips = []
    for file in files:
        top, _, folder = file.folder.partition("/")
        if top in subsets:
            clips.append(whole_file(file.path, file, folder or None))
    return clips


def _check_splits(root: Path, files: list[File]) -> None:
    tops = top_folders(files)
    if tops and all(name.lower() in SPLITS for name in tops):
        raise UserError(
            f"the folders in {root} are splits, not classes: {names(tops)}. Say which to take,"
            f" such as `subsets: [{shown(tops[0])}]`, or name one of them as the root"
        )


def _depth_notes(clips: list[ClipRow], files: list[File]) -> list[str]:
    """What looks as if the root were a folder too deep or too shallow."""
    unlabelled = sum(clip.class_name is None for clip in clips)
    if 0 < unlabelled < len(clips):
        return [f"{unlabelled} files lie outside the class folders and have no class"]
    if clips and unlabelled == len(clips):
        return [
            "no file has a class, since all lie in the root itself; if the root is one class's"
            " folder, name the folder around it"
        ]
    tops = top_folders(files)
    if len(tops) == 1 and len({file.folder for file in files}) > 1:
        return [
            f"all files lie below one folder, {tops[0]!r}, which each class is named by; if the"
            " classes are the folders in it, name it as the root"
        ]
    return []


def _listed(files: list[File], root: Path, paths: Path, notes: list[str]) -> Listing:
    """The files that a list names, without classes; those that are not there are missing."""
    by_path = {file.path: file for file in files}
    lines = read_bytes(paths).decode("utf-8-sig", errors="surrogateescape").split("\n")
    wanted = [
        Path(os.path.relpath(root / line.strip(), root)).as_posix()
        for line in lines
        if line.strip()
    ]
    wanted = list(dict.fromkeys(wanted))
    clips = [whole_file(path, by_path[path], None) for path in wanted if path in by_path]
    missing = [(path, None) for path in wanted if path not in by_path]
    return Listing(clips, [*missing], notes)
