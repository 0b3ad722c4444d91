"""The class nearest a video (Eq. 1): cosine distances, and the rank of the true class."""

import numpy as np

DISTANCE_DECIMALS = 9
"""Distances that agree to this many decimals are a tie."""


def cosine_distances(embeddings: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """(N, C) cosine distances, in 0..2, between (N, D) and (C, D); to a zero vector it is 1."""
    cosines = _unit(embeddings) @ _unit(vectors).T
    distances: np.ndarray = np.round(1 - cosines, DISTANCE_DECIMALS)
    return distances


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    units: np.ndarray = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return units


def ranks(distances: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(N,) how many classes are nearer than the true one; of two in a tie the first is nearer."""
    columns = np.arange(distances.shape[1])
    own = np.take_along_axis(distances, truth[:, None], axis=1)
    before = (distances == own) & (columns < truth[:, None])
    nearer: np.ndarray = ((distances < own) | before).sum(axis=1)
    return nearer
