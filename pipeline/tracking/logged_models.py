"""Models in MLflow: the best network of each seed as a LoggedModel, and that of a study in the registry."""

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import mlflow
import numpy as np
import torch
from mlflow.entities import LoggedModel, LoggedModelStatus
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from pipeline.tracking.retry import first_line
from pipeline.tracking.run import Run

log = logging.getLogger(__name__)

MODEL = "best"
SERVED = Path(__file__).with_name("served.py")
EXAMPLES = 2  # images in a model's input example; with one, torch.export would make a network for one
REQUIREMENTS = [f"mlflow=={mlflow.__version__}", f"torch=={torch.__version__.partition('+')[0]}"]


def log_model(run: Run, classifier: nn.Module, images: Tensor, *, classes: Sequence[str], epoch: int) -> None:
    """Log a network that takes uint8 images as the model `best` of a run, with its metrics of an epoch.

    An existing model is kept; an incomplete one is deleted. If torch.export fails for the network, a message says so,
    and the seed has no model.
    """
    run.check_ours()
    if _model_of(run) is not None:
        return
    with TemporaryDirectory() as folder:
        network = Path(folder) / "model.pt2"  # the name that mlflow.pytorch looks for
        try:
            exported = export_network(classifier, images)
        except Exception as error:  # it raises errors of many kinds; the seed is trained nevertheless
            log.warning("no model is logged: torch.export fails for it (%s)", first_line(error))
            return
        torch.export.save(exported, network)
        names = Path(folder) / "classes.json"
        names.write_text(json.dumps(list(classes)))
        Model.log(
            artifact_path=None,
            flavor=_BothWays,
            name=MODEL,
            run_id=run.id,
            python_model=SERVED,
            artifacts={"network": str(network), "classes": str(names)},  # a model_config would become params of the run
            signature=_signature(images.shape[1:], classes),
            input_example=images.numpy(),
            pip_requirements=REQUIREMENTS,
            metadata={"classes": list(classes)},
            step=epoch,  # MLflow gives it the run's metrics of that step
        )


def export_network(classifier: nn.Module, images: Tensor) -> ExportedProgram:
    """Return a network as torch.export's program for any number of images; raise what torch.export raises."""
    export = partial(torch.export.export, classifier.eval(), (images,), dynamic_shapes=({0: Dim.DYNAMIC},))
    with warnings.catch_warnings(), _without_logs():
        warnings.simplefilter("ignore")  # of recurrent layers, for example, whose program is right
        try:
            return export(strict=False)
        except Exception:  # errors of many kinds; the strict way knows code that asks for len(images)
            return export(strict=True)


@contextmanager
def _without_logs() -> Iterator[None]:
    """Log nothing: of an error, torch logs a hundred lines before it raises it."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


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


def best_models(run_ids: Sequence[str]) -> list[BestModel]:
    """Return the model of each run that has one, the one of the highest accuracy first; the earlier run's of equals."""
    found = [best for run_id in run_ids if (best := _best_of(_model_of(Run(run_id)), run_id))]
    return sorted(found, key=lambda best: -best.accuracy)


def _best_of(model: LoggedModel | None, run_id: str) -> BestModel | None:
    """Return a model with its val_acc or, where nothing was held out, its test_acc."""
    points = {point.key: point for point in model.metrics or []} if model else {}
    point = points.get("val_acc") or points.get("test_acc")
    return BestModel(run_id, str(model.model_id), point.step, point.key, point.value) if model and point else None


def _signature(shape: Sequence[int], classes: Sequence[str]) -> ModelSignature:
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, *shape))]),
        outputs=Schema([ColSpec("float", name) for name in classes]),
    )


def _model_of(run: Run) -> LoggedModel | None:
    """Return the complete model `best` of a run, if any; delete incomplete ones."""
    experiment = run.client.get_run(run.id).info.experiment_id
    whole = None
    for model in run.client.search_logged_models([experiment], f"source_run_id = '{run.id}' AND name = '{MODEL}'"):
        if model.status == LoggedModelStatus.READY:
            whole = model
        else:
            run.client.delete_logged_model(model.model_id)
    return whole
