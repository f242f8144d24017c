"""What has no public name in MLflow, seen in 3.17.2: look here first when MLflow is updated."""

import os
from collections.abc import Mapping
from typing import Any

from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor
from mlflow.tracking.context.registry import resolve_tags

from pipeline.host.provenance import UNKNOWN, commit

SYSTEM_METRICS = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"
DATASET_CONTEXT = "mlflow.data.context"  # the tag by which MLflow's UI shows what a data set was used for
REPOSITORY = "mlflow.source.git."  # begins the tags of the repository in the script's folder, or in one above
ARTIFACT_PLACES = (  # tables and columns of a database that hold where artifacts are, as absolute paths
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)
# What an experiment is for. MLflow's UI writes this tag and older ones open by it; that of 3.17 opens any experiment as
# one of GenAI, unless the person has chosen otherwise or the address ends with TRAINING_LAYOUT.
EXPERIMENT_KIND, MODEL_TRAINING = "mlflow.experimentKind", "custom_model_development"
TRAINING_LAYOUT = "workflowType=machine_learning"
SHARED_VIEW = "mlflow.sharedViewState."  # begins the tags of an experiment that hold views of its charts


def with_source(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a new run, with those that MLflow's UI shows of user, script and, if it is known, commit."""
    found = {str(name): str(value) for name, value in resolve_tags(tags).items()}
    if commit() != UNKNOWN:
        return found
    return {name: value for name, value in found.items() if not name.startswith(REPOSITORY)}


def start_system_metrics(run_id: str, *, resumed: bool) -> Any:
    """Start to log processor, memory and GPU, and return what has a method `finish`; None where it is switched off."""
    if os.environ.get(SYSTEM_METRICS, "").lower() not in ("true", "1"):
        return None
    monitor = SystemMetricsMonitor(run_id, resume_logging=resumed)  # type: ignore[no-untyped-call]
    monitor.start()  # type: ignore[no-untyped-call]
    return monitor
