"""Where each seed of a study starts: reused, resumed in its own run, resumed from another run, or from the start."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pipeline.host.provenance import newest
from pipeline.tracking.checkpoints import State, newest_whole, read_snapshots
from pipeline.tracking.heartbeat import HOST, PID, is_gone
from pipeline.tracking.queries import StoredSeed


class Start(NamedTuple):
    """How a seed starts. `source` is the run that it reuses; `own_run` is that run's id where it resumes in it."""

    seed: int
    epochs: int
    source: StoredSeed | None = None
    own_run: str | None = None
    done: bool = False
    busy: bool = False

    def __str__(self) -> str:
        if self.source is None:
            how = "left to another process, which has claimed it" if self.busy else "trained from the start"
            return f"seed {self.seed}: {how}"
        if self.busy:
            process = f"process {self.source.tags[PID]} on {self.source.tags[HOST]}"
            return f"seed {self.seed}: left to {process}, which trains it in the run {self.source.id}"
        if self.done:
            return f"seed {self.seed}: reused, finished in the run {self.source.id}"
        newest = self.source.newest(self.epochs)
        where = f"resumes after epoch {newest}" if newest else "trained from the start"
        return f"seed {self.seed}: {where}, {'in' if self.own_run else 'from'} the run {self.source.id}"

    def load(self, say: Callable[[str], None] = print) -> State | None:
        """Return the newest whole checkpoint to resume from, and report damaged ones.

        Raise what `newest_whole` raises where one cannot be downloaded.
        """
        state = self._load(self.epochs, say)
        if state is None and self.source and self.source.checkpoints:
            say(f"seed {self.seed}: no checkpoint is whole: trained from the start")
        return state

    def load_before(self, epoch: int, say: Callable[[str], None] = print) -> State | None:
        """Return the whole checkpoint before the one of an epoch, the one to fall back to."""
        return self._load(epoch - 1, say)

    def _load(self, last: int, say: Callable[[str], None]) -> State | None:
        return newest_whole(self.source.artifacts, self.source.tags, last=last, say=say) if self.source else None

    def where_repeatable(self, saved: int, logged: int, now: Mapping[str, str], *, cpu: bool) -> "Start":
        """Return it, or, with a new run, where its own run has logged epochs after the saved one that may not repeat.

        Such epochs are trained again, but their metrics stand. They are the same to the last bit on a CPU, `cpu`, and
        under the same conditions, `now`: code, packages, machine and threads, as the tags of the run have them.
        """
        source = self.source.tags if self.source else {}
        same = all(newest(source.get(tag, "")) == value for tag, value in now.items())
        return self if logged <= saved or (cpu and same) else self._replace(own_run=None)

    def snapshots(self, last: int, say: Callable[[str], None] = print) -> dict[str, State]:
        """Return the weights that the source has kept, by file, up to the epoch to resume from."""
        if self.source is None:
            return {}
        return {file: state for _epoch, file, state in read_snapshots(self.source.artifacts, last=last, say=say)}


def choose(seed: int, epochs: int, runs: Sequence[StoredSeed], *, in_place: bool) -> Start:
    """Choose among all runs of a seed with the same settings, in the order in which they started; newer ones win ties.

    Reuse a finished run with at least `epochs` epochs, or that reached its target, with exactly as many first. Resume
    an unfinished run of as many epochs in place, where `in_place` allows it and its process is certainly gone. Copy any
    other as far as it goes: the params of a run cannot be changed, and a process that may live could write to it.
    """
    newest_first = list(reversed(runs))
    done = [run for run in newest_first if run.finished and (run.epochs >= epochs or run.reached_target)]
    if done:
        return Start(seed, epochs, source=max(done, key=lambda run: run.epochs == epochs), done=True)
    if busy := [run for run in newest_first if run.busy]:
        return Start(seed, epochs, source=busy[0], busy=True)
    broken = [run for run in newest_first if not run.finished and run.epochs == epochs and is_gone(run.tags)]
    if broken and in_place:
        own = max(broken, key=lambda run: run.newest(epochs))
        if own.newest(epochs) >= max(run.newest(epochs) for run in runs):
            return Start(seed, epochs, source=own, own_run=own.id)
    ahead = [run for run in newest_first if run.newest(epochs)]
    return Start(seed, epochs, source=max(ahead, key=lambda run: run.newest(epochs), default=None))
