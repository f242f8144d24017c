"""A data set in a run: as an input, with its manifest and pictures of its images."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.entities import Dataset, DatasetInput, InputTag

from data.manifest import MANIFEST, Manifest
from data.prepared import Prepared
from pipeline.analysis.figures import style
from pipeline.analysis.figures.dataset_figures import dataset_figures
from pipeline.tracking.mlflow_internals import DATASET_CONTEXT
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


def log_dataset(run: Run, manifest: Manifest) -> None:
    """Log the data set as an input of the run. Its digest covers all tensors; MLflow's own reads a part."""
    sizes = {"train": sum(manifest.train_counts), "test": sum(manifest.test_counts)}
    source = CodeDatasetSource({"source": manifest.source}).to_json()
    dataset = Dataset(manifest.name, manifest.digest, "code", source, profile=json.dumps(sizes))
    run.log_inputs([DatasetInput(dataset, [InputTag(DATASET_CONTEXT, "train")])])
