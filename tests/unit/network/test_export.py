"""The exported video encoder gives what the network gives."""

from pathlib import Path

import pytest
import torch
from small_run import CAT, DESCRIBED

from unseen.base.errors import UserError
from unseen.network.export import export_encoder, load_encoder
from unseen.network.initial_weights import start_network
from unseen.network.model_file import load_model, write_model

CROP, FRAMES, D = 32, 4, 6
MEAN, STD = [0.4, 0.3, 0.2], [0.2, 0.3, 0.4]


@pytest.fixture(scope="module", params=["r2plus1d_10", "r3d_18"])
def model(request, tmp_path_factory) -> Path:
    """A network with freshly drawn weights and batch norms that have seen something."""
    settings = {"name": request.param, "frames": FRAMES, "crop": CROP, "width": 16}
    network, lineage = start_network(settings, embedding_dim=D, weights=None, seed=3)
    network.train()(torch.randn(4, 3, FRAMES, CROP, CROP))
    path = tmp_path_factory.mktemp(request.param) / "model.safetensors"
    shown = DESCRIBED["input"] | {"frames": FRAMES, "crop": CROP, "mean": MEAN, "std": STD}
    write_model(path, network, CAT, DESCRIBED | {"input": shown, "lineage": lineage})
    return path


@pytest.fixture
def snippets() -> torch.Tensor:
    """Three snippets: another number than the export was traced with."""
    return torch.rand(3, 3, FRAMES, CROP, CROP, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def expected(model: Path, snippets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    network, _ = load_model(model)
    mean, std = (torch.tensor(values).view(3, 1, 1, 1) for values in (MEAN, STD))
    features = network.visual_encoder((snippets - mean) / std)
    return features, network.semantic_encoder(features)


def check(found, model: Path, snippets: torch.Tensor) -> None:
    for value, wanted in zip(found, expected(model, snippets), strict=True):
        torch.testing.assert_close(value, wanted, rtol=1e-4, atol=1e-4)


def test_encoder_agrees_with_the_network(model, snippets):
    encoder, shape = load_encoder(model)
    assert shape == (3, FRAMES, CROP, CROP)
    with torch.inference_mode():
        check(encoder(snippets), model, snippets)


def test_torch_export_agrees(model, snippets, tmp_path):
    output = tmp_path / "encoder.pt2"
    assert f"B x 3 x {FRAMES} x {CROP} x {CROP}" in export_encoder(model, output)
    program = torch.export.load(output).module()
    for count in (1, 3):
        check(program(snippets[:count]), model, snippets[:count])


def test_onnx_agrees(model, snippets, tmp_path):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    output = tmp_path / "encoder.onnx"
    export_encoder(model, output)
    session = runtime.InferenceSession(str(output), providers=["CPUExecutionProvider"])
    for count in (1, 3):
        found = session.run(["features", "embedding"], {"snippets": snippets[:count].numpy()})
        check(map(torch.from_numpy, found), model, snippets[:count])


def test_other_endings_are_refused(model, tmp_path):
    with pytest.raises(UserError, match=r"\.pt2 or \.onnx"):
        export_encoder(model, tmp_path / "encoder.bin")
