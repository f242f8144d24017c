"""Where a seed starts, chosen from all of its runs."""

import time
from datetime import UTC, datetime

import pytest

from pipeline.tracking.checkpoints import slot_of, slot_tag, slots, snapshot_of
from pipeline.tracking.heartbeat import FENCED, signs_of_life
from pipeline.tracking.queries import StoredSeed
from pipeline.tracking.resume import choose

ALIVE, GONE = signs_of_life(), signs_of_life() | {"layerwise.pid": "999999999"}


def run(name: str, *, epochs: int = 5, status: str = "FINISHED", saved: int = 0, **tags: str) -> StoredSeed:
    checkpoint = slot_tag(slot_of(saved, 1), saved, "0" * 64) if saved else {}
    tags = checkpoint | GONE | {f"layerwise.{tag}": value for tag, value in tags.items()}
    return StoredSeed(
        name,
        3,
        epochs,
        status,
        parent=None,
        artifacts="",
        tags=tags,
        started=datetime.now(UTC),
        ended=None,
        seconds=None,
    )


BROKEN = run("broken", status="KILLED", saved=2)
CASES = {
    "nothing there": ([], None, None, False),
    "finished": ([run("a"), run("b")], "b", None, True),
    "finished with more epochs, and with as many": ([run("as many"), run("more", epochs=9)], "as many", None, True),
    "finished with more epochs": ([run("more", epochs=9)], "more", None, True),
    "stopped at the target": ([run("short", epochs=2, stopped="target_val_acc")], "short", None, True),
    "finished with fewer epochs": ([run("short", epochs=3, saved=3)], "short", None, False),
    "broken off": ([BROKEN], "broken", "broken", False),
    "broken off before a checkpoint": ([run("a", status="FAILED")], "a", "a", False),
    "running, but its process is gone": ([run("a", status="RUNNING", saved=4)], "a", "a", False),
    "broken off, and further in another": ([BROKEN, run("short", epochs=4, saved=4)], "short", None, False),
    "broken off twice": ([run("a", status="KILLED", saved=3), BROKEN], "a", "a", False),
    "broken off with other epochs": ([run("long", epochs=9, status="KILLED", saved=4)], "long", None, False),
    "broken off beyond": ([run("long", epochs=9, status="KILLED", saved=7)], None, None, False),
    "finished, and broken off later": ([run("a"), BROKEN], "a", None, True),
}


@pytest.mark.parametrize(("runs", "source", "own_run", "done"), CASES.values(), ids=CASES)
def test_choosing(runs: list[StoredSeed], source: str | None, own_run: str | None, done: bool) -> None:
    start = choose(3, 5, runs, in_place=True)
    assert (start.source.id if start.source else None, start.own_run, start.done) == (source, own_run, done)
    assert not start.busy


def test_a_run_that_a_living_process_trains_is_left_to_it() -> None:
    start = choose(3, 5, [BROKEN, run("alive", status="RUNNING")._replace(tags=ALIVE)], in_place=True)
    assert start.busy
    assert f"left to process {ALIVE['layerwise.pid']}" in str(start)


def test_a_process_on_another_host_lives_while_its_heart_beats() -> None:
    elsewhere = signs_of_life() | {"layerwise.host": "elsewhere"}
    assert run("a", status="RUNNING")._replace(tags=elsewhere).busy
    silent = elsewhere | {"layerwise.heartbeat": str(time.time() - 3600)}
    assert not run("a", status="RUNNING")._replace(tags=silent).busy


def test_a_number_that_was_given_to_another_process_is_not_alive() -> None:
    another = ALIVE | {"layerwise.process_started": "1"}
    assert not run("a", status="RUNNING")._replace(tags=another).busy


def test_a_stopped_process_that_another_command_has_marked_as_killed_still_has_its_seed() -> None:
    assert run("a", status="KILLED")._replace(tags=ALIVE).busy


def test_a_run_whose_process_may_still_live_is_copied_and_not_resumed_in() -> None:
    """A frozen machine, a closed laptop, the other half of a network: the process may come back and write to it."""
    silent = BROKEN.tags | ALIVE | {"layerwise.host": "elsewhere", "layerwise.heartbeat": str(time.time() - 3600)}
    for tags in (silent, BROKEN.tags | ALIVE | FENCED):
        start = choose(3, 5, [BROKEN._replace(tags=tags)], in_place=True)
        assert (start.source.id, start.own_run, start.busy) == ("broken", None, False)


CODE = {"layerwise.commit": "b", "layerwise.machine": "m, 2 threads"}


@pytest.mark.parametrize(
    ("logged", "cpu", "now", "in_place"),
    [
        (2, False, {}, True),
        (3, True, CODE, True),
        (3, False, CODE, False),
        (3, True, CODE | {"layerwise.commit": "c"}, False),
        (3, True, CODE | {"layerwise.machine": "m, 4 threads"}, False),
    ],
    ids=["nothing after the checkpoint", "the same bits", "a GPU", "other code", "other threads"],
)
def test_logged_epochs_after_the_checkpoint_stand_where_they_can_be_repeated_alone(
    logged: int, cpu: bool, now: dict[str, str], in_place: bool
) -> None:
    source = BROKEN._replace(tags=BROKEN.tags | CODE | {"layerwise.commit": "a; from epoch 2: b"})
    start = choose(3, 5, [source], in_place=True)
    assert (start.where_repeatable(2, logged, now, cpu=cpu).own_run == "broken") is in_place


def test_without_a_run_of_its_own_a_broken_one_is_copied() -> None:
    start = choose(3, 5, [BROKEN], in_place=False)
    assert (start.source, start.own_run) == (BROKEN, None)
    assert str(start) == "seed 3: resumes after epoch 2, from the run broken"


def test_slots_take_turns_whatever_the_interval() -> None:
    assert [slot_of(epoch, 1) for epoch in (1, 2, 3)] == ["slot-a.pt", "slot-b.pt", "slot-a.pt"]
    assert [slot_of(epoch, 10) for epoch in (10, 13, 20, 30)] == ["slot-a.pt", "slot-b.pt", "slot-b.pt", "slot-a.pt"]


def test_tags_name_the_slots_and_nonsense_names_none() -> None:
    tags = slot_tag("slot-a.pt", 3, "a" * 64) | slot_tag("slot-b.pt", 4, "b" * 64)
    assert [(slot.file, slot.epoch, slot.sha256) for slot in slots(tags)] == [
        ("slot-b.pt", 4, "b" * 64),
        ("slot-a.pt", 3, "a" * 64),
    ]
    assert slots({"layerwise.checkpoint.slot-a": "epoch x sha256 y"}) == []


def test_snapshots_are_taken_at_the_numbers_of_fibonacci() -> None:
    assert [epoch for epoch in range(1, 60) if snapshot_of(epoch)] == [1, 2, 3, 5, 8, 13, 21, 34, 55]
    assert snapshot_of(13) == "weights-0013.pt"
