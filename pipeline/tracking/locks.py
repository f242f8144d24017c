"""One lock a seed: processes that start at the same time do not train the same seed twice.

MLflow has no compare-and-swap. Lamport's bakery (1974) needs none: a process that wants a seed writes a ticket greater
than all it sees to a tag of its own run; the lowest ticket holds the lock. Tickets of dead processes do not count.
"""

import time

from mlflow.exceptions import MlflowException

from pipeline.tracking.heartbeat import is_alive
from pipeline.tracking.run import STUDY, Run
from pipeline.tracking.store import search

LOCK = "layerwise.lock"
CHOOSING = "choosing"
POLL_SECONDS = 0.1
CHOOSING_SECONDS = 20.0  # a process that takes longer to choose is stopped or slow: the caller tries again later


class SeedLocks:
    """The locks that a run, `owner`, holds among all runs with the same settings."""

    def __init__(self, owner: Run, study_hash: str) -> None:
        self.owner, self.study_hash = owner, study_hash

    def acquire(self, seed: int) -> bool:
        """Return whether the lock of a seed was acquired; it is held until `release`, or the end of the process."""
        until = time.monotonic() + CHOOSING_SECONDS
        self.owner.set_tags({_key(seed): CHOOSING})
        ticket = 1 + max((int(other) for _id, other in self._others(seed) if other != CHOOSING), default=0)
        self.owner.set_tags({_key(seed): str(ticket)})
        others = self._others(seed)
        while CHOOSING in dict(others).values():
            if time.monotonic() > until:
                self.release(seed)
                return False
            time.sleep(POLL_SECONDS)
            others = self._others(seed)
        if any((int(other), run_id) < (ticket, self.owner.id) for run_id, other in others):
            self.release(seed)
            return False
        return True

    def release(self, seed: int) -> None:
        """Release a seed; releasing it again, after a lost answer, does nothing."""
        try:
            self.owner.client.delete_tag(self.owner.id, _key(seed))
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise

    def _others(self, seed: int) -> list[tuple[str, str]]:
        """Return run and ticket of every other process that waits for a seed or holds it."""
        wanting = search(f"tags.`{STUDY}` = '{self.study_hash}' and tags.`{_key(seed)}` LIKE '%'")
        return [
            (run.info.run_id, run.data.tags[_key(seed)])
            for run in wanting  # whatever their status: another command may have marked a stopped process as KILLED
            if _key(seed) in run.data.tags and run.info.run_id != self.owner.id and is_alive(run.data.tags)
        ]


def _key(seed: int) -> str:
    return f"{LOCK}.{seed}"
