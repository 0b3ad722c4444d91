"""The same on a GPU as on the CPU, within its arithmetic: features, gradients, resume, processes.

UNSEEN_TEST_DEVICE=cpu rehearses these tests where there is no GPU.
"""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.distributed as dist
from small_run import TINY, write_small_run

from unseen.base.tabular import read_rows
from unseen.network.checkpoints import Checkpoint, Progress
from unseen.network.objective import Objective
from unseen.network.processes import Group
from unseen.network.training import make_optimiser, train
from unseen.network.zero_shot_network import build_network, encode_snippets

pytestmark = pytest.mark.gpu
DIM = 6
CLASSES = 5


@pytest.fixture
def device() -> torch.device:
    name = os.environ.get("UNSEEN_TEST_DEVICE", "cuda")
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("PyTorch sees no GPU")
    torch.set_num_threads(1)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return torch.device(name)


def small_objective(device, dtype=torch.float32, dropout=0.0) -> Objective:
    """A network without dropout, the same on every device."""
    torch.manual_seed(0)
    network = build_network(
        "r2plus1d_10", embedding_dim=DIM, frames=8, crop=32, width=16, dropout=dropout
    )
    classes = torch.nn.functional.normalize(torch.randn(CLASSES, DIM), dim=1)
    objective = Objective(network, classes, dtype=dtype)
    return objective.to(device).to(memory_format=torch.channels_last_3d)


def a_batch(device, size=8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    snippets = torch.randn(size, 3, 8, 32, 32, generator=generator)
    labels = torch.arange(size) % CLASSES
    snippets = snippets.to(device).contiguous(memory_format=torch.channels_last_3d)
    return snippets, labels.to(device)


def gradients(objective, batch) -> torch.Tensor:
    """All gradients of a step, one after another, on the CPU."""
    loss, _ = objective(*batch)
    loss.backward()
    return torch.cat([one.grad.flatten().cpu() for one in objective.parameters()])


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(a.double(), b.double(), dim=0))


def test_features_are_those_of_the_cpu(device):
    found = []
    for place in (torch.device("cpu"), device):
        network = small_objective(place).eval().network
        with torch.inference_mode():
            found.append(encode_snippets(network, a_batch(place)[0], torch.float32).cpu())
    torch.testing.assert_close(found[1], found[0], rtol=1e-3, atol=1e-4)


def test_gradients_are_those_of_the_cpu(device):
    cpu = torch.device("cpu")
    expected = gradients(small_objective(cpu), a_batch(cpu))
    found = gradients(small_objective(device), a_batch(device))
    assert (found - expected).norm() < 1e-3 * expected.norm()


def test_gradients_in_bfloat16_point_where_those_in_float32_do(device):
    """With the running statistics of batch norm: those of eight noisy clips enlarge every rounding
    on its way down (0.98 in the last stage, 0.90 in the first, measured on a CPU)."""
    expected = gradients(small_objective(device).eval(), a_batch(device))
    found = gradients(small_objective(device, torch.bfloat16).eval(), a_batch(device))
    assert not torch.equal(found, expected)
    assert cosine(found, expected) > 0.98


def test_a_training_is_that_of_the_cpu(device, tmp_path):
    sources = write_small_run(tmp_path / "data")
    losses = []
    for name in ("cpu", device.type):
        settings = replace(TINY, device=name, dropout=0.0, learning_rate=1e-4)
        folder = tmp_path / "runs" / str(len(losses))
        output, log = folder / "model.safetensors", folder / "log.csv"
        train(sources, settings, weights=None, features=None, output=output, log=log)
        losses.append([float(row["loss"]) for row in read_rows(log)])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-2)


def test_a_checkpoint_taken_up_is_saved_in_the_same_bytes(device, tmp_path):
    """Weights, statistics and moments come back to the device bit by bit."""
    saved, again = (Checkpoint(tmp_path / name, "digest") for name in ("saved", "again"))
    objective = small_objective(device)
    optimiser = make_optimiser(list(objective.parameters()), "adam", 0.0)
    for group in optimiser.param_groups:
        group["lr"] = 1e-3
    for _ in range(2):
        optimiser.zero_grad()
        objective(*a_batch(device))[0].backward()
        optimiser.step()
    saved.save(Progress(step=2), objective, optimiser)
    other = small_objective(device)
    other_optimiser = make_optimiser(list(other.parameters()), "adam", 0.0)
    progress = saved.load(other, other_optimiser, required=True)
    again.save(progress, other, other_optimiser)
    assert again.path.read_bytes() == saved.path.read_bytes()
    # And the next step is the same one, to the order of a GPU's sums.
    optimiser.zero_grad()
    following = [gradients(one, a_batch(device)) for one in (objective, other)]
    assert cosine(*following) > 0.9999


def test_two_processes_on_one_device_average_their_gradients(device, tmp_path):
    """By gloo, since NCCL refuses two processes on one card."""
    torch.multiprocessing.spawn(_half_of_a_step, (str(device), str(tmp_path)), nprocs=2)
    one, two = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert torch.equal(one, two)
    objective = small_objective(device).eval()  # batch norm would see half a batch
    expected = gradients(objective, a_batch(device))
    assert (one - expected).norm() < 1e-3 * expected.norm()


def _half_of_a_step(rank: int, device: str, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    group = Group(rank, 2, torch.device(device))
    objective = small_objective(group.device).eval()
    snippets, labels = (half[rank::2] for half in a_batch(group.device))
    model = group.share(objective)
    loss, _ = model(snippets, labels)
    loss.backward()
    found = torch.cat([one.grad.flatten().cpu() for one in objective.parameters()])
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()
