"""Where each seed of a study starts: taken over, in its own run where it was broken off, from another run, or anew."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipeline.tracking.checkpoints import State, load_file, newest_whole, snapshots
from pipeline.tracking.liveness import HOST, PID
from pipeline.tracking.stored import StoredSeed


class Start(NamedTuple):
    """How a seed starts. `source` is the run it has something from; `own_run` that run's id where it goes on in it."""

    seed: int
    epochs: int
    source: StoredSeed | None = None
    own_run: str | None = None
    done: bool = False
    busy: bool = False

    def __str__(self) -> str:
        if self.source is None:
            return f"seed {self.seed}: {'left to another study that runs' if self.busy else 'trained from the start'}"
        if self.busy:
            process = f"process {self.source.tags[PID]} on {self.source.tags[HOST]}"
            return f"seed {self.seed}: left to {process}, which trains it in the run {self.source.id}"
        if self.done:
            return f"seed {self.seed}: taken over, finished in the run {self.source.id}"
        newest = self.source.newest(self.epochs)
        where = f"goes on after epoch {newest}" if newest else "trained from the start"
        return f"seed {self.seed}: {where}, {'in' if self.own_run else 'from'} the run {self.source.id}"

    def load(self, say: Callable[[str], None] = print) -> State | None:
        """Return the newest whole checkpoint to go on from, and say which ones are damaged."""
        if self.source is None:
            return None
        state = newest_whole(self.source.artifacts, self.source.tags, last=self.epochs, say=say)
        if state is None and self.source.checkpoints:
            say(f"seed {self.seed}: no checkpoint is whole: trained from the start")
        return state

    def snapshots(self) -> dict[str, State]:
        """Return the weights that the source has kept of the epochs to go on from."""
        if self.source is None:
            return {}
        artifacts = self.source.artifacts
        kept = snapshots(artifacts, last=self.source.newest(self.epochs))
        return {file: load_file(artifacts, file) for file in kept.values()}


def choose(seed: int, epochs: int, runs: Sequence[StoredSeed], *, in_place: bool) -> Start:
    """Choose among all runs of a seed with the same settings, in the order in which they started; newer ones win ties.

    A finished one that ran at least so many epochs is taken over, the newest of those that were asked for as many
    first. A run that was asked for as many and was broken off goes on, where `in_place` allows it; one that was asked
    for another number is copied as far as it goes, for the params of a run cannot be changed.
    """
    newest_first = list(reversed(runs))
    done = [run for run in newest_first if run.finished and (run.epochs >= epochs or run.reached_target)]
    if done:
        return Start(seed, epochs, source=max(done, key=lambda run: run.epochs == epochs), done=True)
    if busy := [run for run in newest_first if run.busy]:
        return Start(seed, epochs, source=busy[0], busy=True)
    broken = [run for run in newest_first if not run.finished and run.epochs == epochs]
    if broken and in_place:
        own = max(broken, key=lambda run: run.newest(epochs))
        if own.newest(epochs) >= max(run.newest(epochs) for run in runs):
            return Start(seed, epochs, source=own, own_run=own.id)
    ahead = [run for run in newest_first if run.newest(epochs)]
    return Start(seed, epochs, source=max(ahead, key=lambda run: run.newest(epochs), default=None))
