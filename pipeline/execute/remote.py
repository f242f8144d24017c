"""A seed that another process has handed out, perhaps more than once: what a worker of a cluster runs."""

import signal
import traceback

from data import DataError
from models.own import remember
from pipeline.config import Config
from pipeline.execute.local import ONE_LINE
from pipeline.execute.queue import Queue
from pipeline.interrupt import SIGNALS, Interrupted, raise_on_signals
from pipeline.learn.pace import seconds_an_epoch
from pipeline.learn.seed import train_seed
from pipeline.prepare import bring
from pipeline.progress import Progress
from pipeline.tracking.runs import Run, RunTaken
from pipeline.tracking.studies import close_seed


def train_there(config: Config, source: str, study_id: str, study_hash: str, seed: int) -> str:
    """Train a seed that a study has claimed, and return what went wrong, if anything.

    Data come from this machine's cache, or are prepared in it, once. What an earlier attempt has left is gone on with.
    KeyboardInterrupt is what a cluster cancels with, and knows.
    """
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    raise_on_signals()
    try:
        remember(config.model_name, source)
        _train(config, study_id, study_hash, seed)
    except ONE_LINE as error:
        return f"seed {seed} failed: {error}"
    except Interrupted as error:
        raise KeyboardInterrupt(str(error)) from None
    except Exception:
        return f"seed {seed} failed:\n{traceback.format_exc()}"
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return ""


def pace_there(config: Config, source: str) -> float:
    """Return about how many seconds an epoch takes on this machine."""
    remember(config.model_name, source)
    return seconds_an_epoch(config, bring(config))


def _train(config: Config, study_id: str, study_hash: str, seed: int) -> None:
    prepared = bring(config)
    if (here := config.study_hash(prepared.manifest.digest)) != study_hash:
        raise DataError(f"{config.data.name} is not the same here (settings {here}, not {study_hash}): prepare it anew")
    close_seed(study_id, seed)  # of an attempt whose process is gone: no other has the seed
    start = Queue(config, study_hash, Run(study_id)).start(seed)
    if start.busy:
        raise RunTaken(str(start))
    if not start.done:
        train_seed(config, start, prepared, Progress(seeds=1, epochs=config.epochs, announces=False), study=study_id)
