"""The settings of a training run, with the paper's values as defaults."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass

from unseen.base.errors import UserError
from unseen.base.settings import (
    CONFIG,
    Number,
    fields_of,
    keys_read,
    mistakes_in,
    only_with,
    read_by,
    unread,
)

LEAST_FRAMES = {"c3d": 16, "s3d": 8}
FIXED_WIDTH = ("s3d", "mvit_v2_s", "swin3d_t")
PAPER_WIDTH = 64
DROPOUT = 0.05
C3D_DROPOUT = 0.1

TRAINING = "training"
"""Reads a setting that says nothing else."""
MODEL = "model"
"""Making a model of weights as they are, by a run that trains nothing."""
FEATURES = "features"
"""The features of a frozen visual encoder."""


@dataclass(config=CONFIG, frozen=True)
class TrainingKeys:
    """The keys of the configuration's `training`."""

    network: Annotated[
        Literal[
            "r2plus1d_18",
            "r2plus1d_10",
            "r3d_18",
            "mc3_18",
            "s3d",
            "mvit_v2_s",
            "swin3d_t",
            "c3d",
        ],
        read_by(TRAINING, MODEL, FEATURES),
    ] = "r2plus1d_18"
    """The visual encoder."""
    frames: Annotated[int, Field(ge=1), read_by(TRAINING, MODEL, FEATURES)] = 16
    """Frames of a snippet."""
    frame_rate: Annotated[
        Annotated[Number, Field(gt=0)] | None, read_by(TRAINING, MODEL, FEATURES)
    ] = None
    """Frames a second of a snippet, by the times at which they show; null takes frames one by one,
    as the paper does."""
    crop: Annotated[int, Field(ge=16), read_by(TRAINING, MODEL, FEATURES)] = 112
    """Side of the square crop in pixels."""
    dtype: Annotated[Literal["auto", "bfloat16", "float32"], read_by(TRAINING, FEATURES)] = "auto"
    """Arithmetic of the network; auto takes bfloat16 where the device has it."""
    device: Annotated[Literal["auto", "cpu", "cuda"], read_by()] = "auto"
    """Where the network runs; auto takes CUDA where there is one."""
    gpus: Annotated[int, Field(ge=0), read_by()] = 1
    """GPUs of a training job; above 1 it starts under torchrun."""
    nodes: Annotated[int, Field(ge=1), read_by()] = 1
    """Machines over which a Slurm job spreads its GPUs."""
    threads: Annotated[int, Field(ge=1), read_by()] = 2
    """CPU threads of a training or embedding job."""
    workers: Annotated[int, Field(ge=0), read_by()] = 2
    """Processes that read snippets; 0 reads in the training process."""
    batch_size: Annotated[int, Field(ge=1), read_by(TRAINING, FEATURES)] = 22
    """Clips of one step."""
    learning_rate: Annotated[Number, Field(gt=0)] = 1e-3
    """Learning rate."""
    epochs: Annotated[int, Field(ge=1)] = 150
    """Epochs."""
    milestones: list[Annotated[int, Field(ge=0)]] = Field(default_factory=lambda: [60, 120])
    """Epochs after which the learning rate drops."""
    gamma: Annotated[Number, Field(gt=0)] = 0.1
    """Factor of each drop."""
    clips_per_epoch: Annotated[Annotated[int, Field(ge=1)] | None, read_by(TRAINING, FEATURES)] = (
        100_000
    )
    """An epoch is one pass or this many clips if that is less; null is always one pass."""
    schedule: Literal["steps", "cosine", "one_cycle"] = "steps"
    """How the learning rate moves."""
    optimiser: Literal["adam", "sgd"] = "adam"
    """Optimiser."""
    warmup_epochs: Annotated[Number, Field(ge=0)] = 0.0
    """Epochs over which the rate rises to its value."""
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    """Weight decay."""
    loss: Annotated[
        Literal["mse", "mse_sum", "classification", "contrastive"], read_by(TRAINING, MODEL)
    ] = "mse"
    """mse is Eq. 2 as a mean, mse_sum as a sum; classification trains a plain classifier;
    contrastive is a softmax over the class embeddings."""
    temperature: Annotated[Number, Field(gt=0), only_with("loss", "contrastive")] = 0.1
    """Temperature of the contrastive loss."""
    uniformity: Annotated[Number, Field(ge=0), only_with("loss", "contrastive")] = 0.0
    """Weight of the uniformity of the class embeddings in the contrastive loss."""
    mixing: Annotated[Number, Field(ge=0), only_with("loss", "mse", "mse_sum", "contrastive")] = 0.0
    """Weight of the loss of clips mixed from two of different classes; 0 is none."""
    projection: Annotated[
        int, Field(ge=0), read_by(TRAINING, MODEL), only_with("loss", "contrastive")
    ] = 0
    """Hidden units of the projection heads of the contrastive loss; 0 is none."""
    feature_epochs: Annotated[Annotated[int, Field(ge=1)] | None, only_with("freeze", True)] = 10
    """Epochs whose snippets a frozen encoder sees before they come again; null is all."""
    dropout: Annotated[Annotated[Number, Field(ge=0, lt=1)] | None, read_by(TRAINING, MODEL)] = None
    """Dropout before the semantic encoder; null takes 0.05, and 0.1 for c3d."""
    flip: Annotated[bool, read_by(TRAINING, FEATURES)] = True
    """Mirror training snippets at random."""
    normalise: Annotated[bool, read_by(TRAINING, MODEL)] = True
    """Scale the network's output to unit length."""
    width: Annotated[int, Field(ge=4), read_by(TRAINING, MODEL, FEATURES)] = PAPER_WIDTH
    """Channels of the first stage of an r2plus1d; 64 is the published network."""
    c3d_start: Annotated[
        Literal["pytorch", "he"], read_by(TRAINING, MODEL), only_with("network", "c3d")
    ] = "pytorch"
    """How c3d's weights are drawn: pytorch as the authors do, he as torchvision's networks."""
    compile: bool = False
    """Compile the network with torch.compile."""
    sync_batch_norm: bool = False
    """Batch norm over all GPUs."""
    scale_learning_rate: bool = False
    """Multiply the rate by batch_size / 22."""
    checkpoint_minutes: Annotated[Number, Field(ge=0), read_by()] = 10.0
    """Minutes between checkpoints."""
    checkpoint_folder: Annotated[Annotated[str, Field(min_length=1)] | None, read_by()] = None
    """Where checkpoints and TensorBoard's events go, in a folder a run; null is beside the model.
    On a bucket: a folder that outlives the machine."""


@dataclass(config=CONFIG, frozen=True)
class TrainingSettings(TrainingKeys):
    """All that training is told: the keys of `training`, and what else a run says of it."""

    seed: Annotated[int, Field(ge=0), read_by(TRAINING, MODEL, FEATURES)] = 0
    """Of the weights, the snippets, their crops and the dropout."""
    freeze: bool = False
    """Keep the visual encoder as it is and train only the semantic encoder."""
    replace_head: Annotated[bool, read_by(TRAINING, MODEL)] = False
    """Accept weights whose head does not fit and start that anew."""
    subset: Annotated[dict[str, Any] | None, read_by(TRAINING, FEATURES)] = None
    """`{"fraction": share of the clips, "repeat": number}`, or None for all clips."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "TrainingSettings":
        """Settings from a mapping, such as a JSON value.

        Raises UserError for keys that are not known, values that are not possible and settings that
        do not go together.
        """
        unknown = sorted({*values} - {*fields_of(cls)})
        if unknown:
            raise UserError(f"settings: {', '.join(unknown)} is not known")
        try:
            settings = cls(**values)
        except ValidationError as error:
            raise UserError(f"settings: {'; '.join(mistakes_in(error, cls))}") from None
        if mistakes := list(settings.mistakes()):
            raise UserError(f"settings: {'; '.join(mistakes)}")
        return settings

    def mistakes(self) -> Iterator[str]:
        """What does not go together, each in a line that begins with a key."""
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
        if self.gpus > 1 and self.batch_size % self.gpus:
            yield f"batch_size {self.batch_size} cannot be shared by {self.gpus} gpus"
        if max(self.gpus, 1) % self.nodes:
            yield f"nodes: gpus {self.gpus} cannot be spread over {self.nodes} nodes"
        if self.frames < LEAST_FRAMES.get(self.network, 1):
            yield f"frames: {self.network} needs {LEAST_FRAMES[self.network]} or more"
        if self.network in FIXED_WIDTH and self.width != PAPER_WIDTH:
            yield f"width: {self.network} has one width, {PAPER_WIDTH}"

    @property
    def network_settings(self) -> dict[str, Any]:
        """The arguments of `networks.build_network` but for the dimension of the embedding."""
        keys = ("frames", "crop", "width", "normalise", "projection", "c3d_start")
        values = {key: getattr(self, key) for key in keys}
        return {"name": self.network, "dropout": self.used_dropout} | values

    @property
    def used_dropout(self) -> float:
        """The dropout that null stands for, or the one that is set."""
        if self.dropout is not None:
            return self.dropout
        return C3D_DROPOUT if self.network == "c3d" else DROPOUT

    @property
    def decisive(self) -> dict[str, Any]:
        """The settings that the result of a training depends on."""
        return self.read_by(TRAINING)

    def read_by(self, stage: str) -> dict[str, Any]:
        """The settings that `TRAINING`, `MODEL` or `FEATURES` reads, with the dropout as used and
        without those that have no effect beside the others."""
        values = asdict(self) | {"dropout": self.used_dropout}
        without_effect = unread(_FIELDS, vars(self))
        keys = keys_read(_FIELDS, stage, otherwise=TRAINING)
        return {key: values[key] for key in keys if key not in without_effect}


_FIELDS = fields_of(TrainingSettings)
