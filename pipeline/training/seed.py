"""One seed, from a configuration to a finished run."""

import logging
from collections.abc import Callable, Mapping
from functools import partial

from data.prepared import Prepared
from pipeline.config.folders import outbox_folder
from pipeline.config.settings import Config
from pipeline.console.errors import Failure
from pipeline.console.progress import Progress
from pipeline.host.hardware import machine
from pipeline.host.provenance import commit, history, versions
from pipeline.host.signals import Interrupted
from pipeline.measure import layer_weights
from pipeline.measure.weights import Weights
from pipeline.tracking.background import Background
from pipeline.tracking.checkpoints import INITIAL, State
from pipeline.tracking.dataset_log import log_dataset
from pipeline.tracking.outbox import Outbox, add_owner
from pipeline.tracking.resume import Start
from pipeline.tracking.retry import first_line, patiently
from pipeline.tracking.run import MEASURED, PROVENANCE, SEED, STOPPED, STUDY, Run, as_measured, setting_tag
from pipeline.tracking.runs import open_run
from pipeline.tracking.seed_log import SeedLog
from pipeline.tracking.snapshots import describe_snapshots, remaining_by_epoch, snapshot_of
from pipeline.tracking.tables import LEVEL_TABLE
from pipeline.training.distributed import Devices
from pipeline.training.epoch_result import EpochResult
from pipeline.training.export import log_best_model
from pipeline.training.launch import devices_of
from pipeline.training.level_table import level_table
from pipeline.training.setup import make_trainer, new_network
from pipeline.training.trainer import Trainer, load_network

log = logging.getLogger(__name__)


def train_seed(config: Config, start: Start, prepared: Prepared, progress: Progress, study: str) -> None:
    """Train one seed below a study's run, from its first epoch or from a checkpoint.

    A checkpoint that cannot be downloaded ends it before its run is opened, so that nothing is overwritten.
    """
    start, state = load_checkpoint(config, start)
    if start.own_run:
        add_owner(outbox_folder(config) / start.own_run)
    name, tags = f"seed-{start.seed}", seed_tags(config, prepared, start.seed)
    with open_run("seed", name, tags=tags, parent=study, run_id=start.own_run, patience=config.server_wait) as run:
        train_in(run, config, start, state, prepared, progress)


def load_checkpoint(config: Config, start: Start) -> tuple[Start, State | None]:
    """Return the state to resume from, if any, and the start from it: in its own run only where epochs repeat."""
    start, state = patiently(start.load, config.server_wait, f"the checkpoint of seed {start.seed}")
    cpu, patience = config.device == "cpu", config.server_wait
    return start.where_repeatable(state, conditions(config), cpu=cpu, patience=patience), state


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
    _describe(run, config, start, state, prepared)
    trainer = make_trainer(config, start.seed, prepared)
    outbox = Outbox(run, outbox_folder(config))
    layers = list(trainer.initial)
    groups = config.architecture.grouped(layers)
    seed_log = SeedLog(run, outbox, groups.group_of, config.checkpoint_every)
    steps, shape = len(trainer.loaders["train"]), prepared.manifest.shape
    levels = level_table(config, trainer.model, layers, shape=shape, steps=steps, group_of=groups.group_of)
    run.log_texts({LEVEL_TABLE: levels})
    _begin(trainer, seed_log, config, start, state)
    progress.begin(start.seed)
    with devices_of(config, start.seed) as devices:
        devices.broadcast(state)
        _train(trainer, devices, seed_log, progress, snapshots=config.snapshots)
    outbox.close(config.server_wait)
    if config.snapshots:
        remaining = partial(_remaining, run, trainer, config, prepared)
        seed_log.log_layers("remaining_distance", patiently(remaining, config.server_wait, "a snapshot"))
    log_best_model(run, trainer, config, prepared)


def _remaining(run: Run, trainer: Trainer, config: Config, prepared: Prepared) -> dict[int, dict[str, float]]:
    network = new_network(config, prepared)

    def weights_in(state: State) -> Weights:
        load_network(network, state)
        return layer_weights(network, trainer.initial)

    initial, final = trainer.initial, layer_weights(trainer.model, trainer.initial)
    return remaining_by_epoch(run.artifact_location(""), initial, final, weights_in, last=config.epochs)


def _describe(run: Run, config: Config, start: Start, state: State | None, prepared: Prepared) -> None:
    first = state["epoch"] + 1 if state else 1
    source = start.source if state else None
    former: Mapping[str, str] = source.tags | {MEASURED: source.measured} if source else {}
    made_by = conditions(config) | {MEASURED: as_measured(config.measuring())}
    run.set_tags({tag: history(former.get(tag, ""), now, first) for tag, now in made_by.items()})
    run.log_params(config.as_text() | {"seed": str(start.seed)})
    run.log_texts(config.files())
    log_dataset(run, prepared.manifest)


def _begin(trainer: Trainer, seed_log: SeedLog, config: Config, start: Start, state: State | None) -> None:
    """Bring trainer and log to the state; the first upload shows whether the store takes files of this size."""
    if config.snapshots:
        log.info(describe_snapshots(trainer.model, config.epochs))
    if start.own_run is None or state is None:
        seed_log.add_file(INITIAL, trainer.model.state_dict())
        seed_log.outbox.send()
    if state:
        trainer.restore(state)
    if start.own_run:
        seed_log.resume(state, list(trainer.initial))
    elif state:
        read = partial(start.snapshots, trainer.epoch)
        seed_log.copy(state, patiently(read, config.server_wait, f"a file of seed {start.seed}"))


def _train(trainer: Trainer, devices: Devices, seed_log: SeedLog, progress: Progress, *, snapshots: bool) -> None:
    """Train the epochs that are left, and log each in the background while the next one trains."""
    unlogged: Callable[[], None] | None = None
    try:
        with Background() as background:
            for result in trainer.run(devices, progress.watch):
                progress.show_epoch(result.epoch, result.losses, result.accuracies, result.seconds)
                snapshot = snapshot_of(result.epoch) if snapshots else None
                unlogged = partial(_log_epoch, seed_log, result, trainer.state(), snapshot)
                background.submit(unlogged)
            if trainer.reached_target:
                background.submit(partial(seed_log.outbox.add_tags, {STOPPED: "target_val_acc"}))
            background.submit(seed_log.upload)
    except (Interrupted, Exception) as error:
        if not isinstance(error, Failure):  # the store, the disk or the network itself fails
            _save_last(seed_log, unlogged)
        raise


def _save_last(seed_log: SeedLog, unlogged: Callable[[], None] | None) -> None:
    """Upload the last whole epoch, which may still wait for the one before, so that another machine can resume it."""
    try:
        if unlogged:
            unlogged()
        seed_log.upload()
    except Exception as error:  # the process ends, whether the store answers or not
        log.warning("the last epoch is not uploaded: %s", first_line(error))


def _log_epoch(seed_log: SeedLog, result: EpochResult, state: State, snapshot: str | None) -> None:
    if result.epoch <= seed_log.epoch:
        return
    seed_log.log_epoch(result.epoch, result.scalars, result.layers, result.steps)
    if snapshot:
        seed_log.add_file(snapshot, state["model"])
    seed_log.save(state)
