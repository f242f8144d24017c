"""Command `list`: the models, data sets and measurements that there are, as their registries have them."""

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from textwrap import wrap

import click
import torch
from torch import nn

from data import DATASETS, DataError, DataSet
from data.manifest import MANIFEST, read_manifest
from data.npz import SHAPE, find_npz
from models import ARCHITECTURES, PREFIX, ZOO, Architecture
from pipeline.config.resolve import load_config
from pipeline.config.values import OWN_MODEL, one_of
from pipeline.console.errors import BadInput
from pipeline.console.terminal import table, width
from pipeline.measure import MEASUREMENTS, StepSampler, layer_weights, remaining_distance, straightness

SAMPLED = ("step_angle", "step_ratio")  # what StepSampler.epoch_end says of itself


def models() -> Iterator[str]:
    """Yield the lines of all networks; parameters are counted for 3 channels and 10 classes."""
    rows = [("name", "parameters", "layers", "ImageNet", "layers in each group")]
    for name, architecture in ARCHITECTURES.items():
        network = blueprint(architecture)
        layers = layer_weights(network)
        parameters = sum(parameter.numel() for parameter in network.parameters())
        imagenet = "yes" if architecture.imagenet else "no"
        rows.append((name, f"{parameters:,}", str(len(layers)), imagenet, _groups(architecture, layers)))
    yield from table(rows)
    yield ""
    yield from wrap(
        f"Parameters are those for 3 channels and 10 classes. {OWN_MODEL} serves as well, and so does "
        f"{PREFIX}<name>, like {PREFIX}resnet50, for each of torchvision's {len(ZOO)} networks.",
        width(),
    )


def _groups(architecture: Architecture, layers: Iterable[str]) -> str:
    counts = Counter(map(architecture.group_of, layers))
    return ", ".join(f"{group or 'no group'} {counts[group]}" for group in (*architecture.groups, "") if counts[group])


def blueprint(architecture: Architecture) -> nn.Module:
    """Return a network for 3 channels and 10 classes, without memory for its weights where its code allows that."""
    try:
        with torch.device("meta"):
            return architecture.build(input_channels=3, num_classes=10)
    except (NotImplementedError, RuntimeError):  # it looks at values of tensors
        return architecture.build(input_channels=3, num_classes=10)


def datasets() -> Iterator[str]:
    """Yield the lines of all data sets; raise BadInput where params.yaml names no data folder."""
    folder = Path(load_config({}).data_dir)
    prepared = prepared_names(folder)
    rows = [("name", "also", "training images", "prepared", "from")]
    for name, dataset in DATASETS.items():
        is_prepared = "yes" if name in prepared else "no"
        rows.append((name, ", ".join(dataset.aliases), _augmentation(dataset), is_prepared, _origin(dataset, folder)))
    yield from table(rows)
    yield ""
    yield from wrap(
        f"Data folder: {folder}. <name>.npz there comes first, and the path of any .npz file serves as well: {SHAPE}.",
        width(),
    )


def found(dataset: DataSet, data_dir: Path) -> Path | None:
    """Return the file, or the folder of the files, that a data set would be taken from; raise DataError."""
    npz = find_npz(dataset, data_dir)
    files = [npz] if npz else dataset.find(data_dir)
    return None if not files else files[0] if len(files) == 1 else files[0].parent


def _origin(dataset: DataSet, data_dir: Path) -> str:
    path = found(dataset, data_dir)
    if not path:
        return " or ".join(fetch.source for fetch in dataset.fetches)
    return str(path.relative_to(data_dir) if path.is_relative_to(data_dir) else path)


def prepared_names(data_dir: Path) -> set[str]:
    """Return the names of the data sets that are prepared; checksums of their tensors are not computed."""
    names = set()
    for path in data_dir.glob(f"prepared/*/{MANIFEST}"):
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):  # damaged: it is prepared anew
            names.add(read_manifest(path.parent).name)
    return names


def _augmentation(dataset: DataSet) -> str:
    crop = f"crop, padding {dataset.padding}" if dataset.padding else ""
    return ", ".join(part for part in (crop, "flip" if dataset.flip else "") if part) or "as they are"


def metrics() -> Iterator[str]:
    """Yield the lines of all measurements of layers, each with the first sentence of its docstring."""
    sampled = _doc(StepSampler.epoch_end)
    rows = [("name", "of each layer")]
    rows += [(name, _meaning(function)) for name, function in MEASUREMENTS.items()]
    rows += [(name, match[1]) for name in SAMPLED for match in re.finditer(rf"`{name}` is ([^;.]+)", sampled)]
    rows += [(function.__name__, _meaning(function)) for function in (straightness, remaining_distance)]
    yield from table(rows)
    yield ""
    yield from wrap(
        "All of them are in layer_metrics.csv of each seed's run: step_angle, step_ratio and straightness "
        "unless step_angle_every is none, remaining_distance with snapshots; rwc is a metric as well.",
        width(),
    )


def _meaning(function: Callable[..., object]) -> str:
    """Return the first sentence of a docstring, without its `Return`; the point of `Eq. 1` ends none."""
    return re.split(r"\.(?: (?=[A-Z`])|$)", _doc(function))[0].removeprefix("Return ").replace("`", "")


def _doc(function: Callable[..., object]) -> str:
    return " ".join((inspect.getdoc(function) or "").split())


KINDS = {"models": models, "datasets": datasets, "metrics": metrics}


@click.command("list")
@click.argument("kind", metavar="|".join(KINDS))
def listing(kind: str) -> None:
    """List the models, the data sets, or the measurements (metrics)."""
    try:
        lines = KINDS[one_of(KINDS).read(kind)]
    except ValueError as error:
        raise BadInput(f"what to list {error}; got {kind!r}") from None
    try:
        click.echo("\n".join(lines()))
    except DataError as error:
        raise BadInput(str(error)) from error
