"""Where a seed starts, chosen from all of its runs."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from pipeline.tracking.checkpoints import CHECKPOINTS
from pipeline.tracking.heartbeat import FENCED, identity, signs_of_life
from pipeline.tracking.local_checkpoints import LocalCheckpoints
from pipeline.tracking.outbox import OWNERS
from pipeline.tracking.queries import StoredSeed
from pipeline.tracking.resume import choose
from pipeline.tracking.run import Run
from pipeline.tracking.slots import slot_tag

ALIVE, GONE = signs_of_life(), signs_of_life() | {"layerwise.pid": "999999999"}


def run(name: str, *, epochs: int = 5, status: str = "FINISHED", saved: int = 0, **tags: str) -> StoredSeed:
    checkpoint = slot_tag("slot-a.pt", saved, "0" * 64) if saved else {}
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
    start = choose(3, 5, runs)
    assert (start.source.id if start.source else None, start.own_run, start.done) == (source, own_run, done)
    assert not start.busy


def test_a_run_that_a_living_process_trains_is_left_to_it() -> None:
    start = choose(3, 5, [BROKEN, run("alive", status="RUNNING")._replace(tags=ALIVE)])
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
        start = choose(3, 5, [BROKEN._replace(tags=tags)])
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
    monkeypatch: pytest.MonkeyPatch, logged: int, cpu: bool, now: dict[str, str], in_place: bool
) -> None:
    source = BROKEN._replace(tags=BROKEN.tags | CODE | {"layerwise.commit": "a; from epoch 2: b"})
    start = choose(3, 5, [source])
    monkeypatch.setattr(Run, "history", lambda _run, _key: {logged: 1.0})
    assert (start.where_repeatable({"epoch": 2}, now, cpu=cpu).own_run == "broken") is in_place


def test_without_a_run_of_its_own_a_broken_one_is_copied() -> None:
    start = choose(3, 5, [BROKEN], in_place=False)
    assert (start.source, start.own_run) == (BROKEN, None)
    assert str(start) == "seed 3: resumes after epoch 2, from the run broken"


@pytest.fixture
def kept(tmp_path: Path) -> Callable[..., None]:
    """Return a writer of local checkpoints of a run, as a process that the tags name would write them."""

    def keep(run_id: str, *epochs: int, owner: dict[str, str]) -> None:
        local = LocalCheckpoints(tmp_path / run_id / CHECKPOINTS, run_id)
        for epoch in epochs:
            local.write({"epoch": epoch, "model": torch.ones(2), "best": {"epoch": 1, "model": torch.zeros(2)}})
        (tmp_path / run_id / OWNERS).write_text(json.dumps([owner]))

    return keep


def test_a_checkpoint_on_the_local_disk_that_is_newer_than_the_uploaded_one_is_resumed(
    kept: Callable[..., None], tmp_path: Path
) -> None:
    kept("broken", 3, 4, owner=identity())
    start, state = choose(3, 5, [BROKEN], outboxes=tmp_path).load()
    assert (start.own_run, start.epoch, state["epoch"]) == ("broken", 4, 4)


def test_local_checkpoints_of_a_run_that_another_process_has_written_to_since_do_not_count(
    kept: Callable[..., None], tmp_path: Path
) -> None:
    kept("broken", 4, owner=identity() | {"layerwise.host": "elsewhere"})
    assert choose(3, 5, [BROKEN], outboxes=tmp_path).epoch == 2


def test_a_damaged_checkpoint_is_skipped_for_the_one_before_and_reported(
    kept: Callable[..., None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept("broken", 3, 4, owner=identity())
    next((tmp_path / "broken" / CHECKPOINTS).glob("000004-*")).write_bytes(b"damaged")
    start, state = choose(3, 5, [BROKEN], outboxes=tmp_path).load()
    assert (start.own_run, state["epoch"]) == ("broken", 3)
    assert "the checkpoint of epoch 4" in caplog.text
    assert "is damaged: its sha256 differs" in caplog.text


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"x")], ids=["missing", "damaged"])
def test_without_its_best_weights_a_local_checkpoint_is_damaged(
    kept: Callable[..., None], tmp_path: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], object]
) -> None:
    kept("broken", 4, owner=identity())
    harm(next((tmp_path / "broken" / CHECKPOINTS).glob("best-*")))
    _start, state = choose(3, 5, [BROKEN._replace(tags=identity() | GONE)], outboxes=tmp_path).load()
    assert state is None
    assert "is damaged: its best weights (best-" in caplog.text


def test_the_checkpoint_of_another_run_is_resumed_in_a_new_run_where_those_of_the_own_run_are_damaged(
    kept: Callable[..., None], tmp_path: Path
) -> None:
    kept("broken", 4, owner=identity())
    kept("other", 1, owner=identity())
    next((tmp_path / "broken" / CHECKPOINTS).glob("0*.pt")).write_bytes(b"damaged")
    other = run("other", epochs=9, status="KILLED")
    own = BROKEN._replace(tags=identity() | GONE)
    start, state = choose(3, 5, [other, own], outboxes=tmp_path).load()
    assert (start.own_run, start.source.id, state["epoch"]) == (None, "other", 1)


def test_no_whole_checkpoint_means_from_the_start(
    kept: Callable[..., None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept("broken", 4, owner=identity())
    next((tmp_path / "broken" / CHECKPOINTS).glob("0*.pt")).write_bytes(b"damaged")
    own = BROKEN._replace(tags=identity() | GONE)
    start, state = choose(3, 5, [own], outboxes=tmp_path).load()
    assert (start.own_run, state) == ("broken", None)
    assert "seed 3: no checkpoint is whole: trained from the start" in caplog.text
