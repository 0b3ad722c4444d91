"""The learning rate at points of each schedule."""

import pytest

from unseen.network.learning_rate import learning_rate
from unseen.network.settings import TrainingSettings


@pytest.mark.parametrize(
    ("keys", "points"),
    [
        ({}, {0: 1, 1.9: 1, 2: 0.1, 3.5: 0.1, 4: 0.01}),
        ({"schedule": "cosine"}, {0: 1, 5: 0.5, 10: 0}),
        ({"schedule": "cosine", "warmup_epochs": 2}, {1: 0.5, 2: 1, 6: 0.5, 10: 0}),
        ({"schedule": "one_cycle"}, {0: 0.04, 3: 1, 6.5: 0.5, 10: 0}),
        ({"scale_learning_rate": True, "batch_size": 44}, {0: 2}),
    ],
)
def test_the_learning_rate_follows_its_schedule(keys, points):
    settings = TrainingSettings(learning_rate=1.0, epochs=10, milestones=[2, 4], **keys)
    for epoch, rate in points.items():
        assert learning_rate(settings, epoch) == pytest.approx(rate)
