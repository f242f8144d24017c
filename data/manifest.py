"""The manifest of a prepared data set: what it holds, and the checksums of its files."""

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from data.moments import Moments

MANIFEST = "manifest.json"
PREPARED = "prepared"  # the folder of prepared data sets in a data folder
DAMAGED = (OSError, ValueError, TypeError, KeyError, AttributeError)  # what reading a damaged manifest raises


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """`mean` and `std` are the moments of all training images; `sha256` has the checksum of each tensor file.

    `shape` is height x width x channels. `labels` are those of the source for the classes, where they are not 0, 1, ...
    """

    name: str
    source: str
    source_sha256: str
    classes: list[str]
    shape: list[int]
    train_counts: list[int]
    test_counts: list[int]
    mean: list[float]
    std: list[float]
    sha256: dict[str, str]
    labels: list[int] = field(default_factory=list)

    @property
    def moments(self) -> Moments:
        """The moments of all training images; with held-out images, a seed uses those of its loaders."""
        return Moments(self.mean, self.std)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of all images."""
        height, width, _channels = self.shape
        return height, width

    @property
    def channels_and_classes(self) -> tuple[int, int]:
        """What a network is built for, beside the size of the images."""
        return self.shape[2], len(self.classes)

    @property
    def digest(self) -> str:
        """A short hash of the tensors, and of `labels`: equal for equal data, regardless of the source."""
        return _short_hash(self.sha256 | ({"labels": self.labels} if self.labels else {}))

    def to_json(self) -> str:
        """Return all fields, the digest, and a checksum of the fields, as JSON."""
        return json.dumps({**asdict(self), "digest": self.digest, "checksum": _short_hash(asdict(self))}, indent=2)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder; raise one of DAMAGED."""
    fields: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    checksum, digest = fields.pop("checksum"), fields.pop("digest")
    manifest = Manifest(**fields)
    if (checksum, digest) != (_short_hash(fields), manifest.digest):
        raise ValueError(f"the checksum of {folder / MANIFEST} does not match")
    return manifest


def prepared_names(*folders: Path, image_size: int | None = None) -> set[str]:
    """Return the names of the data sets that are prepared, at `image_size`; checksums of tensors are not computed."""
    names = set()
    for path in chain(*(folder.glob(f"{PREPARED}/*/{MANIFEST}") for folder in folders)):
        with suppress(*DAMAGED):
            manifest = read_manifest(path.parent)
            if image_size is None or manifest.image_size == (image_size, image_size):
                names.add(manifest.name)
    return names


def damaged_file(folder: Path) -> str | None:
    """Return the name of the first file of a prepared data set that is missing or damaged, or None."""
    try:
        manifest = read_manifest(folder)
    except DAMAGED:
        return MANIFEST
    for name, expected in manifest.sha256.items():
        path = folder / f"{name}.npy"
        if not path.is_file() or file_sha256(path) != expected:
            return path.name
    return None


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _short_hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
