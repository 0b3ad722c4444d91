"""SUN397 as published: photographs in folders that `ClassName.txt` names, such as `/a/abbey`."""

from collections import defaultdict
from pathlib import Path

from unseen.base.errors import UserError
from unseen.base.text import read_text
from unseen.datasets.files import File, media_files
from unseen.datasets.listing import LayoutOptions, Listing, names, whole_file

CLASS_NAMES = "ClassName.txt"


def rows(root: Path, options: LayoutOptions) -> Listing:
    """Photographs are named by class and file; `/a/apse/indoor` is the class `apse/indoor`.

    Raises:
        UserError: for a line of ClassName.txt that is no such path, or a root that is a folder too
            deep or too shallow.
    """
    files, notes = media_files(root, "photographs")
    by_folder: dict[str, list[File]] = defaultdict(list)
    for file in files:
        by_folder[file.folder].append(file)
    clips, empty = [], []
    classes = _classes(options.annotations or _class_names(root))
    _check_depth(root, list(by_folder), classes)
    for folder, class_name in classes.items():
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


def _class_names(root: Path) -> Path:
    """ClassName.txt, which lies in the root as published; a hint where it lies beside."""
    path = root / CLASS_NAMES
    if not path.exists():
        for other in (*sorted(root.glob(f"*/{CLASS_NAMES}")), root.parent / CLASS_NAMES):
            if other.is_file():
                raise UserError(
                    f"{path} is not there, but {other} is: name {other.parent} as the root"
                )
    return path


def _check_depth(root: Path, folders: list[str], classes: dict[str, str]) -> None:
    """Raise UserError where no folder is a class's, but would be below another root."""
    if any(folder in classes for folder in folders):
        return
    for folder in folders:
        above, _, rest = folder.partition("/")
        if rest in classes:
            raise UserError(f"{root} is a folder too shallow: name {root / above} as the root")
        if f"{root.name}/{folder}" in classes:
            raise UserError(f"{root} is a folder too deep: name {root.parent} as the root")


def _classes(path: Path) -> dict[str, str]:
    """Folder and name of each class, from lines like `/a/abbey`."""
    classes = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        folder = line.strip().strip("/")
        letter, slash, class_name = folder.partition("/")
        if folder and not (len(letter) == 1 and slash and class_name):
            raise UserError(f"{path}, line {number}: {line!r} is no class such as /a/abbey")
        if folder:
            classes[folder] = class_name
    return classes
