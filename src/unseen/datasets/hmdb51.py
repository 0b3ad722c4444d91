"""HMDB51 as published: a folder a class, in it `.avi` files with long names."""

import re
from pathlib import Path

from unseen.base.errors import UserError
from unseen.datasets.files import media_files
from unseen.datasets.listing import SPLITS, LayoutOptions, Listing, names, whole_file

# After film and class: visible body, camera motion, number of people, direction, quality, number.
ATTRIBUTES = re.compile(r"_[a-z]_[a-z]{2}_np\d+_[a-z]{2}_[a-z]{3}_\d+$")


def rows(root: Path, options: LayoutOptions) -> Listing:
    """Clips are named `<class>/<file>`; the class is the innermost folder around the file.
    Clips of one film, whose name comes first in the file's, have one source.

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
        film = _film(file.stem, class_name)
        clips.append(whole_file(f"{class_name}/{file.stem}", file, class_name, film))
    return Listing(clips, notes=notes)


def _film(stem: str, class_name: str) -> str | None:
    """`April_09` of `April_09_brush_hair_u_nm_np1_ba_goo_0`; None for a name of another kind."""
    attributes = ATTRIBUTES.search(stem)
    if not attributes:
        return None
    return stem[: attributes.start()].removesuffix(f"_{class_name}")
