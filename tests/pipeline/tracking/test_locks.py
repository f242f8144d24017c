"""Two owners that want the lock of the same seed at the same moment: one gets it."""

import os
import threading

import mlflow
import pytest

from pipeline.tracking import locks
from pipeline.tracking.heartbeat import HEARTBEAT, HOST, PID, RELEASED, signs_of_life
from pipeline.tracking.locks import CHOOSING, SeedLocks
from pipeline.tracking.run import STUDY, Run
from pipeline.tracking.runs import open_run

pytestmark = pytest.mark.usefixtures("store")


def study() -> Run:
    """A study that runs, and belongs to this process."""
    with open_run("study", "Net-Set", tags={STUDY: "abc"}) as run:
        pass
    run.client.update_run(run.id, status="RUNNING")
    run.set_tags(signs_of_life())
    return run


def test_one_of_many_concurrent_owners_gets_the_lock() -> None:
    claims = [SeedLocks(study(), "abc") for _study in range(4)]
    for seed in range(3):
        gate, taken = threading.Barrier(len(claims)), []

        def take(claim: SeedLocks, seed: int = seed, gate: threading.Barrier = gate, taken: list = taken) -> None:
            gate.wait()
            if claim.acquire(seed):
                taken.append(claim)

        threads = [threading.Thread(target=take, args=(claim,)) for claim in claims]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(taken) == 1


def test_a_seed_is_held_until_it_is_released_and_others_are_free() -> None:
    one, other = SeedLocks(study(), "abc"), SeedLocks(study(), "abc")
    assert one.acquire(3)
    assert not other.acquire(3)
    assert other.acquire(4)
    one.release(3)
    assert other.acquire(3)


@pytest.mark.parametrize("ticket", ["1", CHOOSING])
def test_what_dead_processes_claimed_does_not_count(ticket: str) -> None:
    dead = study()
    dead.set_tags({"layerwise.lock.3": ticket, PID: "999999999"})
    assert SeedLocks(study(), "abc").acquire(3)


def test_other_settings_and_ended_studies_do_not_count() -> None:
    ended = study()
    assert SeedLocks(ended, "abc").acquire(3)
    ended.set_tags(RELEASED)  # as a run does when it ends
    other_settings = study()
    other_settings.set_tags({STUDY: "def", "layerwise.lock.3": "1"})
    assert SeedLocks(study(), "abc").acquire(3)


def test_an_open_run_identifies_its_process() -> None:
    with open_run("study", "Net-Set") as run:
        tags = mlflow.get_run(run.id).data.tags
    assert tags[PID] == str(os.getpid())
    assert float(tags[HEARTBEAT]) > 0


def test_releasing_a_seed_again_after_a_lost_answer_does_nothing() -> None:
    locks = SeedLocks(study(), "abc")
    assert locks.acquire(3)
    locks.release(3)
    locks.release(3)
    assert locks.acquire(3)


def test_a_process_that_never_ends_choosing_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "CHOOSING_SECONDS", 0.3)
    stopped = study()
    stopped.set_tags({"layerwise.lock.3": CHOOSING})
    mine = study()
    assert not SeedLocks(mine, "abc").acquire(3)
    assert "layerwise.lock.3" not in mine.tags(), "others need not wait for it in turn"
    stopped.set_tags({HOST: "elsewhere", HEARTBEAT: "0"})
    assert SeedLocks(mine, "abc").acquire(3)
