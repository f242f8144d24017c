"""Command `list`: the registered models, data sets and measurements."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import wrap

import click

import models as networks
from data import DATASETS, DataError, DataSet
from data.manifest import prepared_names
from data.npz import HOLDS
from data.sources import find_source
from models import Architecture
from models.names import TORCHVISION_PREFIX
from pipeline.config.folders import data_folders
from pipeline.config.resolve import read_settings
from pipeline.config.values import OWN_MODEL
from pipeline.console.errors import BadInput
from pipeline.console.terminal import table, width

MEASURE = Path(__file__).parents[1] / "measure"


def models() -> Iterator[str]:
    """Yield the lines of all networks; parameters are counted for 3 channels and 10 classes."""
    from pipeline.measure import layer_weights  # here: it imports torch, which takes seconds

    rows = [("name", "parameters", "layers", "ImageNet", "layers in each group")]
    for name, architecture in networks.ARCHITECTURES.items():
        network = architecture.blueprint()
        layers = layer_weights(network)
        parameters = sum(parameter.numel() for parameter in network.parameters())
        imagenet = "yes" if architecture.imagenet else "no"
        rows.append((name, f"{parameters:,}", str(len(layers)), imagenet, _groups(architecture, layers)))
    yield from table(rows)
    yield ""
    yield from wrap(
        f"Parameters are those for 3 channels and 10 classes. {OWN_MODEL} works as well, and so does "
        f"{TORCHVISION_PREFIX}<name>, such as {TORCHVISION_PREFIX}resnet50, for each of torchvision's networks that "
        "classify images.",
        width(),
    )


def _groups(architecture: Architecture, layers: Iterable[str]) -> str:
    counts = Counter(map(architecture.group_of, layers))
    return ", ".join(f"{group or 'no group'} {counts[group]}" for group in (*architecture.groups, "") if counts[group])


def datasets() -> Iterator[str]:
    """Yield the lines of all data sets; raise BadInput if the settings are wrong."""
    settings = read_settings({})
    folder, *_others = folders = data_folders(settings)
    prepared = prepared_names(*folders, image_size=settings.image_size)
    rows = [("name", "also", "training images", "prepared", "from")]
    for name, dataset in DATASETS.items():
        is_prepared = "yes" if name in prepared else "no"
        rows.append((name, ", ".join(dataset.aliases), _augmentation(dataset), is_prepared, _origin(dataset, folders)))
    yield from table(rows)
    yield ""
    yield from wrap(
        f"Data folder: {folder}. <name>.npz there is used first; the path of any .npz file works as well: {HOLDS}.",
        width(),
    )


def _origin(dataset: DataSet, folders: Sequence[Path]) -> str:
    if source := find_source(dataset, *folders):
        return source.name.removeprefix(f"{folders[0]}/")
    return " or ".join(fetch.source for fetch in dataset.fetches)


def _augmentation(dataset: DataSet) -> str:
    crop = f"crop, padding {dataset.padding}" if dataset.padding else ""
    return ", ".join(part for part in (crop, "flip" if dataset.flip else "") if part) or "unchanged"


def metrics() -> Iterator[str]:
    """Yield the lines of all measurements of layers, each with its formula."""
    yield from table([("name", "of each layer"), *formulas().items()])
    yield ""
    yield from wrap(
        "All of them are in layer_metrics.csv of each seed's run: step_angle, step_ratio and straightness "
        "unless step_angle_every is none, remaining_distance with snapshots; rwc is a metric as well.",
        width(),
    )


def formulas() -> dict[str, str]:
    """Return the formula of each measurement, read from the files of `measure`: importing these would import torch."""
    found, other = dict[str, str](), dict[str, str]()
    for path in sorted(MEASURE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes(), path)):
            match node:
                case ast.Call(
                    func=ast.Name(id="measurement"), args=[ast.Constant(value=name), ast.Constant(value=its)]
                ):
                    found[str(name)] = str(its)
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() as its) if name.endswith("FORMULAS"):
                    other |= ast.literal_eval(its)
    return found | other


def run(kind: str) -> None:
    """Print the list of a kind; raise BadInput."""
    try:
        click.echo("\n".join({"models": models, "datasets": datasets, "metrics": metrics}[kind]()))
    except DataError as error:
        raise BadInput(str(error)) from error
