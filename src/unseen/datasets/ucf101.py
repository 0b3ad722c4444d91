"""UCF101 as published: a folder a class, or one folder with all; `v_<Class>_gNN_cNN.avi`."""

import re
from pathlib import Path

from unseen.datasets.files import File, media_files
from unseen.datasets.listing import SPLITS, LayoutOptions, Listing, names, top_folders, whole_file

CLIP_NAME = re.compile(r"(?P<group>v_(?P<class>.+)_g\d+)_c\d+")

# One class is spelt differently in its files' names and in its folder's, which the lists follow.
FOLDER_NAMES = {"HandStandPushups": "HandstandPushups"}


def rows(root: Path, options: LayoutOptions) -> Listing:
    """Clips are named by their file (`v_Archery_g01_c01`), classes by the folder around it.

    A file in the root itself, or in a split's folder (`train`, say), gets its class from its own
    name. The clips of a class's group (`g01`) were cut from one video.
    """
    files, notes = media_files(root, "videos")
    clips = [whole_file(file.stem, file, _class_name(file), _group(file)) for file in files]
    flat = [file for file in files if _inner_folder(file).lower() in SPLITS]
    if flat:
        notes.append(
            f"{len(flat)} videos lie in folders of splits ({names(top_folders(flat))}): their own"
            " names tell their classes"
        )
    return Listing(clips, notes=notes)


def _inner_folder(file: File) -> str:
    return file.folder.rpartition("/")[2]


def _group(file: File) -> str | None:
    match = CLIP_NAME.fullmatch(file.stem)
    return match["group"] if match else None


def _class_name(file: File) -> str | None:
    folder = _inner_folder(file)
    if folder and folder.lower() not in SPLITS:
        return folder
    match = CLIP_NAME.fullmatch(file.stem)
    return FOLDER_NAMES.get(match["class"], match["class"]) if match else None
