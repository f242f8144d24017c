"""About how long an epoch takes on this machine, from a few batches."""

import time
from itertools import islice

from data.prepared import Prepared
from pipeline.config.settings import Config
from pipeline.training.loop import evaluate, train_epoch
from pipeline.training.scores import Scores
from pipeline.training.setup import make_trainer

BATCHES = 3


def estimate_epoch_seconds(config: Config, prepared: Prepared) -> float:
    """Return the seconds of training and evaluation, measured on BATCHES of each after one to warm up."""
    trainer = make_trainer(config, config.seeds[0], prepared, measures=False)
    for group in trainer.optimizer.param_groups:
        group["lr"] = 0.0  # nothing diverges
    total = 0.0
    for part, loader in trainer.loaders.items():
        for count in (1, BATCHES):
            started, batches = time.perf_counter(), islice(loader, count)
            if part == "train":
                train_epoch(trainer.model, batches, trainer.optimizer, config.precision, Scores())
            else:
                evaluate(trainer.model, batches, config.precision, Scores())
        total += (time.perf_counter() - started) / min(BATCHES, len(loader)) * len(loader)
    return total
