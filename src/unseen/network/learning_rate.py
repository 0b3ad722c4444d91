"""How the learning rate moves: the paper's drops (Section 4.4), a cosine, or one cycle."""

import math

from unseen.network.settings import TrainingSettings

PAPER_BATCH = 22


def learning_rate(settings: TrainingSettings, epoch: float) -> float:
    """The rate at a point of training, counted in epochs.

    `steps` drops it by `gamma` after each milestone (the paper's), `cosine` lets it sink to 0, and
    `one_cycle` (Smith and Topin, 2017) lets it rise from a 25th over the first 30% and sink to
    nothing; all but the last after a linear warm-up.
    """
    rate = settings.learning_rate
    if settings.scale_learning_rate:
        rate *= settings.batch_size / PAPER_BATCH
    if settings.schedule == "one_cycle":
        return rate * _one_cycle(epoch / settings.epochs)
    if epoch < settings.warmup_epochs:
        return rate * epoch / settings.warmup_epochs
    if settings.schedule == "cosine":
        done = (epoch - settings.warmup_epochs) / (settings.epochs - settings.warmup_epochs)
        return rate * _half_cosine(done)
    drops = sum(epoch >= milestone for milestone in settings.milestones)
    return float(rate * settings.gamma**drops)


def _one_cycle(done: float, *, top: float = 0.3, start: float = 1 / 25) -> float:
    if done < top:
        return 1 - (1 - start) * _half_cosine(done / top)
    return _half_cosine((done - top) / (1 - top))


def _half_cosine(done: float) -> float:
    """From 1 to 0 while `done` goes from 0 to 1."""
    return (1 + math.cos(math.pi * done)) / 2
