"""A model's video encoder as one file that runs without this project: torch.export or ONNX."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim

from unseen.base.errors import UserError
from unseen.base.files import atomic
from unseen.network.methods import load_model
from unseen.network.zero_shot_network import ZeroShotNetwork

FORMATS = {".pt2": "torch.export", ".onnx": "ONNX"}
ONNX_OPSET = 18
INPUT, OUTPUTS = "snippets", ("features", "embedding")


class VideoEncoder(nn.Module):
    """Snippets (B, 3, L, crop, crop), RGB in 0..1, to features (B, F) and embeddings (B, D).

    The embedding of a video is f_s of the features averaged over its snippets; for a single
    snippet it is the second output.
    """

    def __init__(
        self, network: ZeroShotNetwork, mean: tuple[float, ...], std: tuple[float, ...]
    ) -> None:
        super().__init__()
        if network.semantic_encoder is None:
            raise UserError("a plain classifier has no embedding of videos to export")
        self.visual_encoder = network.visual_encoder
        self.semantic_encoder = network.semantic_encoder
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1, 1))

    def forward(self, snippets: Tensor) -> tuple[Tensor, Tensor]:
        features = self.visual_encoder((snippets - self.mean) / self.std)
        return features, self.semantic_encoder(features)


def load_encoder(model: Path) -> tuple[VideoEncoder, tuple[int, ...]]:
    """The video encoder of a model file on the CPU, and the shape (3, L, crop, crop) of one of its
    snippets."""
    network, content = load_model(model)
    settings = content["input"]
    mean, std = settings["mean"], settings["std"]
    encoder = VideoEncoder(network, tuple(mean), tuple(std)).eval()
    return encoder, (3, settings["frames"], settings["crop"], settings["crop"])


def export_encoder(model: Path, output: Path) -> str:
    """Write the video encoder to `output`, `.pt2` or `.onnx`, for any number of snippets.

    Returns a line that says what the file takes and gives.
    """
    if output.suffix not in FORMATS:
        raise UserError(f"{output}: its name must end in {' or '.join(FORMATS)}")
    encoder, shape = load_encoder(model)
    example = torch.rand(2, *shape)
    # A 2-D view of a contiguous layout is what every runtime has; channels last is this machine's.
    encoder.to(memory_format=torch.contiguous_format)
    batch = Dim("batch", min=1, max=4096)
    program = torch.export.export(encoder, (example,), dynamic_shapes=({0: batch},))
    with atomic(output) as temporary:
        if output.suffix == ".pt2":
            with temporary.open("wb") as stream:
                torch.export.save(program, stream)
        else:
            _write_onnx(program, temporary)
    sizes = " x ".join(map(str, ("B", *shape)))
    return (
        f"{output} ({FORMATS[output.suffix]}): {INPUT} {sizes}, RGB in 0..1, to"
        f" {OUTPUTS[0]} and {OUTPUTS[1]}"
    )


def _write_onnx(program: torch.export.ExportedProgram, path: Path) -> None:
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise UserError("ONNX needs the package onnxscript: pip install onnxscript") from None
    onnx = torch.onnx.export(
        program,
        dynamo=True,
        opset_version=ONNX_OPSET,
        input_names=[INPUT],
        output_names=list(OUTPUTS),
        verbose=False,
    )
    if onnx is None:
        raise RuntimeError("torch.onnx.export gave no program")
    onnx.save(str(path), external_data=False)
