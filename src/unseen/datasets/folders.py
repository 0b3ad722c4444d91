"""Anything else: videos or photographs in one folder a class, or without classes."""

import os
from pathlib import Path

from unseen.datasets.files import File, first_media, media_files, read_bytes
from unseen.datasets.listing import LayoutOptions, Listing, whole_file


def rows(root: Path, options: LayoutOptions) -> Listing:
    """Clips are named by their path below the root; the folders around a file name its class.

    A file in the root itself has no class. With `annotations`, a text file of paths (one a line,
    relative to the root), these files alone are taken, and none has a class.
    """
    files, notes = media_files(root, media(root, options.media))
    if options.annotations is not None:
        return _listed(root, files, options.annotations, notes)
    clips = [whole_file(file.path, file, file.folder or None) for file in files]
    unlabelled = sum(clip.class_name is None for clip in clips)
    if 0 < unlabelled < len(clips):
        notes.append(f"{unlabelled} files lie outside the class folders and have no class")
    return Listing(clips, notes=notes)


def media(root: Path, declared: str) -> str:
    """`videos` or `photographs`, as declared or as the first file is."""
    return first_media(root) if declared == "auto" else declared


def _listed(root: Path, files: list[File], paths: Path, notes: list[str]) -> Listing:
    """The files that a list names, without classes; those that are not there are missing."""
    by_path = {file.path: file for file in files}
    wanted = [
        Path(os.path.relpath(root / line.strip(), root)).as_posix()
        for line in read_bytes(paths).decode("utf-8-sig").splitlines()
        if line.strip()
    ]
    wanted = list(dict.fromkeys(wanted))
    clips = [whole_file(path, by_path[path], None) for path in wanted if path in by_path]
    missing = [(path, None) for path in wanted if path not in by_path]
    return Listing(clips, missing, notes)
