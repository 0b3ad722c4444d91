"""SUN397 as published: photographs in folders that `ClassName.txt` names, such as `/a/abbey`."""

from collections import defaultdict
from pathlib import Path

from unseen.base.errors import UserError
from unseen.datasets.files import File, media_files, read_bytes
from unseen.datasets.listing import LayoutOptions, Listing, names, whole_file


def rows(root: Path, options: LayoutOptions) -> Listing:
    """Photographs are named by class and file; `/a/apse/indoor` is the class `apse/indoor`.

    Raises:
        UserError: for a line of ClassName.txt that is no such path.
    """
    files, notes = media_files(root, "photographs")
    by_folder: dict[str, list[File]] = defaultdict(list)
    for file in files:
        by_folder[file.folder].append(file)
    clips, empty = [], []
    for folder, class_name in _classes(options.annotations or root / "ClassName.txt").items():
        photographs = by_folder.pop(folder, [])
        clips += [whole_file(f"{class_name}/{file.stem}", file, class_name) for file in photographs]
        if not photographs:
            empty.append(class_name)
    if empty:
        notes.append(f"{len(empty)} classes have no photograph: {names(empty)}")
    if by_folder:
        count = sum(map(len, by_folder.values()))
        notes.append(f"{count} photographs lie in folders that ClassName.txt does not name")
    return Listing(clips, notes=notes)


def _classes(path: Path) -> dict[str, str]:
    """Folder and name of each class, from lines like `/a/abbey`."""
    classes = {}
    for number, line in enumerate(read_bytes(path).decode("utf-8-sig").splitlines(), start=1):
        folder = line.strip().strip("/")
        letter, slash, class_name = folder.partition("/")
        if folder and not (len(letter) == 1 and slash and class_name):
            raise UserError(f"{path}, line {number}: {line!r} is no class such as /a/abbey")
        if folder:
            classes[folder] = class_name
    return classes
