"""What a worker of a cluster runs: a seed that a study has locked, perhaps for a second time."""

import signal
import sys
import traceback
from dataclasses import replace
from typing import NamedTuple

from models.custom import remember
from pipeline.config.folders import data_folder
from pipeline.config.settings import Config
from pipeline.console.errors import BadInput, Failure
from pipeline.console.messages import configure
from pipeline.console.progress import Progress
from pipeline.execution.queue import Queue
from pipeline.host.signals import SIGNALS, Interrupted, raise_on_signals
from pipeline.tracking.run import Run, RunTaken
from pipeline.training.epoch_time import estimate_epoch_seconds
from pipeline.training.inputs import load_inputs
from pipeline.training.seed import train_seed


class Sent(NamedTuple):
    """A configuration as it goes to another machine, with the code of a custom network.

    `data_dir` is what was given; without it, every machine has a folder of its own.
    """

    config: Config
    source: str
    data_dir: str | None

    def unpack(self) -> Config:
        remember(self.config.model_name, self.source)
        return replace(self.config, data_dir=data_folder(self.data_dir))


def train_there(sent: Sent, study_id: str, study_hash: str, seed: int) -> str:
    """Train a seed that a study has claimed, and return what went wrong, if anything.

    Data come from this machine's cache, or are prepared in it, once. An earlier attempt's checkpoint is resumed.
    Raise KeyboardInterrupt, with which a cluster cancels. Another signal says that the machine is needed for something
    else: the worker exits, and the cluster has the seed trained elsewhere.
    """
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    raise_on_signals()
    configure()
    try:
        _train(sent.unpack(), study_id, study_hash, seed)
    except Failure as error:
        return f"seed {seed} failed: {error}"
    except Interrupted as error:
        if error.number == signal.SIGINT:
            raise KeyboardInterrupt from None
        sys.exit(128 + error.number)
    except Exception:
        return f"seed {seed} failed:\n{traceback.format_exc()}"
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return ""


def epoch_seconds_there(sent: Sent) -> float:
    """Return about how many seconds an epoch takes on this machine."""
    configure()
    config = sent.unpack()
    return estimate_epoch_seconds(config, load_inputs(config))


def _train(config: Config, study_id: str, study_hash: str, seed: int) -> None:
    prepared = load_inputs(config)
    if (here := config.study_hash(prepared.manifest.digest)) != study_hash:
        raise BadInput(f"{config.data.name} differs on this node (settings {here}, not {study_hash}): prepare it again")
    queue = Queue(config, study_hash, Run(study_id))
    start = queue.start_of_locked(seed, process_is_lost=True)
    if start.busy:
        raise RunTaken(str(start))
    if not start.done:
        train_seed(config, start, prepared, Progress(seeds=1, epochs=config.epochs, announces=False), study=study_id)
    queue.remove_outboxes(seed)
