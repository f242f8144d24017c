"""Histories read back from a real store, in few requests and to the last bit; one run a seed; means logged once."""

import inspect
import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from pipeline.tracking import mean_log
from pipeline.tracking.histories import read_histories
from pipeline.tracking.mean_log import log_means
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.queries import (
    RunNotFound,
    StoredSeed,
    find_study,
    one_a_seed,
    read_study,
    runs_of_settings,
    seeds_of_study,
)
from pipeline.tracking.run import SEED, STUDY, Run, setting_tag
from pipeline.tracking.runs import open_run
from pipeline.tracking.seed_log import SeedLog
from pipeline.tracking.tables import LEVEL_TABLE, LEVELS

HASH = "abc"


pytestmark = pytest.mark.usefixtures("store")


def log_epoch(log: SeedLog, epoch: int, rwc: Mapping[str, float]) -> None:
    scalars = dict.fromkeys(("train_loss", "train_acc"), 0.1 + 0.2) | dict.fromkeys(("test_loss", "test_acc"), 2.0)
    log.log_epoch(epoch, scalars | {"epoch_seconds": 1.0}, {"rwc": rwc}, {})
    log.outbox.send()


def finished_seeds() -> list[StoredSeed]:
    runs = [run for run in runs_of_settings(HASH) if run.finished]
    return one_a_seed(runs, sorted({run.number for run in runs}), epochs=1)


def log_seed(
    seed: int,
    *,
    epochs: int = 1,
    rwc: Mapping[str, float] = {"nan": math.nan, "b": 1.0},
    fail: bool = False,
    study: str | None = None,
) -> Run:
    with open_run("seed", f"seed-{seed}", tags={STUDY: HASH, SEED: str(seed)}, parent=study) as run:
        run.log_params({"seed": str(seed), "epochs": str(epochs)})
        run.log_texts({LEVEL_TABLE: ",".join(LEVELS)})
        log = SeedLog(run, Outbox(run, Path("outbox")), lambda layer: "early" if layer == "b" else "")
        for epoch in range(1, epochs + 1):
            log_epoch(log, epoch, rwc)
        log.add_tables()
        log.outbox.close(0)
        if fail:
            raise RuntimeError("on purpose")
    return run


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each method of the tracking store is called, and downloads."""
    calls: Counter[str] = Counter()

    def counted(name: str, method: Callable) -> Callable:
        def call(*arguments: Any, **options: Any) -> Any:
            calls[name] += 1
            return method(*arguments, **options)

        return call

    for name in dir(SqlAlchemyStore):
        if not name.startswith("_") and inspect.isfunction(getattr(SqlAlchemyStore, name)):
            monkeypatch.setattr(SqlAlchemyStore, name, counted(name, getattr(SqlAlchemyStore, name)))
    download = counted("download", LocalArtifactRepository.download_artifacts)
    monkeypatch.setattr(LocalArtifactRepository, "download_artifacts", download)
    return calls


def test_the_requests_of_a_seed_do_not_depend_on_its_metrics(requests: Counter[str]) -> None:
    log_seed(1)
    log_seed(2)
    log_seed(3, epochs=5, rwc={f"layer{number}": 1.0 for number in range(50)})
    seeds = finished_seeds()
    for count in (1, 3):
        requests.clear()
        read_histories(seeds[-count:], 9)
        assert requests == {"download": 2 * count + 1}


def test_tables_are_read_back_to_the_last_bit() -> None:
    values = {"b": 5e-324, "0": 0.1 + 0.2, "True": 1 / 3, "": 1e22 / 7, " a: b": 123456789.12345679, "nan": math.nan}
    log_seed(3, epochs=2, rwc=values)
    study = read_histories(finished_seeds(), 9)
    assert list(study.group_of) == list(values)
    np.testing.assert_array_equal(study.layers["rwc"], [[[value, value] for value in values.values()]], strict=True)
    assert set(study.scalars) == {"epoch_seconds", "test_acc", "test_loss", "train_acc", "train_loss"}
    assert (study.last_epochs, study.scalars["train_loss"].tolist()) == ({3: 2}, [[0.30000000000000004] * 2])


def test_random_floats_of_all_sizes_are_those_that_were_logged() -> None:
    draws = np.random.default_rng(0)
    floats = draws.integers(0, 2**64, 2000, dtype=np.uint64).view(np.float64)
    log_seed(3, rwc={str(place): float(value) for place, value in enumerate(floats)})
    np.testing.assert_array_equal(read_histories(finished_seeds(), 9).layers["rwc"][0, :, 0], floats)


def test_a_long_table_is_read_whole() -> None:
    """It is parsed in parts of a megabyte, each with texts of its own."""
    layers = {f"{place}{'x' * 150}": float(place) for place in range(400)}
    log_seed(3, epochs=20, rwc=layers)
    study = read_histories(finished_seeds(), 20)
    assert list(study.group_of) == list(layers)
    np.testing.assert_array_equal(study.layers["rwc"], np.broadcast_to(np.arange(400.0)[:, None], (1, 400, 20)))


def test_seeds_with_other_layers_are_stacked() -> None:
    log_seed(1, epochs=2, rwc={"b": 1.0, "c": 2.0})
    log_seed(2, rwc={"c": 4.0, "a": 3.0})
    study = read_histories(finished_seeds(), 9)
    assert (study.last_epochs, study.group_of) == ({1: 2, 2: 1}, {"b": "early", "c": "", "a": ""})
    nan = math.nan
    expected = [[[1, 1], [2, 2], [nan, nan]], [[nan, nan], [4, nan], [3, nan]]]
    np.testing.assert_array_equal(study.layers["rwc"], expected)
    np.testing.assert_array_equal(study.measured["rwc"], np.isfinite(expected))


def test_the_first_epochs_of_a_longer_seed_have_no_remaining_distance() -> None:
    for seed, epochs in ((1, 2), (2, 3)):
        with open_run("seed", f"seed-{seed}", tags={"layerwise.study": HASH}) as run:
            run.log_params({"seed": str(seed), "epochs": str(epochs)})
            run.log_texts({LEVEL_TABLE: ",".join(LEVELS)})
            log = SeedLog(run, Outbox(run, Path("outbox")), str)
            for epoch in range(1, epochs + 1):
                log_epoch(log, epoch, {"a": 1.0})
            log.log_layers("remaining_distance", {1: {"a": 0.5}})
            log.add_tables()
            log.outbox.close(0)
    seeds = finished_seeds()
    nan = math.nan
    assert_equal = np.testing.assert_array_equal
    assert_equal(read_histories(seeds, 3).layers["remaining_distance"], [[[0.5, nan, nan]], [[0.5, nan, nan]]])
    assert_equal(read_histories(seeds, 2).layers["remaining_distance"], [[[0.5, nan]], [[nan, nan]]])
    assert set(read_histories(seeds, 1).layers) == {"rwc"}


def test_the_newest_finished_run_of_a_seed_is_taken() -> None:
    log_seed(3)
    newest = log_seed(3)
    with pytest.raises(RuntimeError, match="on purpose"):
        log_seed(3, fail=True)
    with pytest.raises(RuntimeError, match="on purpose"):
        log_seed(5, fail=True)
    (third,) = finished_seeds()
    assert (third.number, third.id, third.finished) == (3, newest.id, True)


def test_layers_that_have_numbers_alone_for_names_keep_them() -> None:
    """As those of a network that is one nn.Sequential."""
    log_seed(1, rwc={"0": 1.0, "10": 2.0})
    histories = read_histories(finished_seeds(), 1)
    assert list(histories.group_of) == ["0", "10"]


def test_a_layer_called_nan_and_a_value_that_is_nan_are_told_apart() -> None:
    log_seed(3)
    study = read_histories(finished_seeds(), 9)
    assert study.group_of == {"nan": "", "b": "early"}
    np.testing.assert_array_equal(study.layers["rwc"], [[[math.nan], [1.0]]])
    assert study.measured["rwc"].all(), "it was measured, and is undefined"


def test_means_of_a_long_study_are_logged_in_batches_and_once(histories: Callable, requests: Counter[str]) -> None:
    study = histories({0: 300, 7: 300}, {"a": "early", "b": "later"})
    with open_run("study", "Net-Set") as run:
        log_means(run.id, study)
        log_means(run.id, study)
    assert not requests["get_metric_history"]
    points = mlflow.MlflowClient().get_metric_history(run.id, "rwc/01_a")
    means = study.layers["rwc"][:, 0].mean(axis=0)
    assert {point.step: point.value for point in points} == dict(enumerate(means.tolist(), start=1))
    assert len(points) == 300


@pytest.mark.parametrize("cut_off", [False, True], ids=["a seed more", "a seed more, cut off and begun again"])
def test_only_means_that_changed_are_logged_again(
    histories: Callable, monkeypatch: pytest.MonkeyPatch, cut_off: bool
) -> None:
    groups = {"a": "early", "b": "later"}
    one, two = histories({0: 3}, groups), histories({0: 3, 7: 2}, groups)
    with open_run("study", "Net-Set") as run:
        log_means(run.id, one)
        if cut_off:
            monkeypatch.setattr(mean_log, "BATCH", 7)
            with monkeypatch.context() as patch:
                patch.setattr(mlflow.MlflowClient, "log_batch", fails_after(2))
                with pytest.raises(ZeroDivisionError):
                    log_means(run.id, two)
        log_means(run.id, two)
        log_means(run.id, two)
    history = {
        key: [(point.step, point.value) for point in mlflow.MlflowClient().get_metric_history(run.id, key)]
        for key in ("rwc/01_a", "rwc_group/later", "test_acc", "epoch_seconds", "test_acc_mean")
    }
    assert {key: sorted(step for step, _value in points) for key, points in history.items()} == {
        "rwc/01_a": [1, 1, 2, 2, 3],
        "rwc_group/later": [1, 1, 2, 2, 3],
        "test_acc": [1, 1, 2, 2, 3],
        "epoch_seconds": [1, 1, 2, 2, 3],
        "test_acc_mean": [3, 3],
    }
    assert max(value for step, value in history["rwc/01_a"] if step == 1) == pytest.approx(1.035)


def fails_after(batches: int) -> Callable[..., None]:
    """Return a log_batch that works the given number of times."""
    real, left = mlflow.MlflowClient.log_batch, iter(range(batches))

    def log_batch(*arguments: Any, **options: Any) -> None:
        if next(left, None) is None:
            raise ZeroDivisionError
        real(*arguments, **options)

    return log_batch


def study(seeds: str, epochs: int, *, fresh: str = "false", study_hash: str = HASH) -> str:
    settings = {"seeds": seeds, "epochs": str(epochs), "fresh": fresh}
    tags = {setting_tag(name): value for name, value in settings.items()} | {STUDY: study_hash}
    with open_run("study", "Net-Set", tags=tags) as run:
        return run.id


def members(run_id: str) -> list[tuple[int, str]]:
    return [(seed.number, seed.id) for seed in seeds_of_study(read_study(run_id))]


def test_what_a_study_consists_of_follows_from_its_settings_whoever_trained_it() -> None:
    ids = {seed: log_seed(seed, epochs=2).id for seed in (1, 3, 5)}
    wide, narrow, long = study("5,3,1", 2), study("3", 1), study("1,3", 3)
    longer = log_seed(3, epochs=3, study=long).id
    assert find_study(wide).seeds == (5, 3, 1)
    assert members(wide) == [(1, ids[1]), (3, ids[3]), (5, ids[5])]
    assert members(narrow) == [(3, ids[3])], "a run of more epochs has the first ones"
    assert members(long) == [(3, longer)], "seed 1 has too few"
    with pytest.raises(RunNotFound, match="no finished seed"):
        find_study(study("1", 2, study_hash="other settings"))


def test_runs_that_come_later_do_not_replace_those_of_a_finished_study() -> None:
    first = log_seed(3).id
    early = study("3,5", 1)
    fresh = study("3", 1, fresh="true")
    second, fifth = log_seed(3).id, log_seed(5).id
    late = study("3", 1)
    assert members(early) == [(3, first), (5, fifth)], "what it lacked counts whenever it comes"
    assert members(fresh) == [(3, second)]
    assert members(late) == [(3, second)]


MANY = {f"layer{number}": float(number) for number in range(1200)}


@pytest.mark.parametrize("arrived", [0, 1, 2], ids=["no request", "the layers alone", "the layers in two requests"])
def test_a_kill_between_the_requests_of_very_many_layers_loses_and_doubles_nothing(arrived: int) -> None:
    with open_run("seed", "seed-1", tags={STUDY: HASH, SEED: "1"}) as run:
        run.log_params({"seed": "1", "epochs": "2"})
        log = SeedLog(run, Outbox(run, Path("outbox")), lambda _layer: "all")
        log_epoch(log, 1, MANY)
        with pytest.MonkeyPatch.context() as patch:  # the process dies in epoch 2, and its disk with it
            patch.setattr(mlflow.MlflowClient, "log_batch", fails_after(arrived))
            with pytest.raises(ZeroDivisionError):
                log_epoch(log, 2, MANY)
        again = SeedLog(run, Outbox(run, Path("another disk")), lambda _layer: "all")
        again.resume(None, list(MANY))
        for epoch in (1, 2, 3):
            log_epoch(again, epoch, MANY)
    client = mlflow.MlflowClient()
    keys = ["rwc/0001_layer0", "rwc/1000_layer999", "rwc/1200_layer1199", "rwc_group/all", "rwc_third/last"]
    for key in [*keys, "test_acc", "train_loss", "epoch_seconds"]:
        assert [point.step for point in client.get_metric_history(run.id, key)] == [1, 2, 3], key
    assert len(client.get_run(run.id).data.metrics) == 1200 + 1 + 3 + 5


def test_thirds_of_the_depth_are_means_that_all_networks_share() -> None:
    run = log_seed(1, rwc={f"{number}": float(number) for number in range(1, 8)} | {"nan": math.nan})
    metrics = mlflow.MlflowClient().get_run(run.id).data.metrics
    thirds = {key: value for key, value in metrics.items() if key.startswith("rwc_third/")}
    assert thirds == {"rwc_third/first": 2.0, "rwc_third/middle": 4.5, "rwc_third/last": 6.5}
