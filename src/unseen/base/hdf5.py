"""HDF5 files of this pipeline: whole before they are used, and a clear error where they are not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from unseen.base.errors import UserError
from unseen.base.files import verify_digest


@contextmanager
def open_hdf5(path: Path, content: str) -> Iterator[h5py.File]:
    """A file whose content is the one that the digest beside it names, opened for reading.

    Raises UserError where it is another, and where the file is no file of `content`: that which
    goes wrong in reading it has many names, since libhdf5 looks at nothing before it is needed.
    """
    if not path.is_file():
        raise UserError(f"{path} is {'a folder' if path.is_dir() else 'not there'}")
    verify_digest(path)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path} is no file of {content}: {error}") from None


def read_array(file: h5py.File, name: str, *shape: int | None) -> npt.NDArray[Any]:
    """A data set of numbers, whose shape is `shape` (None: any length).

    Raises ValueError for another one, and for more numbers than the file has bytes.
    """
    dataset = _dataset(file, name)
    lengths = zip(shape, dataset.shape, strict=False)
    fits = len(dataset.shape) == len(shape) and all(w in (None, length) for w, length in lengths)
    if not fits or dataset.dtype.kind not in "iuf":
        raise ValueError(f"{name} is {dataset.dtype} of shape {dataset.shape}")
    values: npt.NDArray[Any] = dataset[:]
    return values


def read_texts(file: h5py.File, name: str) -> list[str]:
    """A data set (N,) of strings."""
    dataset = _dataset(file, name)
    if len(dataset.shape) != 1 or h5py.check_string_dtype(dataset.dtype) is None:
        raise ValueError(f"{name} is no list of texts")
    _check_lengths(dataset, Path(file.filename))
    return list(dataset.asstr()[:])


def _check_lengths(texts: h5py.Dataset, path: Path) -> None:
    """Look at the lengths of texts before libhdf5 takes memory for them: each text is stored as its
    length in four bytes, and twelve that say where it lies."""
    if not texts.size:
        return
    begin = texts.id.get_offset()
    if begin is None:
        raise ValueError(f"{texts.name} does not lie in one piece")
    stored = np.fromfile(path, [("length", "<u4"), ("place", "V12")], texts.size, offset=begin)
    if stored["length"].sum(dtype=np.int64) > path.stat().st_size:
        raise ValueError(f"{texts.name} claims longer texts than the file has bytes")


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{name} is a group")
    if dataset.nbytes > Path(file.filename).stat().st_size:
        raise ValueError(f"{name} claims {dataset.nbytes} bytes, more than the file has")
    return dataset
