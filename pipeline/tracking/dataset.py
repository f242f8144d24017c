"""A prepared data set as an input of a run."""

import json

from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from data.manifest import Manifest


def dataset_input(manifest: Manifest, context: str) -> DatasetInput:
    """Return a data set as MLflow logs it, used for `context`, like train.

    Its digest covers all tensors, where MLflow's own reads a part.
    """
    sizes = {"train": sum(manifest.train_counts), "test": sum(manifest.test_counts)}
    source = CodeDatasetSource({"source": manifest.source}).to_json()
    dataset = Dataset(manifest.name, manifest.digest, "code", source, profile=json.dumps(sizes))
    return DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, context)])
