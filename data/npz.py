"""A data set as one .npz file: images and labels of both parts, read where they are plain, else refused."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from data.array_names import find_arrays
from data.datasets import DATASETS, DataError, DataSet, Images, plain
from data.labels import plain_labels, refuse_unlike_labels
from data.pixels import grey_levels

HOLDS = (
    "arrays x_train, y_train, x_test, y_test: images as uint8, or floats from 0 to 1, N x H x W or N x H x W x 1 or 3, "
    "labels as whole numbers"
)


def npz_dataset(path: Path) -> DataSet:
    """Return the data set of a file, named after the file and not augmented."""

    def find(_data_dir: Path) -> list[Path]:
        if not path.is_file():
            raise DataError(f"there is no file {path.absolute()}: name an .npz file with {HOLDS}")
        return [path]

    return DataSet(name=path.stem, find=find, read=lambda _data_dir: read_npz(path))


def find_npz(dataset: DataSet, data_dir: Path) -> Path | None:
    """Return the .npz file in the data folder with the name or an alias of a registered data set, or None."""
    registered = DATASETS.get(dataset.name)
    if registered is None or registered.find != dataset.find:  # a file of that name
        return None
    names = {plain(name) for name in (dataset.name, *dataset.aliases)}
    files = (path for path in sorted(data_dir.glob("*.npz")) if path.is_file())
    return next((path for path in files if plain(path.stem) in names), None)


def read_npz(path: Path) -> Images:
    """Read the four arrays, without unpickling; raise DataError for what is not plain, with how to convert it.

    Labels are whole numbers of 0 or more, of any integer type.
    """
    names, arrays = _read_arrays(path)
    pixels = grey_levels(path, {names[part]: arrays.pop(names[part]) for part in ("x_train", "x_test")})
    x_train, x_test = pixels.values()
    if x_train.shape[3] != x_test.shape[3]:
        raise DataError(
            f"{path}: training images have {x_train.shape[3]} channels, test images {x_test.shape[3]}: give both one "
            "number of channels"
        )
    y_train = plain_labels(path, names["y_train"], arrays[names["y_train"]], len(x_train))
    y_test = plain_labels(path, names["y_test"], arrays[names["y_test"]], len(x_test))
    refuse_unlike_labels(path, arrays)
    return Images(x_train, y_train, x_test, y_test)


def _read_arrays(path: Path) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """Return the names of the four arrays in the file, and the arrays by these."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = find_arrays(path, archive.files)
            return names, {name: _array(path, archive, name) for name in names.values()}
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise many types for damaged bytes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path} cannot be read ({reason}): it must be an .npz file with {HOLDS}") from error


def _array(path: Path, archive: NpzFile, name: str) -> NDArray[Any]:
    try:
        return np.asarray(archive[name])
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise DataError(
            f"{path}: {name} holds Python objects, which are never unpickled: save numbers, such as np.stack({name})"
        ) from error
