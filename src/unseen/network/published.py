"""Published classifiers with named classes: what each was trained on, and the input that it takes.

The table comes from torchvision's `weights.transforms()` and the evaluation behind the accuracies
that it documents; nothing here needs torch. Frames keep their proportions: where the publisher
stretches them to a fixed size (128 x 171, 256 x 256) the short side is scaled to it instead. A side
that is odd is stored as the next even one, which 4:2:0 needs.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from unseen.base.errors import UserError
from unseen.base.settings import suggest

EFFICIENTNET = "efficientnet_lite2"
_TABLE = Path(__file__).with_suffix(".tsv")


@dataclass(frozen=True)
class Published:
    """Published weights: `name` is `NETWORK:WEIGHTS` of torchvision, or that of a package.

    `trained_on` names the class list; `frame_rate` is None for networks of single frames, whose
    snippets are one frame; `mean` and `std` are those of RGB in 0..1, `megabytes` the size of the
    file.
    """

    name: str
    trained_on: str
    short_side: int
    crop: int
    frames: int
    frame_rate: float | None
    mean: list[float]
    std: list[float]
    megabytes: int
    licence: str

    @property
    def input(self) -> dict[str, Any]:
        """The network's input, as a model file says it."""
        keys = ("frames", "crop", "short_side", "frame_rate", "mean", "std")
        return {key: getattr(self, key) for key in keys}

    @property
    def of_frames(self) -> bool:
        """Whether the network takes single frames: its probabilities are averaged over them."""
        return self.frame_rate is None


@cache
def published_classifiers() -> dict[str, Published]:
    """All published classifiers by name: those of videos, then those of images."""
    with _TABLE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return {row["name"]: _published(row) for row in rows}


def find_published(name: str) -> Published:
    """The classifier of a name. Raises UserError for one that is not known."""
    known = published_classifiers()
    if name not in known:
        raise UserError(
            f"{name} is no published classifier{suggest(name, known)};"
            " src/unseen/network/published.tsv lists them"
        )
    return known[name]


def _published(row: dict[str, str]) -> Published:
    return Published(
        name=row["name"],
        trained_on=row["trained_on"],
        short_side=int(row["short_side"]),
        crop=int(row["crop"]),
        frames=int(row["frames"]),
        frame_rate=float(row["frame_rate"]) if row["frame_rate"] else None,
        mean=[float(value) for value in row["mean"].split()],
        std=[float(value) for value in row["std"].split()],
        megabytes=int(row["megabytes"]),
        licence=row["licence"],
    )
