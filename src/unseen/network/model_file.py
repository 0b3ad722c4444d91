"""The model file: a network's weights, and what is needed to name the class of any video."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import torch
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from torch import Tensor
from typing_extensions import TypedDict  # of `typing` only from 3.12 on, says pydantic

from unseen.base.devices import Arithmetic
from unseen.base.errors import UserError
from unseen.base.files import write_digest
from unseen.network.tensor_file import write_tensors
from unseen.network.weight_files import WeightFile, read_weight_file
from unseen.network.zero_shot_network import ZeroShotNetwork, build_network

Count = Annotated[int, Field(ge=1)]
Colour = Annotated[list[float], Field(min_length=3, max_length=3)]
CLASS_EMBEDDINGS = "class_embeddings"
"""The name of the classes' vectors among the tensors."""


@with_config(ConfigDict(extra="forbid"))  # what is not known here would not be done
class NetworkInput(TypedDict):
    """The snippets that a network takes: their frames, frames a second (None: one by one), the side
    of the crop and the short side of the clips in pixels (None: not known), how frames are made
    smaller (antialiased if it is not said), each colour's mean and sd."""

    frames: Count
    frame_rate: NotRequired[Annotated[float, Field(gt=0)] | None]
    crop: Count
    short_side: Count | None
    resampling: NotRequired[Literal["antialiased", "bicubic", "bilinear"]]
    mean: Colour
    std: Colour


class ClassEmbedding(TypedDict):
    """What made the class embeddings, and the digest of its files."""

    name: str
    digest: str


class Training(TypedDict):
    """What weights were trained on; the classes are None where they are not known."""

    weights: str
    classes: list[str] | None


class ModelDescription(TypedDict):
    """What a model file says beside the weights: enough to embed any video and name its class.

    `classes` (C) are those that the network was trained on, `lineage` the trainings behind its
    initial weights, from the latest to the first, `arithmetic` what training computed with, and
    `features` what stored features came from.
    """

    input: NetworkInput
    classes: list[str]
    embedding: ClassEmbedding
    lineage: list[Training]
    seed: NotRequired[int]
    settings: NotRequired[dict[str, Any]]
    versions: NotRequired[dict[str, str]]
    arithmetic: NotRequired[Arithmetic]
    features: NotRequired[Arithmetic]


@with_config(ConfigDict(arbitrary_types_allowed=True))
class ModelContent(ModelDescription):
    """All that a model file holds but the weights: `network` are the arguments of `build_network`,
    `class_embeddings` (C, D) float32."""

    network: dict[str, Any]
    class_embeddings: Tensor


def write_model(
    path: Path, network: ZeroShotNetwork, class_embeddings: Tensor, description: ModelDescription
) -> None:
    """Write a network, its classes' embeddings (C, D) and a description, and the digest beside
    them.

    The same weights give the same bytes wherever they are written.
    """
    tensors = network.state_dict() | {CLASS_EMBEDDINGS: class_embeddings}
    write_tensors(path, tensors, {"network": network.settings, **description})
    write_digest(path)


def read_model(path: Path) -> tuple[dict[str, Tensor], ModelContent]:
    """The weights that a model file holds, and what it says of them.

    Raises UserError for a damaged file and for a file of something else.
    """
    return as_model(read_weight_file(path), path)


def as_model(file: WeightFile, path: Path) -> tuple[dict[str, Tensor], ModelContent]:
    """The same of a file that has been read.

    Files of the first version are PyTorch's, with the class embeddings in the description.
    """
    content = {CLASS_EMBEDDINGS: file.state.get(CLASS_EMBEDDINGS), **file.description}
    with _refusals(path):
        if "network" not in content:
            raise ValueError("it holds weights and says nothing of them")
        valid = TypeAdapter(ModelContent).validate_python(content)
        if len(valid["class_embeddings"]) != len(valid["classes"]):
            raise ValueError("its classes and their embeddings differ in number")
    return {name: file.state[name] for name in file.state if name != CLASS_EMBEDDINGS}, valid


def load_model(
    path: Path,
    device: torch.device | str = "cpu",
    *,
    build: Callable[..., ZeroShotNetwork] = build_network,
) -> tuple[ZeroShotNetwork, ModelContent]:
    """The network of a model file, ready for inference on `device`, and all that the file says.

    `build` makes a network of the arguments that the file holds. Raises UserError for a damaged
    file and for a file of something else.
    """
    state, content = read_model(path)
    shapes = {name: value.shape for name, value in state.items()}
    with _refusals(path):
        with torch.device("meta"):  # which takes no memory, whatever sizes the file names
            expected = build(**content["network"]).state_dict()
        if shapes != {name: value.shape for name, value in expected.items()}:
            raise ValueError("its weights are not those of the network that it names")
        network = build(**content["network"])
        network.load_state_dict(state)
    in_time = any(value.dim() == 5 for value in state.values())
    layout = torch.channels_last_3d if in_time else torch.channels_last
    network.to(device).to(memory_format=layout)
    return network.eval().requires_grad_(False), content


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """What is wrong with a file's content, as an error that names the file."""
    try:
        yield
    except ValidationError as error:
        places = {".".join(map(str, mistake["loc"])) for mistake in error.errors()}
        raise UserError(f"{path} is no model of this pipeline: see {', '.join(places)}") from None
    except (UserError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{path} is no model of this pipeline: {error}") from None
