"""HMDB51 as published: a folder a class, in it `.avi` files with long names."""

from pathlib import Path

from unseen.base.errors import UserError
from unseen.datasets.files import media_files
from unseen.datasets.listing import SPLITS, LayoutOptions, Listing, names, whole_file


def rows(root: Path, options: LayoutOptions) -> Listing:
    """Clips are named `<class>/<file>`; the class is the innermost folder around the file.

    Raises:
        UserError: for a video outside all class folders, since its name does not tell its class.
    """
    files, notes = media_files(root, "videos")
    stray = [
        file.path for file in files if not file.folder or file.folder.rpartition("/")[2] in SPLITS
    ]
    if stray:
        raise UserError(
            f"{root} holds videos outside its class folders: {names(stray)}; HMDB51's archives"
            " unpack to one folder a class. Is the root the folder that holds these folders?"
        )
    clips = []
    for file in files:
        class_name = file.folder.rpartition("/")[2]
        clips.append(whole_file(f"{class_name}/{file.stem}", file, class_name))
    return Listing(clips, notes=notes)
