"""UCF101 as published: a folder a class, or one folder with all; `v_<Class>_gNN_cNN.avi`."""

import re
from pathlib import Path

from unseen.datasets.files import File, media_files
from unseen.datasets.listing import LayoutOptions, Listing, whole_file

CLIP_NAME = re.compile(r"v_(?P<class>.+)_g\d+_c\d+")

# One class is spelt differently in its files' names and in its folder's, which the lists follow.
FOLDER_NAMES = {"HandStandPushups": "HandstandPushups"}


def rows(root: Path, options: LayoutOptions) -> Listing:
    """Clips are named by their file (`v_Archery_g01_c01`), classes by the folder around it.

    A file in the root itself gets its class from its own name.
    """
    files, notes = media_files(root, "videos")
    clips = [whole_file(file.stem, file, _class_name(file)) for file in files]
    return Listing(clips, notes=notes)


def _class_name(file: File) -> str | None:
    if file.folder:
        return file.folder.rpartition("/")[2]
    match = CLIP_NAME.fullmatch(file.stem)
    return FOLDER_NAMES.get(match["class"], match["class"]) if match else None
