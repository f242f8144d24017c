"""MNIST and FMNIST from torchvision's IDX files, Debian's package of FMNIST, or torchvision's download."""

import gzip
from functools import partial
from pathlib import Path

import numpy as np

from data.datasets import DataError, DataSet, Fetch, Images, register

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
GARMENTS = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def _find(original: str, data_dir: Path) -> list[Path]:
    files = [data_dir / original / "raw" / file for file in FILES]
    return files if all(file.is_file() for file in files) else []


def _read(original: str, data_dir: Path) -> Images:
    """Read the IDX files; torchvision's class would prefer an old pickle next to them."""
    from torchvision.datasets.mnist import read_image_file, read_label_file  # here: it takes as long to import as torch

    folder = data_dir / original / "raw"
    try:
        x_train, y_train, x_test, y_test = (
            (read_image_file if "images" in name else read_label_file)(str(folder / name)).numpy() for name in FILES
        )
    except Exception as error:  # torchvision's reader raises many types for damaged bytes
        raise DataError(f"{folder} is damaged ({type(error).__name__}): delete it, and it is fetched again") from error
    return Images(x_train[..., np.newaxis], y_train.astype(np.uint8), x_test[..., np.newaxis], y_test.astype(np.uint8))


def _download(original: str, folder: Path) -> None:
    import torchvision  # here, as above

    getattr(torchvision.datasets, original)(folder, download=True)


def _unpack_debian(folder: Path) -> None:
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in FILES:
        (raw / name).write_bytes(gzip.decompress((DEBIAN / f"{name}.gz").read_bytes()))


register(
    DataSet(
        name="MNIST",
        classes=tuple("0123456789"),
        find=partial(_find, "MNIST"),
        read=partial(_read, "MNIST"),
        fetches=(Fetch("torchvision's download", partial(_download, "MNIST")),),
    )
)
register(
    DataSet(
        name="FMNIST",
        aliases=("FashionMNIST",),
        classes=tuple(GARMENTS.split(", ")),
        find=partial(_find, "FashionMNIST"),
        read=partial(_read, "FashionMNIST"),
        fetches=(
            Fetch(f"Debian's package dataset-fashion-mnist ({DEBIAN})", _unpack_debian),
            Fetch("torchvision's download", partial(_download, "FashionMNIST")),
        ),
        flip=True,
    )
)
