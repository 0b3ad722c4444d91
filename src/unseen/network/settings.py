"""The settings of a training run, with the paper's values as defaults."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from unseen.base.errors import UserError

WITHOUT_EFFECT = ("threads", "workers", "device", "checkpoint_minutes")
"""Settings that leave a result as it is, but for rounding."""
CHOICES = {
    "dtype": ("auto", "bfloat16", "float32"),
    "loss": ("mse", "mse_sum", "classification", "contrastive"),
    "optimiser": ("adam", "sgd"),
    "schedule": ("steps", "cosine", "one_cycle"),
}
LEAST_FRAMES = {"c3d": 16, "s3d": 8}
FIXED_WIDTH = ("s3d", "mvit_v2_s", "swin3d_t")
PAPER_WIDTH = 64


def without_gpus(values: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration's values without the one that starts a run and is none of its settings."""
    return {key: value for key, value in values.items() if key != "gpus"}


@dataclass(frozen=True)
class TrainingSettings:
    """Keys of the configuration's `training`, and those of a run that concern its training.

    `milestones` and `warmup_epochs` count epochs; `clips_per_epoch` None is one pass.
    `feature_epochs` is the number of epochs whose snippets a frozen visual encoder sees before they
    come again (None: all are new). `projection` (hidden units of the heads on both sides),
    `temperature` and `uniformity` (its weight) belong to the contrastive loss; `mixing` is the
    weight of the loss of clips mixed from two classes. `subset` is `{"fraction": share of the
    clips, "repeat": number}` or None.
    """

    network: str = "r2plus1d_18"
    seed: int = 0
    freeze: bool = False
    replace_head: bool = False
    frames: int = 16
    crop: int = 112
    dtype: str = "auto"
    device: str = "auto"
    threads: int = 2
    workers: int = 2
    batch_size: int = 22
    learning_rate: float = 1e-3
    epochs: int = 150
    milestones: list[int] = field(default_factory=lambda: [60, 120])
    gamma: float = 0.1
    clips_per_epoch: int | None = 100_000
    schedule: str = "steps"
    optimiser: str = "adam"
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    loss: str = "mse"
    temperature: float = 0.1
    uniformity: float = 0.0
    mixing: float = 0.0
    projection: int = 0
    dropout: float = 0.05
    flip: bool = True
    normalise: bool = True
    width: int = 64
    compile: bool = False
    sync_batch_norm: bool = False
    scale_learning_rate: bool = False
    checkpoint_minutes: float = 10.0
    feature_epochs: int | None = 10
    subset: dict[str, Any] | None = None

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "TrainingSettings":
        """Settings from a configuration's values.

        Raises UserError for keys that are not known and settings that do not go together.
        """
        unknown = sorted(set(values) - {known.name for known in fields(cls)} - {"gpus"})
        if unknown:
            raise UserError(f"settings: {', '.join(unknown)} is not known")
        settings = cls(**without_gpus(values))
        if mistakes := list(settings.mistakes(values.get("gpus", 1))):
            raise UserError(f"settings: {'; '.join(mistakes)}")
        return settings

    def mistakes(self, gpus: int = 1) -> Iterator[str]:
        """What does not go together, each in a line that begins with a key."""
        for key, choices in CHOICES.items():
            if getattr(self, key) not in choices:
                yield f"{key} is {getattr(self, key)!r}; possible: {', '.join(choices)}"
        if self.projection and self.loss.startswith("mse"):
            yield (
                f"projection with loss: {self.loss} lets videos and classes fall together in one "
                f"point; set loss: contrastive"
            )
        if self.uniformity and self.loss == "contrastive" and not self.projection:
            yield "uniformity has no effect without projection, since classes stay where they are"
        if self.freeze and self.loss == "classification":
            yield "freeze with loss: classification trains nothing that is kept"
        if self.warmup_epochs and self.schedule == "one_cycle":
            yield "warmup_epochs has no effect on schedule: one_cycle, which has a warm-up"
        if gpus > 1 and self.batch_size % gpus:
            yield f"batch_size {self.batch_size} cannot be shared by {gpus} gpus"
        if self.frames < LEAST_FRAMES.get(self.network, 1):
            yield f"frames: {self.network} needs {LEAST_FRAMES[self.network]} or more"
        if self.network in FIXED_WIDTH and self.width != PAPER_WIDTH:
            yield f"width: {self.network} has one width, {PAPER_WIDTH}"

    @property
    def network_settings(self) -> dict[str, Any]:
        """The arguments of `networks.build_network` but for the dimension of the embedding."""
        keys = ("frames", "crop", "width", "dropout", "normalise", "projection")
        return {"name": self.network} | {key: getattr(self, key) for key in keys}

    @property
    def decisive(self) -> dict[str, Any]:
        """The settings that a result depends on."""
        return {key: value for key, value in asdict(self).items() if key not in WITHOUT_EFFECT}
