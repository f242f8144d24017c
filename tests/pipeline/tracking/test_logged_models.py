"""Models in MLflow: names that the registry takes, versions once a model, and an answer over HTTP."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from torch import nn

from pipeline.tracking.registered_models import safe
from pipeline.training.epoch_result import EpochResult
from pipeline.training.trainer import Best
from tests.support.server import free_port, wait_until_it_answers

Call = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.mark.parametrize(
    ("name", "taken"),
    [("AlexNet-Digits", "AlexNet-Digits"), ("torchvision:vgg11-a/b", "torchvision-vgg11-a-b")],
)
def test_a_registered_name_has_no_slash_and_no_colon(name: str, taken: str) -> None:
    assert safe(name) == taken


def study(call: Call, options: dict[str, str], **more: str) -> str:
    given = options | {"seeds": "0,7", "register": "true"} | more
    code, out, err = call("study", *[f"--{name}={value}" for name, value in given.items()])
    assert (code, err) == (0, "")
    return out


def test_the_best_seed_is_registered_once_with_the_alias(call: Call, small_options: dict[str, str]) -> None:
    out = study(call, small_options)
    client = mlflow.MlflowClient()
    (version,) = client.search_model_versions("name = 'Small-tiny'")
    assert f"models:/Small-tiny@best, version {version.version}" in out
    seeds = client.search_runs(["0"], "tags.`layerwise.kind` = 'seed'", order_by=["params.seed ASC"])
    best = {
        run.info.run_id: max(point.value for point in client.get_metric_history(run.info.run_id, "test_acc"))
        for run in seeds
    }
    assert version.run_id == max(best, key=lambda run_id: best[run_id])  # the first of equals
    assert version.tags["test_acc"] == f"{best[version.run_id]:.2f}"
    model = client.get_logged_model(version.source.removeprefix("models:/"))
    assert {metric.key: metric.value for metric in model.metrics}["test_acc"] == best[version.run_id]
    study(call, small_options)  # the same again: nothing is trained
    assert len(client.search_model_versions("name = 'Small-tiny'")) == 1
    study(call, small_options, fresh="true")
    newest = client.get_model_version_by_alias("Small-tiny", "best")
    assert (int(newest.version), len(client.search_model_versions("name = 'Small-tiny'"))) == (2, 2)


def newest_is_best(self: Best, result: EpochResult, model: nn.Module) -> None:
    self.epoch, self.accuracy, self.weights = result.epoch, result.deciding_accuracy, dict(model.state_dict())


def test_the_best_model_of_a_short_study_is_of_an_epoch_that_it_has(
    call: Call, small_options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seed that ran longer has kept the weights of its own best epoch, here the last one, and no others."""
    arguments = [f"--{name}={value}" for name, value in small_options.items()]
    monkeypatch.setattr(Best, "update", newest_is_best)
    assert call("train", *arguments, "--seed=0", "--epochs=3")[0] == 0
    out = study(call, small_options, seeds="0", epochs="2")
    assert "model:   none to register. Left out, as their best models are from after epoch 2: seed 0." in out
    client = mlflow.MlflowClient()
    assert client.search_registered_models() == []
    (run,) = client.search_runs(["0"], "tags.`layerwise.kind` = 'study'")
    assert "No seed has a model of these epochs" in run.data.tags["mlflow.note.content"]
    out = study(call, small_options, seeds="0,7", epochs="2")
    (version,) = client.search_model_versions("name = 'Small-tiny'")
    assert version.tags["seed"] == "7"
    assert "Left out, as their best models are from after epoch 2: seed 0." in out
    study(call, small_options, seeds="0", epochs="3")
    assert {version.tags["seed"] for version in client.search_model_versions("name = 'Small-tiny'")} == {"0", "7"}


def test_the_alias_stays_with_a_better_version(call: Call, small_options: dict[str, str]) -> None:
    study(call, small_options, seeds="0", epochs="4")
    out = study(call, small_options, seeds="0", epochs="4", lr="1e-9")
    client = mlflow.MlflowClient()
    by_version = {version.version: version for version in client.search_model_versions("name = 'Small-tiny'")}
    accuracy = {number: float(version.tags["test_acc"]) for number, version in by_version.items()}
    first, second = sorted(accuracy, key=int)
    assert accuracy[first] > accuracy[second]
    assert client.get_model_version_by_alias("Small-tiny", "best").version == first
    assert f"model:   models:/Small-tiny, version {second}; models:/Small-tiny@best stays version {first}" in out
    client.delete_logged_model(by_version[first].source.removeprefix("models:/"))
    study(call, small_options, seeds="0", epochs="4", lr="1e-9")
    assert client.get_model_version_by_alias("Small-tiny", "best").version == second, "the better one is gone"


def test_a_user_without_permission_to_register_gets_one_line_and_keeps_the_study(
    call: Call, small_options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_more: object) -> None:
        raise MlflowException("Permission denied", PERMISSION_DENIED)

    monkeypatch.setattr(mlflow, "register_model", refuse)
    given = small_options | {"seeds": "0", "epochs": "1", "register": "true"}
    code, out, err = call("study", *[f"--{name}={value}" for name, value in given.items()])
    assert (code, err.count("\n")) == (0, 1)
    assert "Small-tiny is not registered (Permission denied): ask for the permission EDIT on it" in err
    assert "test accuracy" in out
    (run,) = mlflow.MlflowClient().search_runs(["0"], "tags.`layerwise.kind` = 'study'")
    assert run.info.status == "FINISHED"
    assert "Best model: [seed 0]" in run.data.tags["mlflow.note.content"]


def test_nothing_is_registered_by_default(call: Call, small_options: dict[str, str]) -> None:
    assert "model:" not in study(call, small_options, register="false", seeds="0", epochs="1")
    assert mlflow.MlflowClient().search_registered_models() == []


@pytest.mark.slow
def test_models_serve_answers_a_request_with_a_real_image(
    call: Call, popen: Callable, environment: dict[str, str], store: str, tmp_path: Path
) -> None:
    given = {
        "model_name": "AlexNet",
        "dataset": "Digits",
        "epochs": "1",
        "seeds": "0",
        "batch_size": "32",
        "lr": "0.01",
    }
    code, _out, err = call("study", *[f"--{name}={value}" for name, value in given.items()], "--register=true")
    assert (code, err) == (0, "")
    (images,) = (tmp_path / "cache" / "layerwise" / "prepared").glob("*/x_test.npy")
    image = np.load(images)[:1]
    port = free_port()
    command = ["models", "serve", "-m", "models:/AlexNet-Digits@best", "--env-manager", "local", "--port", str(port)]
    variables = environment | {"MLFLOW_TRACKING_URI": store}
    with (tmp_path / "log").open("w") as log:
        server = popen(sys.executable, "-m", "mlflow", *command, env=variables, stdout=log, stderr=log)
    answer = _ask(port, {"inputs": image.tolist()}, server, tmp_path / "log")
    (probabilities,) = answer["predictions"]
    assert list(probabilities) == [str(digit) for digit in range(10)]
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
    expected = mlflow.pyfunc.load_model("models:/AlexNet-Digits@best").predict(image).iloc[0]
    assert list(probabilities.values()) == pytest.approx(expected.tolist(), rel=1e-4)


def _ask(port: int, content: object, server: subprocess.Popen[str], log: Path) -> dict[str, list[dict[str, float]]]:
    wait_until_it_answers(f"http://127.0.0.1:{port}", server, log)
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", json.dumps(content).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)
