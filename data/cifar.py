"""CIFAR-10 and CIFAR-100 from torchvision's batches or archive, or its download.

The batches are pickles. They are read only by torchvision's classes, which check every batch against its MD5 checksum
before they unpickle it.
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from data.datasets import DataError, DataSet, Fetch, Images, register

CIFAR10_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck"
CIFAR100_CLASSES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
    castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
    elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard
    lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
    pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark
    shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone
    television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""


def _torchvision(original: str) -> Any:
    """Return torchvision's class of a data set, which knows the names and checksums of its files."""
    import torchvision  # here: it takes as long to import as torch

    return getattr(torchvision.datasets, original)


def _find(name: str, data_dir: Path) -> list[Path]:
    if not any(data_dir.glob("cifar-*")):  # torchvision's names begin so, and are not asked for where none can be
        return []
    original = _torchvision(name)
    batches = [data_dir / original.base_folder / name for name, _md5 in (*original.train_list, *original.test_list)]
    archive = data_dir / original.filename
    if all(batch.is_file() for batch in batches):
        return batches
    return [archive] if archive.is_file() else []


def _read(name: str, data_dir: Path) -> Images:
    from torchvision.datasets.utils import check_integrity, extract_archive  # here, as above

    original = _torchvision(name)
    archive = data_dir / original.filename
    if _find(name, data_dir) != [archive]:
        return _read_batches(original, data_dir)
    if not check_integrity(archive, original.tgz_md5):
        raise DataError(f"{archive} is damaged: delete it, and it is downloaded again")
    with TemporaryDirectory() as folder:
        extract_archive(archive, folder)
        return _read_batches(original, Path(folder))


def _download(name: str, folder: Path) -> None:
    _torchvision(name)(folder, download=True)


def _read_batches(original: Any, data_dir: Path) -> Images:
    try:
        train, test = original(data_dir, train=True), original(data_dir, train=False)
    except RuntimeError as error:
        folder = data_dir / original.base_folder
        raise DataError(
            f"{folder} is damaged (its checksums do not match): delete it, and it is downloaded again"
        ) from error
    return Images(
        train.data, np.asarray(train.targets, dtype=np.uint8), test.data, np.asarray(test.targets, dtype=np.uint8)
    )


for _name, _original, _classes in (
    ("CIFAR-10", "CIFAR10", CIFAR10_CLASSES),
    ("CIFAR-100", "CIFAR100", CIFAR100_CLASSES),
):
    register(
        DataSet(
            name=_name,
            classes=tuple(_classes.split()),
            find=partial(_find, _original),
            read=partial(_read, _original),
            fetches=(Fetch("torchvision's download", partial(_download, _original)),),
            padding=4,
            flip=True,
        )
    )
