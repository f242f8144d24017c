"""The best model of a study in the registry: a version of a registered model, and the alias `best`."""

import re
from contextlib import redirect_stderr
from io import StringIO

import mlflow
from mlflow.exceptions import MlflowException

from pipeline.tracking.limits import NAME, shortened
from pipeline.tracking.logged_models import BestModel
from pipeline.tracking.retry import StoreError, first_line, is_refusal
from pipeline.tracking.run import Run

ALIAS = "best"


def registered_as(best: BestModel, name: str) -> str | None:
    """Return the version under which a model is registered by a name, or None."""
    known = mlflow.MlflowClient().search_model_versions(f"run_id = '{best.run_id}'")
    source = f"models:/{best.model_id}"
    return next((str(found.version) for found in known if (found.name, found.source) == (name, source)), None)


def register(best: BestModel, name: str, study: Run, seed: int) -> tuple[str, str]:
    """Register a model as the newest version of a name, unless it is one; return its version and the one named `best`.

    The alias `best` moves to it unless the version that has it is better by the same accuracy. Raise StoreError where
    the user may not.
    """
    tags = {"study": study.id, "seed": str(seed), best.metric: f"{best.accuracy:.2f}"}
    try:
        version = registered_as(best, name)
        if version is None:
            with redirect_stderr(StringIO()):  # MLflow prints success there
                version = str(mlflow.register_model(f"models:/{best.model_id}", name, tags=tags).version)
        holder = _holder(study.client, name)
        if holder and holder[0] != version and _is_better(study.client, holder[1], best):
            return version, holder[0]
        study.client.set_registered_model_alias(name, ALIAS, version)
    except MlflowException as error:
        if not is_refusal(error):
            raise
        raise StoreError(
            f"the model {name} is not registered ({first_line(error)}): ask for the permission EDIT on it"
        ) from error
    return version, version


def _holder(client: mlflow.MlflowClient, name: str) -> tuple[str, str] | None:
    """Return version and model id of the version that has the alias, if any."""
    aliases = client.get_registered_model(name).aliases
    if ALIAS not in aliases:
        return None
    version = client.get_model_version(name, aliases[ALIAS])
    return str(version.version), str(version.source).removeprefix("models:/")


def _is_better(client: mlflow.MlflowClient, model_id: str, than: BestModel) -> bool:
    """Return whether a model has a higher accuracy than another; one that is gone, or measured otherwise, has not."""
    try:
        metrics = client.get_logged_model(model_id).metrics or []
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return False
    return any(point.key == than.metric and point.value > than.accuracy for point in metrics)


def safe(name: str) -> str:
    """Return a name as the registry takes it: without `/` and `:`, and not too long."""
    return shortened(re.sub(r"[/:]", "-", name), NAME)
