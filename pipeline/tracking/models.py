"""Models in MLflow: the best network of each seed as a LoggedModel, and that of a study in the registry."""

import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import numpy as np
import torch
from mlflow.entities import LoggedModelStatus
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from numpy.typing import NDArray
from torch import nn
from torch.export import Dim

from pipeline.tracking.runs import Run
from pipeline.tracking.store import first_line

BEST = "best"
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
        Model.log(
            artifact_path=None,
            flavor=_BothWays,
            name=BEST,
            python_model=SERVED,
            artifacts={"network": str(network)},
            model_config={"classes": list(classes)},
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


def register(run_id: str, name: str, tags: dict[str, str]) -> str | None:
    """Register the model of a seed's run as the newest version of a name, with the alias `best`; return the version.

    One that is registered already gets the alias alone. None where the run has no model.
    """
    run = Run(run_id)
    model_id = _model_of(run)
    if model_id is None:
        return None
    source = f"models:/{model_id}"
    known = run.client.search_model_versions(f"run_id = '{run_id}'")
    version = next((found.version for found in known if (found.name, found.source) == (name, source)), None)
    if version is None:
        with redirect_stderr(StringIO()):  # it tells there that it worked
            version = mlflow.register_model(source, name, tags=tags).version
    run.client.set_registered_model_alias(name, BEST, version)
    return str(version)


def safe(name: str) -> str:
    """Return a name as the registry takes it: without `/` and `:`."""
    return re.sub(r"[/:]", "-", name)


def _signature(shape: Sequence[int], classes: Sequence[str]) -> ModelSignature:
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, *shape))]),
        outputs=Schema([ColSpec("float", name) for name in classes]),
    )


def _model_of(run: Run) -> str | None:
    """Return the id of a run's model, if it has one that is whole; others are deleted."""
    experiment = run.client.get_run(run.id).info.experiment_id
    ready = None
    for model in run.client.search_logged_models([experiment], f"source_run_id = '{run.id}'"):
        if model.status == LoggedModelStatus.READY:
            ready = str(model.model_id)
        else:
            run.client.delete_logged_model(model.model_id)
    return ready
