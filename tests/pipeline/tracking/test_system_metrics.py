"""What the machine does while a seed trains stands in a section of its own, on seeds alone, and can be switched off."""

from collections.abc import Callable

import mlflow
import pytest


@pytest.mark.slow
@pytest.mark.parametrize("wanted", ["true", "false"])
def test_seeds_have_them_where_they_are_wanted(
    run: Callable[..., object], options: dict[str, str], store: str, wanted: str
) -> None:
    given = [f"--{name}={value}" for name, value in options.items()]
    variables = {
        "MLFLOW_TRACKING_URI": store,
        "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": wanted,
        "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "0.1",
    }
    process = run("python", "-m", "pipeline", "study", *given, "--seeds=0", **variables)
    assert (process.returncode, process.stderr) == (0, "")
    runs = mlflow.MlflowClient().search_runs(["0"])
    measured = {
        one.data.tags["layerwise.kind"]: {key for key in one.data.metrics if key.startswith("system/")} for one in runs
    }
    assert measured["study"] == set()
    if wanted == "true":
        assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= measured["seed"]
    else:
        assert measured["seed"] == set()
