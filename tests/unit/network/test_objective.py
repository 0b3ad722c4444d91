"""The objective against one written by hand: its gradients, a step of Adam, mixed clips."""

import copy

import pytest
import torch
from small_run import TINY

from unseen.network.initial_weights import start_network
from unseen.network.objective import Objective
from unseen.network.training import make_optimiser


def test_one_step_of_adam_matches_one_written_by_hand():
    torch.manual_seed(0)
    settings = TINY.network_settings | {"dropout": 0.0}
    network, _ = start_network(settings, embedding_dim=6, weights=None, seed=0)
    classes = torch.nn.functional.normalize(torch.randn(3, 6), dim=1)
    objective = Objective(network, classes).train()
    snippets, labels = torch.randn(4, 3, 4, 32, 32), torch.tensor([0, 2, 1, 1])

    exact = copy.deepcopy(objective).double()
    linear = exact.network.semantic_encoder.projection
    z = exact.network.visual_encoder(snippets.double()) @ linear.weight.T + linear.bias
    z = z / z.norm(dim=1, keepdim=True)
    wanted = ((z - classes.double()[labels]) ** 2).sum() / (4 * 6)
    wanted.backward()
    start = [parameter.detach().double() for parameter in objective.parameters()]

    optimiser = make_optimiser(list(objective.parameters()), "adam", 0.0)
    optimiser.param_groups[0]["lr"] = 0.01
    loss, _ = objective(snippets, labels)
    loss.backward()
    optimiser.step()
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    for before, after, same in zip(start, objective.parameters(), exact.parameters(), strict=True):
        gradient = after.grad.double()
        # A ReLU may fall on the other side in float32.
        assert (gradient - same.grad).norm() <= 0.05 * same.grad.norm() + 1e-6
        m, v = 0.1 * gradient, 0.001 * gradient**2
        step = 0.01 * (m / (1 - 0.9)) / ((v / (1 - 0.999)).sqrt() + 1e-8)
        torch.testing.assert_close(after.detach().double(), before - step, atol=1e-6, rtol=1e-5)


def test_mixed_clips_add_their_loss():
    """In training alone, by their weight, and nothing where a batch shows one class."""
    network, _ = start_network(
        TINY.network_settings | {"dropout": 0.0}, embedding_dim=6, weights=None, seed=0
    )
    classes = torch.nn.functional.normalize(torch.randn(3, 6), dim=1)
    features = torch.rand(4, network.feature_dim)
    plain, half, whole = (Objective(network, classes, mixing=mixing) for mixing in (0.0, 0.5, 1.0))

    def loss(objective: Objective, labels: list[int]) -> float:
        torch.manual_seed(1)
        return objective(features, torch.tensor(labels))[0].item()

    added = loss(half, [0, 1, 2, 1]) - loss(plain, [0, 1, 2, 1])
    assert added > 0
    assert loss(whole, [0, 1, 2, 1]) - loss(plain, [0, 1, 2, 1]) == pytest.approx(2 * added)
    assert loss(whole, [1, 1, 1, 1]) == loss(plain, [1, 1, 1, 1])
    assert loss(whole.eval(), [0, 1, 2, 1]) == loss(plain.eval(), [0, 1, 2, 1])
