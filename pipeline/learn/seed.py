"""One seed, from a configuration to a finished run."""

import sys
from functools import partial
from pathlib import Path

import torch

from data.loader import Loader
from data.moments import Moments
from data.prepared import Prepared
from pipeline.config import Config
from pipeline.disk import DiskFull
from pipeline.interrupt import Interrupted
from pipeline.learn.best import Best
from pipeline.learn.checkpoint import Learner
from pipeline.learn.classifier import Classifier
from pipeline.learn.devices import Devices
from pipeline.learn.epochs import epochs_left
from pipeline.learn.levels import level_table
from pipeline.learn.others import devices_of
from pipeline.learn.remaining import remaining_by_epoch
from pipeline.learn.setup import set_up
from pipeline.measure.tracker import layer_weights
from pipeline.progress import Progress
from pipeline.provenance import commit, machine, versions
from pipeline.tracking.background import Background
from pipeline.tracking.checkpoints import INITIAL, State, room_of_snapshots, slot_of, snapshot_of
from pipeline.tracking.models import EXAMPLES, log_model
from pipeline.tracking.outbox import FOLDER, Outbox
from pipeline.tracking.runs import PROVENANCE, SEED, STOPPED, STUDY, Run, open_run
from pipeline.tracking.seeds import SeedLog
from pipeline.tracking.starts import Start
from pipeline.tracking.tables import LEVEL_TABLE


def train_seed(config: Config, start: Start, prepared: Prepared, progress: Progress, study: str | None = None) -> None:
    """Train one seed, from its first epoch or from where another process left it, below the study's run if any."""
    tags = {STUDY: config.study_hash(prepared.manifest.digest), SEED: str(start.seed)}
    made_by = {"commit": commit(), "versions": versions(), "machine": machine()}
    tags |= {tag: made_by[name] for name, tag in PROVENANCE.items()}
    with open_run("seed", f"seed-{start.seed}", tags=tags, parent=study, run_id=start.own_run) as run:
        run.log_params(config.as_text() | {"seed": str(start.seed)})
        run.log_texts(config.files())
        run.log_dataset(prepared.manifest, "train")
        outbox = Outbox(run, Path(config.data_dir) / FOLDER)
        progress.begin(start.seed)
        loaders, learner = set_up(config, start.seed, prepared)
        grouped = config.architecture.grouped(list(learner.start))
        log = SeedLog(run, outbox, grouped.group_of)
        steps, channels = len(loaders["train"]), prepared.manifest.shape[2]
        levels = level_table(config, learner.model, channels=channels, steps=steps, group_of=log.group_of)
        run.log_texts({LEVEL_TABLE: levels})
        with devices_of(config, start.seed) as devices:
            _train(config, start, loaders, learner, devices, progress, log)
        outbox.close(config.server_wait)
        if config.snapshots:
            end = layer_weights(learner.model)
            remaining = remaining_by_epoch(run.artifact_location(""), learner.start, end, last=config.epochs)
            log.log_layers("remaining_distance", remaining)
        _log_best(config, prepared, loaders["train"].moments, run, learner.best)


def _train(
    config: Config,
    start: Start,
    loaders: dict[str, Loader],
    learner: Learner,
    devices: Devices,
    progress: Progress,
    log: SeedLog,
) -> None:
    state = devices.agree(_go_on(config, start, learner, log))
    if config.snapshots:
        print(room_of_snapshots(learner.model, config.epochs))
    reports = epochs_left(config, state, loaders, learner, devices, watch=progress.watch)
    unsaved: dict[str, State] = {}
    try:
        with Background() as background:
            for report in reports:
                progress.report(report)
                state = learner.state(report.epoch)
                slot = {slot_of(report.epoch, config.checkpoint_every): state}
                due = _is_due(config, report.epoch, learner.best)
                files = _snapshot(config, report.epoch, state) | (slot if due else {})
                background.submit(partial(log.log_epoch, report, files))
                unsaved = {} if due else slot  # of an epoch that is being logged, never of one that is not
    except Interrupted:
        try:
            log.save(unsaved)
        except DiskFull as error:
            print(f"the last epoch is not saved: {error}", file=sys.stderr)
        raise
    if learner.best.reaches(config.target_val_acc):
        log.outbox.add_tags({STOPPED: "target_val_acc"})


def _go_on(config: Config, start: Start, learner: Learner, log: SeedLog) -> State | None:
    """Put the log where the run to go on from stood; return the checkpoint that it left, if any."""
    state = start.load()
    if start.own_run is None or state is None:
        log.save({INITIAL: learner.model.state_dict()})
    if start.own_run:
        log.go_on(state)
    elif state:
        log.copy(start.snapshots(), state, slot_of(state["epoch"], config.checkpoint_every))
    return state


def _snapshot(config: Config, epoch: int, state: State) -> dict[str, State]:
    file = snapshot_of(epoch) if config.snapshots else None
    return {file: state["model"]} if file else {}


def _is_due(config: Config, epoch: int, best: Best) -> bool:
    return best.reaches(config.target_val_acc) or epoch % config.checkpoint_every == 0 or epoch == config.epochs


def _log_best(config: Config, prepared: Prepared, moments: Moments, run: Run, best: Best) -> None:
    manifest = prepared.manifest
    network = config.architecture.build(input_channels=manifest.shape[2], num_classes=len(manifest.classes))
    network.load_state_dict(best.weights)
    classifier = Classifier(network, moments)
    images = prepared.x_test[torch.arange(EXAMPLES) % len(prepared.x_test)]  # there may be one alone
    log_model(run, classifier, images.numpy(), classes=manifest.classes, epoch=best.epoch)
