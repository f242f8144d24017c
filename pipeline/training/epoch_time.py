"""About how long an epoch takes here, from a few batches."""

import time
from itertools import islice

from data.prepared import Prepared
from pipeline.config.settings import Config
from pipeline.training.loop import evaluation_pass, train_pass
from pipeline.training.setup import set_up

BATCHES = 3


def estimate_epoch_seconds(config: Config, prepared: Prepared) -> float:
    """Return the seconds of training and evaluation, measured on BATCHES of each after one to warm up."""
    loaders, learner = set_up(config, config.seeds[0], prepared)
    for group in learner.optimizer.param_groups:
        group["lr"] = 0.0  # nothing diverges
    total = 0.0
    for part, loader in loaders.items():
        for count in (1, BATCHES):
            started = time.perf_counter()
            batches = islice(loader, count)
            if part == "train":
                train_pass(learner.model, batches, learner.optimizer, 0, config.precision, None)
            else:
                evaluation_pass(learner.model, batches, config.precision, where=part)
        total += (time.perf_counter() - started) / min(BATCHES, len(loader)) * len(loader)
    return total
