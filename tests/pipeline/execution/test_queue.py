"""The queue of a study whose seeds others train as well."""

import pytest

from pipeline.config.resolve import load_config
from pipeline.execution.queue import Queue
from pipeline.tracking.locks import SeedLocks
from pipeline.tracking.run import STUDY
from pipeline.tracking.runs import open_run

HASH = "abc"


@pytest.mark.usefixtures("store")
def test_queue_releases_finished_seeds_while_waiting_for_another_owner() -> None:
    """Who waits for another, and keeps what the other waits for, would wait for ever."""
    config = load_config({"seeds": "0,7", "dataset": "Digits"})
    with (
        open_run("study", "mine", tags={STUDY: HASH}) as mine,
        open_run("study", "theirs", tags={STUDY: HASH}, parent=mine.id) as theirs,
    ):
        others = SeedLocks(theirs, HASH)
        assert others.acquire(7)
        queue = Queue(config, HASH, mine)

        def pause(_seconds: float) -> None:
            queue.release(0)
            assert others.acquire(0)
            others.release(7)

        assert [start.seed for start in queue.starts(pause)] == [0, 7]


@pytest.mark.usefixtures("store")
def test_a_fresh_study_counts_what_has_begun_since_whoever_has_it_by_now() -> None:
    config = load_config({"seeds": "0", "dataset": "Digits", "fresh": "true"})

    def seed(parent: str) -> None:
        with open_run("seed", "seed-0", tags={STUDY: HASH, "layerwise.seed": "0"}, parent=parent) as run:
            run.log_params(config.as_text() | {"seed": "0"})

    with open_run("study", "mine", tags={STUDY: HASH}) as mine:
        queue = Queue(config, HASH, mine)
        assert queue._runs() == []
        seed("another's, by now")
        assert [run.number for run in queue._runs()] == [0]
    with open_run("study", "later", tags={STUDY: HASH}) as later:
        assert Queue(config, HASH, later)._runs() == []
