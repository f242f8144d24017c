"""How each seed begins: reused, resumed in its own run, resumed from another run, or trained from the start."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import mlflow
from mlflow.exceptions import MlflowException

from pipeline.host.provenance import made_after, made_up_to
from pipeline.tracking.checkpoints import CHECKPOINTS, Checkpoint, Damaged, State
from pipeline.tracking.heartbeat import HOST, PID, is_gone
from pipeline.tracking.limits import listed
from pipeline.tracking.local_checkpoints import local_checkpoints
from pipeline.tracking.outbox import is_current
from pipeline.tracking.queries import StoredSeed
from pipeline.tracking.run import PARENT, SECONDS, Run, as_measured
from pipeline.tracking.snapshots import read_snapshots

log = logging.getLogger(__name__)


class Candidate(NamedTuple):
    """A checkpoint to resume from, and the run that it belongs to."""

    run: StoredSeed
    checkpoint: Checkpoint


class Start(NamedTuple):
    """How a seed begins. `source` is the run that it reuses or resumes; `own_run` is that run's id if it stays in it.

    `candidates` are the checkpoints to resume from, the preferred one first.
    """

    seed: int
    epochs: int
    source: StoredSeed | None = None
    own_run: str | None = None
    done: bool = False
    busy: bool = False
    candidates: tuple[Candidate, ...] = ()

    @property
    def epoch(self) -> int:
        """The epoch of the newest checkpoint to resume from, or 0."""
        return self.candidates[0].checkpoint.epoch if self.candidates else 0

    def __str__(self) -> str:
        if self.source is None:
            how = "left to another process, which has locked it" if self.busy else "trained from the start"
            return f"seed {self.seed}: {how}"
        if self.busy:
            process = f"process {self.source.tags[PID]} on {self.source.tags[HOST]}"
            return f"seed {self.seed}: left to {process}, which trains it in the run {self.source.id}"
        if self.done:
            return f"seed {self.seed}: reused, finished in the run {self.source.id}"
        where = f"resumes after epoch {self.epoch}" if self.candidates else "trained from the start"
        return f"seed {self.seed}: {where}, {'in' if self.own_run else 'from'} the run {self.source.id}"

    def load(self) -> tuple["Start", State | None]:
        """Return the state of the newest whole checkpoint, and the start from it; report damaged checkpoints.

        Raise StoreError, DiskFull, or what the store raises in an outage, if one cannot be downloaded.
        """
        for run, checkpoint in self.candidates:
            try:
                state = checkpoint.load()
            except Damaged as error:
                log.warning("the checkpoint of epoch %s (%s) is damaged: %s", checkpoint.epoch, checkpoint.name, error)
                continue
            return self._replace(source=run, own_run=run.id if run.id == self.own_run else None), state
        if self.candidates:
            log.warning("seed %s: no checkpoint is whole: trained from the start", self.seed)
        return self, None

    def where_repeatable(
        self, state: State | None, now: Mapping[str, str], *, cpu: bool, patience: float = 0
    ) -> "Start":
        """Return it, or, with a new run, where its own run has logged epochs after the state that may not repeat.

        Such epochs are trained again, but their metrics stay. They are the same to the last bit on a CPU, `cpu`, and
        under the same conditions, `now`: code, packages, machine and threads, as the tags of the run have them.
        """
        if not (self.own_run and self.source):
            return self
        saved = state["epoch"] if state else 0
        logged = max(Run(self.own_run, patience).history(SECONDS), default=0)
        same = cpu and all(made_after(self.source.tags.get(tag, ""), saved) == {value} for tag, value in now.items())
        return self if same or logged <= saved else self._replace(own_run=None)

    def lacks(self, asked: Mapping[str, str]) -> list[str]:
        """Return the settings by which its epochs so far were not measured, of those that ask for measurements."""
        last = self.epochs if self.done or self.busy else self.epoch
        record = self.source.measured if self.source else ""
        former = [dict(each.split("=") for each in text.split()) for text in made_up_to(record, last) if record]
        return [
            as_measured({name: value})
            for name, value in asked.items()
            if value not in ("none", "false") and not all(_covers(had.get(name, ""), name, value) for had in former)
        ]

    def snapshots(self, last: int) -> dict[str, State]:
        """Return the snapshots of the source, by file, up to epoch `last`."""
        if self.source is None:
            return {}
        return {file: state for _epoch, file, state in read_snapshots(self.source.artifacts, last=last)}


def choose(
    seed: int, epochs: int, runs: Sequence[StoredSeed], *, in_place: bool = True, outboxes: Path | None = None
) -> Start:
    """Choose among all runs of a seed with the same settings, in the order in which they started; newer ones win ties.

    Reuse a finished run with at least `epochs` epochs, or that reached its target, with exactly as many first. Resume
    an unfinished run of as many epochs in place, where `in_place` allows it and its process is certainly gone. Copy the
    epochs of any other: the params of a run cannot be changed, and a process that may live could write to it.
    `outboxes` is where this machine keeps checkpoints.
    """
    newest_first = list(reversed(runs))
    done = [run for run in newest_first if run.has(epochs)]
    if done:
        source = max(done, key=lambda run: run.epochs == epochs)
        return Start(seed, epochs, source, done=True, candidates=tuple(_candidates(source, epochs, outboxes)))
    if busy := next((run for run in newest_first if run.busy), None):
        return Start(seed, epochs, busy, busy=True, candidates=tuple(_candidates(busy, epochs, outboxes)))
    found = [each for run in newest_first for each in _candidates(run, epochs, outboxes)]
    candidates = sorted(found, key=lambda each: -each.checkpoint.epoch)
    reached = {run.id: 0 for run in runs} | {run.id: checkpoint.epoch for run, checkpoint in reversed(candidates)}
    interrupted = [run for run in newest_first if not run.finished and run.epochs == epochs and is_gone(run.tags)]
    if interrupted and in_place:
        own = max(interrupted, key=lambda run: reached[run.id])
        if reached[own.id] >= max(reached.values()):
            candidates.sort(key=lambda each: (-each.checkpoint.epoch, each.run.id != own.id))
            return Start(seed, epochs, source=own, own_run=own.id, candidates=tuple(candidates))
    ahead = candidates[0].run if candidates else None
    return Start(seed, epochs, source=ahead, candidates=tuple(candidates))


def _candidates(run: StoredSeed, epochs: int, outboxes: Path | None) -> Iterator[Candidate]:
    """Yield the checkpoints of a run up to an epoch, local ones first: they need no download.

    Local ones do not count where another process has written to the run since.
    """
    outbox = outboxes / run.id if outboxes else None
    local = local_checkpoints(outbox / CHECKPOINTS, run.id) if outbox and is_current(outbox, run.tags) else []
    for checkpoint in (*local, *run.checkpoints):
        if checkpoint.epoch <= epochs:
            yield Candidate(run, checkpoint)


def _covers(had: str, name: str, asked: str) -> bool:
    """Return whether a setting measured what is asked; more samples of the same quantity do, and `auto` takes any."""
    if had == asked or name != "step_angle_every":
        return had == asked
    return had.isdecimal() and (asked == "auto" or int(had) <= int(asked))


def warn_of_lacking(starts: Sequence[Start], asked: Mapping[str, str]) -> None:
    """Report settings that ask for measurements which the epochs of seeds that are reused or resumed do not have."""
    lacking: dict[str, list[str]] = {}
    for start in starts:
        if lacks := start.lacks(asked):
            resumed = not (start.done or start.busy)
            seed = f"{start.seed} (epochs 1 to {start.epoch})" if resumed else str(start.seed)
            lacking.setdefault(", ".join(lacks), []).append(seed)
    for settings, seeds in lacking.items():
        log.warning(
            "seed%s %s: trained without %s, which only training can measure: fresh=true trains every seed again",
            *("s" * (len(seeds) > 1), listed(seeds), settings),
        )


def reuse(study: Run, seeds: Sequence[StoredSeed]) -> list[tuple[int, str]]:
    """Show the runs of seeds below a study's run in MLflow, unless they are below a newer one.

    Return seed and former study of those that move. Nothing is computed from where they are shown.
    """
    started = study.client.get_run(study.id).info.start_time
    moved = []
    for seed in seeds:
        if seed.parent == study.id or (seed.parent and _started(study.client, seed.parent) > started):
            continue
        study.client.set_tag(seed.id, PARENT, study.id)
        if seed.parent:
            moved.append((seed.number, seed.parent))
    return moved


def _started(client: mlflow.MlflowClient, run_id: str) -> int:
    try:
        started: int = client.get_run(run_id).info.start_time
    except MlflowException:  # it is deleted for good
        return 0
    return started
