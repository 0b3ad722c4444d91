"""The file of class embeddings: one unit vector a class."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from unseen.base.hdf5 import new_hdf5, open_hdf5, read_array, read_texts


def write_class_embeddings(path: Path, classes: Sequence[str], embeddings: np.ndarray) -> None:
    """Write `classes` (C strings) and `embeddings` (C, D) float32, and the digest beside them."""
    with new_hdf5(path) as file:
        file.create_dataset("classes", data=list(classes), dtype=h5py.string_dtype())
        file.create_dataset("embeddings", data=embeddings.astype(np.float32))


def read_class_embeddings(path: Path) -> tuple[list[str], np.ndarray]:
    """The class names (C) and their unit vectors (C, D) float32.

    Raises UserError for a damaged file and for a file of something else.
    """
    with open_hdf5(path, "class embeddings") as file:
        classes = read_texts(file, "classes")
        return classes, read_array(file, "embeddings", len(classes), None)
