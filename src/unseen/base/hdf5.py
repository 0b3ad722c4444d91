"""HDF5 files of this pipeline: whole before they are used, and a clear error where they are not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy.typing as npt

from unseen.base.errors import UserError
from unseen.base.files import atomic, verify_digest, write_digest


@contextmanager
def new_hdf5(path: Path) -> Iterator[h5py.File]:
    """A file that takes the place of `path`, with its digest beside it, when the block ends without
    an error."""
    with atomic(path) as temporary, h5py.File(temporary, "w", libver="v110") as file:
        yield file
    write_digest(path)


@contextmanager
def open_hdf5(path: Path, content: str) -> Iterator[h5py.File]:
    """A file whose content is the one that the digest beside it names, opened for reading.

    Raises UserError where it is another or without a digest, since libhdf5 looks at nothing before
    it is needed, and can run for ever on a damaged file; and where it is no file of `content`.
    """
    if not path.is_file():
        raise UserError(f"{path} is {'a folder' if path.is_dir() else 'not there'}")
    if not Path(f"{path}.sha256").is_file():
        raise UserError(f"{path} lacks the digest beside it: copy {path.name}.sha256 too")
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
    return list(dataset.asstr()[:])


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{name} is a group")
    if dataset.nbytes > Path(file.filename).stat().st_size:
        raise ValueError(f"{name} claims {dataset.nbytes} bytes, more than the file has")
    return dataset
