"""A data set in a run, as an input."""

import json

from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.entities import Dataset, DatasetInput, InputTag

from data.manifest import Manifest
from pipeline.tracking.mlflow_internals import DATASET_CONTEXT
from pipeline.tracking.run import Run


def log_dataset(run: Run, manifest: Manifest) -> None:
    """Log the data set as an input of the run. Its digest covers all tensors; MLflow's own reads a part."""
    sizes = {"train": sum(manifest.train_counts), "test": sum(manifest.test_counts)}
    source = CodeDatasetSource({"source": manifest.source}).to_json()
    dataset = Dataset(manifest.name, manifest.digest, "code", source, profile=json.dumps(sizes))
    run.log_inputs([DatasetInput(dataset, [InputTag(DATASET_CONTEXT, "train")])])
