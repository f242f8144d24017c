"""A data set in the run of a study: its manifest, and pictures of its images."""

from pathlib import Path
from tempfile import TemporaryDirectory

from data.manifest import MANIFEST
from data.prepared import Prepared
from pipeline.analysis.figures import style
from pipeline.analysis.figures.dataset_figures import dataset_figures
from pipeline.tracking.dataset_log import log_dataset
from pipeline.tracking.run import Run


def log_prepared(run: Run, prepared: Prepared) -> None:
    """Log the manifest, pictures of the samples and of the class balance, and the data set as an input of the run."""
    manifest = prepared.manifest
    images, labels = prepared.x_train.numpy(), prepared.y_train.numpy()
    with TemporaryDirectory() as folder:
        path = Path(folder)
        (path / MANIFEST).write_text(manifest.to_json())
        counts = manifest.train_counts, manifest.test_counts
        style.write_all(dataset_figures(images, labels, *counts, classes=manifest.classes, name=manifest.name), path)
        run.log_files(path, "data")
    log_dataset(run, manifest)
