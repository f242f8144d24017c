"""How far studies are, by the store; how long the rest takes; what the live table shows of both."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from mlflow import MlflowClient

from pipeline.config.resolve import load_config
from pipeline.config.settings import Config
from pipeline.console.live_table import Look
from pipeline.execution.status import Capacity, Status, live_table, status_of, time_left
from pipeline.tracking.heartbeat import RELEASED, signs_of_life
from pipeline.tracking.retry import StoreError

HASH = "abc"
TWO = Capacity(2, studies_together=True)


def seed(number: int, status: str, *, epochs: int = 0, seconds: float | None = None) -> None:
    """Log a seed's run of ten epochs, as it is after some of them."""
    client = MlflowClient()
    tags = {"layerwise.kind": "seed", "layerwise.study": HASH, "layerwise.seed": str(number)} | signs_of_life()
    if status != "RUNNING":
        tags |= RELEASED
    if epochs:
        tags["layerwise.checkpoint.slot-a"] = f"epoch {epochs} sha256 {'0' * 64}"
    run = client.create_run("0", tags=tags).info.run_id
    for name, value in {"seed": number, "epochs": 10}.items():
        client.log_param(run, name, value)
    if seconds is not None:
        client.log_metric(run, "epoch_seconds", seconds)
    if status != "RUNNING":
        client.set_terminated(run, status)


@pytest.fixture
def config(store: str) -> Config:  # noqa: ARG001  # it sets the environment
    return load_config({"seeds": "0,1,2,3,4", "epochs": "10", "dataset": "Digits"})


def test_each_seed_is_in_one_state_and_epochs_are_those_that_are_left(config: Config) -> None:
    seed(0, "FINISHED", epochs=10, seconds=2.0)
    seed(1, "RUNNING", epochs=4, seconds=4.0)
    seed(2, "KILLED", epochs=3, seconds=3.0)
    before = datetime.now(UTC) - timedelta(minutes=1)
    seed(3, "FAILED", epochs=1)
    found = status_of(config, HASH, before)
    assert found.states == Counter(done=1, running=1, waiting=2, failed=1)
    assert (found.begun, found.epochs_left, found.seconds) == (1, [6, 7, 10], 3.0)
    assert time_left([found], TWO) == "about 0:00:34"


def test_what_failed_before_this_time_is_waiting(config: Config) -> None:
    seed(0, "FAILED", epochs=4)
    found = status_of(config, HASH, datetime.now(UTC) + timedelta(minutes=1))
    assert (found.states["waiting"], found.begun, sum(found.epochs_left)) == (5, 1, 46)


def test_a_fresh_study_has_nothing_to_take_over(config: Config) -> None:
    seed(0, "FINISHED", epochs=10)
    fresh = load_config({"seeds": "0", "epochs": "10", "dataset": "Digits", "fresh": "true"})
    assert status_of(fresh, HASH).states == Counter(waiting=1)
    assert status_of(config, HASH).states["done"] == 1


def test_without_an_epoch_on_record_the_time_is_unknown() -> None:
    new = Status("new", Counter(waiting=1), 0, [10], None)
    over = Status("over", Counter(done=1), 0, [], None)
    assert time_left([new], TWO) == "unknown"
    assert time_left([over], TWO) == "about 0:00:00"


def test_no_seed_is_done_sooner_than_alone_and_studies_one_after_another_add_up() -> None:
    long = Status("long", Counter(waiting=2), 0, [10, 2], 3.0)
    short = Status("short", Counter(waiting=1), 0, [4], 5.0)
    assert time_left([long, short], Capacity(100, studies_together=True)) == "about 0:00:30"
    assert time_left([long, short], Capacity(100, studies_together=False)) == "about 0:00:50"
    assert time_left([long, short], Capacity(1, studies_together=True)) == "about 0:00:56"


def test_the_table_has_a_row_for_all_studies_before_those_of_each() -> None:
    statuses = [
        Status("one", Counter(done=1, running=1), 0, [2], 30.0),
        Status("other", Counter(waiting=2, failed=1), 0, [4, 4], 30.0),
    ]
    shown = live_table([lambda _since, status=status: status for status in statuses], TWO).look()
    assert shown == Look(
        rows=[
            ("study", "done", "running", "waiting", "failed", "time left"),
            ("all", "1", "1", "2", "1", "about 0:02:30"),
            ("one", "1", "1", "0", "0", "about 0:01:00"),
            ("other", "0", "0", "2", "1", "about 0:02:00"),
        ],
        counts="1 done, 1 running, 2 waiting, 1 failed",
        left="about 0:02:30",
    )


def test_one_study_is_one_row() -> None:
    shown = live_table([lambda _since: Status("one", Counter(done=1), 0, [], None)], TWO).look()
    assert shown
    assert [name for name, *_counts in shown.rows] == ["study", "one"]


def test_every_look_takes_the_time_at_which_the_table_was_made() -> None:
    times = []

    def look(since: datetime) -> Status:
        times.append(since)
        return Status("one", Counter(done=1), 0, [], None)

    before = datetime.now(UTC)
    table = live_table([look], TWO)
    made = datetime.now(UTC)
    table.look()
    table.look()
    assert times[0] == times[1]
    assert before <= times[0] <= made


def test_nothing_is_shown_while_the_store_does_not_answer() -> None:
    def look(_since: datetime) -> Status:
        raise StoreError("the tracking store does not answer")

    assert live_table([look], TWO).look() is None
