"""One seed, from a configuration to a finished run."""

import sys
from functools import partial
from pathlib import Path

import torch

from data.loader import Loader
from data.moments import Moments
from data.prepared import Prepared
from pipeline.config.settings import Config
from pipeline.console.progress import Progress
from pipeline.host.provenance import commit, history, machine, versions
from pipeline.host.signals import Interrupted
from pipeline.measure.tracker import layer_weights
from pipeline.tracking.background import Background
from pipeline.tracking.checkpoints import INITIAL, State, describe_snapshots, slot_of, snapshot_of
from pipeline.tracking.logged_models import EXAMPLES, log_model
from pipeline.tracking.outbox import FOLDER, Outbox
from pipeline.tracking.resume import Start
from pipeline.tracking.retry import first_line, patiently
from pipeline.tracking.run import PROVENANCE, SECONDS, SEED, STOPPED, STUDY, Run, setting_tag
from pipeline.tracking.runs import open_run
from pipeline.tracking.seed_log import SeedLog
from pipeline.tracking.tables import LEVEL_TABLE
from pipeline.training.best import Best
from pipeline.training.checkpoint import Learner
from pipeline.training.distributed import Devices
from pipeline.training.epochs import epochs_left
from pipeline.training.export import Classifier
from pipeline.training.level_table import level_table
from pipeline.training.setup import set_up
from pipeline.training.snapshots import remaining_by_epoch
from pipeline.training.workers import devices_of


def train_seed(config: Config, start: Start, prepared: Prepared, progress: Progress, study: str | None = None) -> None:
    """Train one seed of a study, from its first epoch or from where another process left it, below the study's run.

    A checkpoint that cannot be had ends it before its run is opened, so that nothing is overwritten.
    """
    state = patiently(start.load, config.server_wait, f"the checkpoint of seed {start.seed}")
    saved = state["epoch"] if state else 0
    logged = max(Run(start.own_run, config.server_wait).history(SECONDS), default=0) if start.own_run else saved
    start = start.where_repeatable(saved, logged, conditions(config), cpu=config.device == "cpu")
    with open_run(
        "seed",
        f"seed-{start.seed}",
        tags=seed_tags(config, prepared, start.seed),
        parent=study,
        run_id=start.own_run,
        patience=config.server_wait,
    ) as run:
        train_in(run, config, start, state, prepared, progress)


def seed_tags(config: Config, prepared: Prepared, seed: int) -> dict[str, str]:
    """Return the tags by which the run of a seed is found."""
    settings = {setting_tag(name): value for name, value in config.deciding().items()}
    return settings | {STUDY: config.study_hash(prepared.manifest.digest), SEED: str(seed)}


def conditions(config: Config) -> dict[str, str]:
    """Return the tags of the code, packages and machine that make the numbers of this process."""
    here = {"commit": commit(), "versions": versions(), "machine": f"{machine()}, {config.threads} threads"}
    return {tag: here[name] for name, tag in PROVENANCE.items()}


def train_in(
    run: Run, config: Config, start: Start, state: State | None, prepared: Prepared, progress: Progress
) -> None:
    """Train one seed in its open run, from the state of a checkpoint if there is one."""
    first = state["epoch"] + 1 if state else 1
    former = start.source.tags if start.source and state else {}
    run.set_tags({tag: history(former.get(tag, ""), now, first) for tag, now in conditions(config).items()})
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
    _resume(config, start, state, learner, log)
    with devices_of(config, start.seed) as devices:
        _train(config, state, loaders, learner, devices, progress, log)
    outbox.close(config.server_wait)
    if config.snapshots:
        end = layer_weights(learner.model)
        remaining = partial(remaining_by_epoch, run.artifact_location(""), learner.start, end, last=config.epochs)
        log.log_layers("remaining_distance", patiently(remaining, config.server_wait, "a snapshot"))
    _log_best(config, prepared, loaders["train"].moments, run, learner.best)


def _train(
    config: Config,
    state: State | None,
    loaders: dict[str, Loader],
    learner: Learner,
    devices: Devices,
    progress: Progress,
    log: SeedLog,
) -> None:
    state = devices.agree(state)
    if config.snapshots:
        print(describe_snapshots(learner.model, config.epochs))
    reports = epochs_left(config, state, loaders, learner, devices, watch=progress.watch)
    unsaved: dict[str, State] = {}
    try:
        with Background() as background:
            for report in reports:
                progress.show_epoch(report.epoch, report.losses, report.accuracies, report.seconds)
                state = learner.state(report.epoch)
                slot = {slot_of(report.epoch, config.checkpoint_every): state}
                due = _is_due(config, report.epoch, learner.best)
                files = _snapshot(config, report.epoch, state) | (slot if due else {})
                background.submit(partial(log.log_epoch, report, files))
                unsaved = {} if due else slot  # of an epoch that is being logged, never of one that is not
    except Interrupted:
        try:
            log.save(unsaved)
        except Exception as error:  # the process was asked to end, whatever the store says
            print(f"the last epoch is not saved: {first_line(error)}", file=sys.stderr)
        raise
    if learner.best.reaches(config.target_val_acc):
        log.outbox.add_tags({STOPPED: "target_val_acc"})


def _resume(config: Config, start: Start, state: State | None, learner: Learner, log: SeedLog) -> None:
    """Bring the log to where the state is; the first upload shows whether the store takes files of this size."""
    if start.own_run is None or state is None:
        log.save({INITIAL: learner.model.state_dict()})
    if start.own_run:
        log.resume(state, list(learner.start))
    elif state:
        last, what = state["epoch"], f"a file of seed {start.seed}"
        kept = patiently(partial(start.snapshots, last), config.server_wait, what)
        before = patiently(partial(start.load_before, last), config.server_wait, what)
        log.copy(kept, before, state, slot_of(last, config.checkpoint_every))


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
    log = partial(log_model, run, classifier, images.numpy(), classes=manifest.classes, epoch=best.epoch)
    patiently(log, config.server_wait, "the best model")
