"""Entry point `prepare`: the data set, ready on disk, described in a run of its own."""

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from data.loader import held_out_images
from data.manifest import MANIFEST
from data.prepared import Prepared
from data.prepared import prepare as prepare_dataset
from models import ARCHITECTURES
from models.pretrained import imagenet_weights
from models.trial import try_out
from pipeline.config import Config
from pipeline.options import takes_config
from pipeline.results import style
from pipeline.results.dataset import balance_figure, samples_figure
from pipeline.tracking.run import Run
from pipeline.tracking.runs import open_run


def bring(config: Config) -> Prepared:
    """Bring what a study needs from outside, before any run: the data set and, where asked for, ImageNet's weights.

    A network that is not the project's own is tried on them. Raise DataError, WeightsError or ModelError.
    """
    architecture = config.architecture
    if config.pretrained:
        imagenet_weights(architecture)
    prepared = prepare_dataset(config.data, Path(config.data_dir))
    trained_on = len(prepared.x_train) - held_out_images(config.val_split, len(prepared.x_train))
    if architecture not in ARCHITECTURES.values():
        manifest = prepared.manifest
        images = 1 if trained_on % config.batch_size == 1 or trained_on == 1 else 2
        try_out(architecture, channels=manifest.shape[2], classes=len(manifest.classes), images=images)
    return prepared


def log_prepared(run: Run, prepared: Prepared) -> None:
    """Log the manifest, pictures of the samples and of the class balance, and the data set as an input of the run."""
    manifest = prepared.manifest
    images, labels = prepared.x_train.numpy(), prepared.y_train.numpy()
    with TemporaryDirectory() as folder:
        path = Path(folder)
        (path / MANIFEST).write_text(manifest.to_json())
        style.write(samples_figure(images, labels, manifest.classes, manifest.name), path, "samples")
        balance = balance_figure(manifest.train_counts, manifest.test_counts, manifest.classes, manifest.name)
        style.write(balance, path, "class_balance")
        run.log_files(path, "data")
    run.log_dataset(manifest, "train")


@click.command()
@takes_config
def prepare(config: Config) -> None:
    """Prepare a data set and log what it holds."""
    prepared = bring(config)
    with open_run("prepare", f"prepare-{prepared.manifest.name}") as run:
        run.log_params(config.as_text())
        log_prepared(run, prepared)
    counts = f"{len(prepared.x_train):,} training and {len(prepared.x_test):,} test images"
    click.echo(f"{prepared.manifest.name}: {counts}, {len(prepared.manifest.classes)} classes, in {config.data_dir}")
