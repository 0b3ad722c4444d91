"""When a prediction is called *unsure*: a zero-shot model always answers something.

It is when its best class is no nearer than classes usually are: than half of the classes that the
model was trained on are to this very video. This needs nothing but the model, and follows each
video: one that lies near to everything must lie nearer to its class. Under a convex combination a
video lies among the weights' own classes by construction, so that half of them are no measure
there: its best class is compared with the nearest of as many of these as were asked for, drawn at
random.
"""

from typing import Any

import numpy as np
import numpy.typing as npt


def usual_distance(trained: npt.NDArray[np.floating[Any]], share: float = 0.5) -> float | None:
    """How near classes usually are to a video: the distance that `share` of its distances (C,) to
    the training classes stay below. None without any.

    >>> usual_distance(np.array([0.9, 0.2, 0.6]))
    0.6
    """
    return float(np.quantile(trained, share)) if len(trained) else None


def usual_share(requested: int, *, is_convex: bool) -> float:
    """The share of the training classes that are nearer to a video than it usually is to its best
    class; of a convex combination that below which the nearest of as many random ones as were
    `requested` lies in half of all draws."""
    return float(1 - 0.5 ** (1 / requested)) if is_convex else 0.5
