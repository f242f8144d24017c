"""A data set as one .npz file: uint8 arrays x_train, y_train, x_test, y_test; N x H x W or N x H x W x channels."""

from pathlib import Path

import numpy as np

from data.datasets import DATASETS, Array, DataError, DataSet, Images, plain

SHAPE = "uint8 arrays x_train, y_train, x_test, y_test, images N x H x W or N x H x W x 1 or 3, labels N"


def npz_dataset(path: Path) -> DataSet:
    """Return the data set of a file, named after the file and not augmented."""

    def find(_data_dir: Path) -> list[Path]:
        if not path.is_file():
            raise DataError(f"there is no file {path.absolute()}: name an .npz file with {SHAPE}")
        return [path]

    return DataSet(name=path.stem, find=find, read=lambda _data_dir: read_npz(path))


def find_npz(dataset: DataSet, data_dir: Path) -> Path | None:
    """Return the .npz file in the data folder with the name or an alias of a registered data set, or None."""
    if DATASETS.get(dataset.name) is not dataset:
        return None
    names = {plain(name) for name in (dataset.name, *dataset.aliases)}
    files = (path for path in sorted(data_dir.glob("*.npz")) if path.is_file())
    return next((path for path in files if plain(path.stem) in names), None)


def read_npz(path: Path) -> Images:
    """Read and check the four arrays, without unpickling; raise DataError."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: np.asarray(archive[name]) for name in Images._fields if name in archive.files}
    except Exception as error:  # zipfile, zlib and numpy raise many types for damaged bytes
        raise DataError(f"{path} cannot be read ({error}): it must be an .npz file with {SHAPE}") from error
    missing = [name for name in Images._fields if name not in arrays]
    if missing:
        raise DataError(f"{path} has no {', '.join(missing)}: it must hold {SHAPE}")
    for name, array in arrays.items():
        if array.dtype != np.uint8:
            raise DataError(f"{path}: {name} is {array.dtype}, not uint8: it must hold {SHAPE}")
    train = _part(path, "train", arrays["x_train"], arrays["y_train"])
    test = _part(path, "test", arrays["x_test"], arrays["y_test"])
    if train[0].shape[1:] != test[0].shape[1:]:
        raise DataError(
            f"{path}: training images are {train[0].shape[1:]}, test images {test[0].shape[1:]}: give both one shape"
        )
    return Images(*train, *test)


def _part(path: Path, part: str, images: Array, labels: Array) -> tuple[Array, Array]:
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        raise DataError(f"{path}: x_{part} has the shape {images.shape}: it must hold {SHAPE}")
    if labels.shape != images.shape[:1]:
        raise DataError(
            f"{path}: {len(images)} images but y_{part} has the shape {labels.shape}: give one label per image"
        )
    return images, labels
