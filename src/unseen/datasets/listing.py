"""What every reader of a layout takes and gives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from unseen.datasets.files import File

SPLITS = frozenset({"dev", "eval", "test", "testing", "train", "training", "val", "valid"})
SPLITS |= {"validate", "validation"}
"""What people call the folders of a data set's parts."""


class ClipRow(NamedTuple):
    """One clip: a whole file, or the part of it from `start_s` to `end_s`.

    `path` is relative to the data set's root. `class_name` is None where the data name no class.
    `source` names what the clip was cut from, as the layout tells it: `youtube:<id>`, which two
    data sets may share, a film, a group of takes; None where nothing is known.
    """

    clip_id: str
    path: str
    start_s: float | None
    end_s: float | None
    fingerprint: str
    class_name: str | None
    source: str | None = None


@dataclass(frozen=True)
class LayoutOptions:
    """What a user may say about a data set besides its layout and root.

    Attributes:
        annotations: the publisher's file: Kinetics' CSV, ActivityNet's JSON, SUN's ClassName.txt
            (where it is not in the root), a list of paths for `folders`.
        subsets: of the annotations that are taken, or of the folders of `folders`; None takes the
            layout's default.
        trimmed: Kinetics: whether files are cut to their ten seconds; `auto` finds out.
        media: what `folders` holds; with `auto` videos win over pictures.
        exclude: names of classes to leave out.
        labelled: of `folders`, whether the folders around a file name its class.
    """

    annotations: Path | None = None
    subsets: tuple[str, ...] | None = None
    trimmed: bool | Literal["auto"] = "auto"
    media: Literal["auto", "videos", "photographs"] = "auto"
    exclude: tuple[str, ...] = ()
    labelled: bool = True


@dataclass
class Listing:
    """A data set's clips, the clips that are annotated but absent, and what a user should know."""

    clips: list[ClipRow]
    missing: list[tuple[str, str | None]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def whole_file(
    clip_id: str, file: File, class_name: str | None, source: str | None = None
) -> ClipRow:
    """The row of a clip that is a file of its own."""
    return ClipRow(clip_id, file.path, None, None, file.fingerprint, class_name, source)


def youtube(identifier: str) -> str:
    """The source of a clip of a YouTube video, spelt alike in all layouts."""
    return f"youtube:{identifier}"


def top_folders(files: Sequence[File]) -> list[str]:
    """The names of the folders in the root that hold files, sorted."""
    return sorted({file.path.partition("/")[0] for file in files if "/" in file.path})


def names(values: Sequence[str], at_most: int = 5) -> str:
    """The first names of a list for a message, and how many more there are."""
    shown = ", ".join(map(repr, values[:at_most]))
    more = len(values) - at_most
    return f"{shown} and {more} more" if more > 0 else shown
