"""Models in MLflow: the best network of each seed as a LoggedModel, and that of a study in the registry."""

import json
import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import mlflow
import numpy as np
import torch
from mlflow.entities import LoggedModel, LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from numpy.typing import NDArray
from torch import nn
from torch.export import Dim

from pipeline.tracking.outbox import REFUSED
from pipeline.tracking.runs import Run
from pipeline.tracking.store import StoreError, first_line

MODEL = ALIAS = "best"
SERVED = Path(__file__).with_name("served.py")
EXAMPLES = 2  # images in a model's input example; with one, torch.export would make a network for one
REQUIREMENTS = [f"mlflow=={mlflow.__version__}", f"torch=={torch.__version__.partition('+')[0]}"]


def log_model(
    run: Run, classifier: nn.Module, images: NDArray[np.uint8], *, classes: Sequence[str], epoch: int
) -> None:
    """Log a network that takes uint8 images as the model `best` of a run, with its metrics of an epoch.

    One that is there already stays; one that was broken off goes. Where torch.export cannot take the network, that is
    said, and the seed has no model.
    """
    if _model_of(run) is not None:
        return
    with TemporaryDirectory() as folder:
        network = Path(folder) / "model.pt2"  # the name that mlflow.pytorch looks for
        try:
            exported = torch.export.export(
                classifier.eval(), (torch.from_numpy(images),), dynamic_shapes=({0: Dim.DYNAMIC},)
            )
        except Exception as error:  # what it raises has many names; the seed is trained all the same
            print(f"no model is logged: torch.export cannot take it ({first_line(error)})", file=sys.stderr)
            return
        torch.export.save(exported, network)
        names = Path(folder) / "classes.json"
        names.write_text(json.dumps(list(classes)))
        Model.log(
            artifact_path=None,
            flavor=_BothWays,
            name=MODEL,
            python_model=SERVED,
            artifacts={"network": str(network), "classes": str(names)},  # a model_config would become params of the run
            signature=_signature(images.shape[1:], classes),
            input_example=images,
            pip_requirements=REQUIREMENTS,
            metadata={"classes": list(classes)},
            step=epoch,  # MLflow gives it the run's metrics of that step
        )


class _BothWays:
    """Saves a model that `mlflow.pyfunc` loads with names, and `mlflow.pytorch` as the exported network."""

    @staticmethod
    def save_model(path: str, mlflow_model: Model, **kwargs: Any) -> None:
        mlflow.pyfunc.save_model(path=path, mlflow_model=mlflow_model, **kwargs)
        mlflow_model.add_flavor("pytorch", model_data="artifacts", pytorch_version=str(torch.__version__), code=None)
        mlflow_model.save(str(Path(path) / "MLmodel"))


class BestModel(NamedTuple):
    """The best model of some runs: its epoch, and the accuracy (percent) by which it is the best."""

    run_id: str
    model_id: str
    epoch: int
    metric: str
    accuracy: float


def best_model(run_ids: Sequence[str]) -> BestModel | None:
    """Return the model of the highest val_acc or, where nothing was held out, test_acc; the earlier run's of equals."""
    best = None
    for run_id in run_ids:
        model = _model_of(Run(run_id))
        points = {point.key: point for point in model.metrics or []} if model else {}
        point = points.get("val_acc") or points.get("test_acc")
        if model and point and (best is None or point.value > best.accuracy):
            best = BestModel(run_id, str(model.model_id), point.step, point.key, point.value)
    return best


def registered_as(best: BestModel, name: str) -> str | None:
    """Return the version under which a model is registered by a name, or None."""
    known = mlflow.MlflowClient().search_model_versions(f"run_id = '{best.run_id}'")
    source = f"models:/{best.model_id}"
    return next((str(found.version) for found in known if (found.name, found.source) == (name, source)), None)


def register(best: BestModel, name: str, study: Run, seed: int) -> str:
    """Register a model as the newest version of a name, unless it is one, give it the alias `best`, return the version.

    Raise StoreError where the user may not.
    """
    tags = {"study": study.id, "seed": str(seed), best.metric: f"{best.accuracy:.2f}"}
    try:
        version = registered_as(best, name)
        if version is None:
            with redirect_stderr(StringIO()):  # it tells there that it worked
                version = str(mlflow.register_model(f"models:/{best.model_id}", name, tags=tags).version)
        study.client.set_registered_model_alias(name, ALIAS, version)
    except MlflowException as error:
        if error.error_code not in REFUSED:
            raise
        raise StoreError(
            f"the model {name} is not registered ({first_line(error)}): ask for the permission EDIT on it"
        ) from error
    return version


def safe(name: str) -> str:
    """Return a name as the registry takes it: without `/` and `:`."""
    return re.sub(r"[/:]", "-", name)


def _signature(shape: Sequence[int], classes: Sequence[str]) -> ModelSignature:
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, *shape))]),
        outputs=Schema([ColSpec("float", name) for name in classes]),
    )


def _model_of(run: Run) -> LoggedModel | None:
    """Return the model `best` of a run, if it has one that is whole; those that were broken off are deleted."""
    experiment = run.client.get_run(run.id).info.experiment_id
    whole = None
    for model in run.client.search_logged_models([experiment], f"source_run_id = '{run.id}' AND name = '{MODEL}'"):
        if model.status == LoggedModelStatus.READY:
            whole = model
        else:
            run.client.delete_logged_model(model.model_id)
    return whole
