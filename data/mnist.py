"""MNIST and FMNIST, from torchvision's IDX files, from Debian's package of FMNIST, or downloaded by torchvision."""

import gzip
from functools import partial
from pathlib import Path

import numpy as np
from torchvision.datasets import MNIST, FashionMNIST

from data.registry import DataError, DataSet, Fetch, Images, register

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
GARMENTS = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def _find(original: type[MNIST], data_dir: Path) -> list[Path]:
    files = [data_dir / original.__name__ / "raw" / file for file in FILES]
    return files if all(file.is_file() for file in files) else []


def _read(original: type[MNIST], data_dir: Path) -> Images:
    try:
        train, test = original(data_dir, train=True), original(data_dir, train=False)
    except Exception as error:  # torchvision's reader raises whatever the bytes make it raise
        folder = data_dir / original.__name__ / "raw"
        raise DataError(f"{folder} is damaged ({type(error).__name__}): delete it, then it is fetched anew") from error
    return Images(
        train.data.numpy()[..., np.newaxis],
        train.targets.numpy().astype(np.uint8),
        test.data.numpy()[..., np.newaxis],
        test.targets.numpy().astype(np.uint8),
    )


def _unpack_debian(folder: Path) -> None:
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in FILES:
        (raw / name).write_bytes(gzip.decompress((DEBIAN / f"{name}.gz").read_bytes()))


register(
    DataSet(
        name="MNIST",
        classes=tuple("0123456789"),
        find=partial(_find, MNIST),
        read=partial(_read, MNIST),
        fetches=(Fetch("torchvision's download", partial(MNIST, download=True)),),
    )
)
register(
    DataSet(
        name="FMNIST",
        aliases=("FashionMNIST",),
        classes=tuple(GARMENTS.split(", ")),
        find=partial(_find, FashionMNIST),
        read=partial(_read, FashionMNIST),
        fetches=(
            Fetch(f"Debian's package dataset-fashion-mnist ({DEBIAN})", _unpack_debian),
            Fetch("torchvision's download", partial(FashionMNIST, download=True)),
        ),
        flip=True,
    )
)
