"""The settings of a training run, with the paper's values as defaults."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from unseen.errors import UserError

WITHOUT_EFFECT = ("workers", "checkpoint_minutes")
"""Settings that leave a result as it is."""


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
        """Settings from a configuration's values. Raises UserError for a key that is not known."""
        unknown = sorted(set(values) - {known.name for known in fields(cls)} - {"gpus"})
        if unknown:
            raise UserError(f"settings: {', '.join(unknown)} is not known")
        return cls(**{key: value for key, value in values.items() if key != "gpus"})

    @property
    def network_settings(self) -> dict[str, Any]:
        """The arguments of `networks.build_network` but for the dimension of the embedding."""
        keys = ("frames", "crop", "width", "dropout", "normalise", "projection")
        return {"name": self.network} | {key: getattr(self, key) for key in keys}

    @property
    def decisive(self) -> dict[str, Any]:
        """The settings that a result depends on."""
        return {key: value for key, value in asdict(self).items() if key not in WITHOUT_EFFECT}
