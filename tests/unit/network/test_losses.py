"""Losses against the formulas written out in NumPy."""

import numpy as np
import pytest
import torch

from unseen.network import losses

RNG = np.random.default_rng(3)
EMBEDDINGS, CLASSES = RNG.normal(size=(5, 4)), RNG.normal(size=(3, 4))
LABELS = np.array([0, 2, 1, 1, 0])


def units(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(("reduction", "divisor"), [("sum", 1), ("mean", 20)])
def test_squared_error_is_equation_2(reduction, divisor):
    total = sum(np.sum((z - CLASSES[c]) ** 2) for z, c in zip(EMBEDDINGS, LABELS, strict=True))
    found = losses.squared_error(
        torch.tensor(EMBEDDINGS), torch.tensor(CLASSES[LABELS]), reduction=reduction
    )
    assert found.item() == pytest.approx(total / divisor)


def test_contrastive_is_a_softmax_over_all_classes():
    scores = np.exp(units(EMBEDDINGS) @ units(CLASSES).T / 0.2)
    wanted = -np.log(scores[np.arange(5), LABELS] / scores.sum(1)).mean()
    found = losses.contrastive(
        torch.tensor(EMBEDDINGS), torch.tensor(CLASSES), torch.tensor(LABELS), temperature=0.2
    )
    assert found.item() == pytest.approx(wanted)


def test_uniformity_is_the_mean_potential_of_the_pairs():
    rows = units(CLASSES)
    pairs = [np.exp(-2 * np.sum((rows[i] - rows[j]) ** 2)) for i, j in ((0, 1), (0, 2), (1, 2))]
    found = losses.uniformity(torch.tensor(CLASSES))
    assert found.item() == pytest.approx(np.log(np.mean(pairs)))


def test_uniformity_prefers_classes_that_are_spread():
    spread = torch.eye(3)
    assert losses.uniformity(spread) < losses.uniformity(spread + 1)


def test_mixed_clips_and_classes_lie_between_two_by_one_share():
    """Features that spell their class tell of which classes, and how much of each, a mix is."""
    labels = torch.tensor([0, 2, 1, 1, 0])
    classes = torch.eye(3, dtype=torch.float64)
    for seed in range(20):
        torch.manual_seed(seed)
        features, between = losses.mix(classes[labels], classes, labels)
        assert 0 < len(features) <= 5
        assert ((features > 0).sum(1) == 2).all()
        torch.testing.assert_close(features.sum(1), torch.ones(len(features)).double())
        torch.testing.assert_close(between, torch.nn.functional.normalize(features))


@pytest.mark.parametrize("labels", [[1], [1, 1, 1]])
def test_clips_of_one_class_are_not_mixed(labels):
    features, between = losses.mix(torch.randn(len(labels), 4), torch.eye(3), torch.tensor(labels))
    assert features.shape == (0, 4) and between.shape == (0, 3)
