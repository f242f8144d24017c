"""The arrays of an .npz file by their names: x_train as Keras has it, train_images as MedMNIST, X_train, ..."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from data.datasets import DataError, Images, plain

WORDS = {"x": ("x", "image", "images", "img", "imgs", "data"), "y": ("y", "label", "labels", "target", "targets")}
PARTS = {"train": ("train", "training"), "test": ("test", "testing"), "val": ("val", "valid", "validation")}
SHOWN = 8  # names in a message
log = logging.getLogger(__name__)


def find_arrays(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Return {x_train, y_train, x_test, y_test: its name in the file}; raise DataError where that is not plain."""
    if set(Images._fields) <= set(names):
        found = {name: [name] for name in Images._fields}
    else:
        found = {f"{kind}_{part}": _named(names, kind, part) for part in ("train", "test") for kind in WORDS}
    for alike in found.values():
        if len(alike) > 1:
            raise DataError(f"{path} has {shown(alike)}, which may be the same: keep one of them")
    held_out = [name for kind in WORDS for name in _named(names, kind, "val")]
    missing = [name for name, alike in found.items() if not alike]
    if missing:
        raise DataError(f"{path} has no {', '.join(missing)}: {_remedy(path, names, missing, held_out)}")
    if held_out:
        log.info("%s: %s left out: val_split holds out training images", path, shown(held_out))
    return {name: alike[0] for name, alike in found.items()}


def shown(names: Iterable[str]) -> str:
    """Return names of a file for a message of one line: the first few."""
    printable = [" ".join(name.split())[:40] for name in names]
    return ", ".join(printable[:SHOWN]) + (f" and {len(printable) - SHOWN} more" if len(printable) > SHOWN else "")


def _named(names: Iterable[str], kind: str, part: str) -> list[str]:
    """Return the names that say both what an array holds and of which part, in either order."""
    words = [pair for word in WORDS[kind] for of in PARTS[part] for pair in (word + of, of + word)]
    return [name for name in names if plain(name) in words]


def _remedy(path: Path, names: Sequence[str], missing: Sequence[str], held_out: Sequence[str]) -> str:
    whole = {kind: [name for name in names if plain(name) in WORDS[kind]] for kind in WORDS}
    if len(missing) == len(Images._fields) and all(whole.values()):
        x, y = whole["x"][0], whole["y"][0]
        return (
            f"split {x} and {y} into both parts: x_train, x_test, y_train, y_test = sklearn.model_selection."
            f"train_test_split(a[{x!r}], a[{y!r}], test_size=0.2), where a = np.load({path.name!r}); then np.savez them"
        )
    if missing == ["x_test", "y_test"] and len(held_out) == len(WORDS):
        return f"save {shown(held_out)} as x_test and y_test, and hold out training images by val_split"
    return f"it has {shown(names) or 'no arrays'}; rename them with np.savez(file, x_train=..., y_train=..., ...)"
