"""One process a seed: two who start the same study at once do not train the same seed.

MLflow has no compare-and-swap, so this is Lamport's bakery (1974), which needs none: who wants a seed writes a ticket
greater than all it sees to a tag of its own run, and the lowest ticket has it. Tickets of dead processes do not count.
"""

import time

import mlflow

from pipeline.tracking.liveness import is_alive
from pipeline.tracking.runs import STUDY, Run
from pipeline.tracking.store import search

CLAIM = "layerwise.claim"
CHOOSING = "choosing"
POLL_SECONDS = 0.1


class Claims:
    """The seeds that a run, `owner`, has for itself among all that have the same settings."""

    def __init__(self, owner: Run, study_hash: str) -> None:
        self.owner, self.study_hash = owner, study_hash
        self.client = mlflow.MlflowClient()

    def take(self, seed: int) -> bool:
        """Return whether the seed is this run's now; it stays so until `release`, or the end of the process."""
        self.owner.set_tags({_key(seed): CHOOSING})
        ticket = 1 + max((int(other) for _id, other in self._others(seed) if other != CHOOSING), default=0)
        self.owner.set_tags({_key(seed): str(ticket)})
        others = self._others(seed)
        while CHOOSING in dict(others).values():
            time.sleep(POLL_SECONDS)
            others = self._others(seed)
        if any((int(other), run_id) < (ticket, self.owner.id) for run_id, other in others):
            self.release(seed)
            return False
        return True

    def release(self, seed: int) -> None:
        self.client.delete_tag(self.owner.id, _key(seed))

    def _others(self, seed: int) -> list[tuple[str, str]]:
        """Return run and ticket of everybody else who wants a seed, or has it."""
        running = search(f"tags.`{STUDY}` = '{self.study_hash}' and attributes.status = 'RUNNING'")
        return [
            (run.info.run_id, run.data.tags[_key(seed)])
            for run in running
            if _key(seed) in run.data.tags and run.info.run_id != self.owner.id and is_alive(run.data.tags)
        ]


def _key(seed: int) -> str:
    return f"{CLAIM}.{seed}"
