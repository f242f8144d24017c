"""Histories read back from a real store: the newest point of a step counts, one run a seed."""

import math
from collections.abc import Callable

import mlflow
import pytest

from pipeline.epoch import EpochReport
from pipeline.results.statistics import over_seeds
from pipeline.tracking.histories import find_study, read_histories, seeds_of_settings, seeds_of_study
from pipeline.tracking.runs import Run, open_run
from pipeline.tracking.seeds import SeedLog
from pipeline.tracking.studies import log_means

HASH = "abc"


pytestmark = pytest.mark.usefixtures("store")


def report(epoch: int, rwc: float) -> EpochReport:
    scores = {"train": 1.0, "test": 2.0}
    return EpochReport(epoch=epoch, losses=scores, accuracies=scores, layers={"rwc": {"nan": rwc, "b": 1.0}}, seconds=1)


def log_seed(seed: int, *, epochs: int = 1, fail: bool = False, study: str | None = None) -> Run:
    with open_run("seed", f"seed-{seed}", tags={"layerwise.study": HASH}, parent=study) as run:
        run.log_params({"seed": str(seed), "epochs": str(epochs)})
        log = SeedLog(run, lambda layer: "early" if layer == "b" else "")
        for epoch in range(1, epochs + 1):
            log.log_epoch(report(epoch, math.nan))
        log.log_tables()
        if fail:
            raise RuntimeError("on purpose")
    return run


def test_the_newest_point_of_a_step_counts() -> None:
    run = log_seed(3)
    client = mlflow.MlflowClient()
    (old,) = client.get_metric_history(run.id, "test_acc")
    client.log_metric(run.id, "test_acc", 77.0, step=1, timestamp=old.timestamp + 5)
    client.log_metric(run.id, "test_acc", 55.0, step=1, timestamp=old.timestamp - 5)
    scalars = read_histories(seeds_of_settings(HASH)).scalars
    assert scalars[scalars["metric"] == "test_acc"]["value"].tolist() == [77.0]


def test_the_newest_finished_run_of_a_seed_is_taken() -> None:
    log_seed(3)
    newest = log_seed(3)
    with pytest.raises(RuntimeError, match="on purpose"):
        log_seed(3, fail=True)
    with pytest.raises(RuntimeError, match="on purpose"):
        log_seed(5, fail=True)
    third, fifth = seeds_of_settings(HASH)
    assert (third.number, third.id, third.finished) == (3, newest.id, True)
    assert (fifth.number, fifth.finished) == (5, False)


def test_a_layer_called_nan_and_a_value_that_is_nan_are_told_apart() -> None:
    log_seed(3)
    layers = read_histories(seeds_of_settings(HASH)).layers
    assert layers["layer"].tolist() == ["nan", "b"]
    assert layers["group"].tolist() == ["", "early"]
    assert math.isnan(layers["value"][0])
    assert layers["value"][1] == 1.0


def test_means_of_a_long_study_are_logged_in_batches_and_once(histories: Callable) -> None:
    study = histories({0: 300, 7: 300}, {"a": "early", "b": "later"})
    with open_run("study", "Net-Set") as run:
        log_means(run.id, study)
        log_means(run.id, study)
    points = mlflow.MlflowClient().get_metric_history(run.id, "rwc/01_a")
    rwc = study.layers[study.layers["metric"] == "rwc"]
    means = over_seeds(rwc[rwc["layer"] == "a"])
    assert {point.step: point.value for point in points} == dict(zip(means["epoch"], means["mean"], strict=True))
    assert len(points) == 300


def test_the_seeds_of_a_study_are_those_below_it() -> None:
    log_seed(1)
    with open_run("study", "Net-Set") as run:
        run.log_text("seeds: 5,3", "config.yaml")
        for seed in (5, 3):
            log_seed(seed, study=run.id)
    found = find_study(run.id)
    assert (found.name, found.seeds) == ("Net-Set", (5, 3))
    assert [seed.number for seed in seeds_of_study(run.id)] == [3, 5]
