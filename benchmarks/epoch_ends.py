"""What an epoch needs once, beside its steps and its evaluation: measuring, logging and saving."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch.nn.functional import cross_entropy

from benchmarks import usual_loop
from benchmarks.rounds import time_in_turns
from benchmarks.setup import Bench, optimizer
from pipeline.measure.tracker import LayerTracker
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.runs import open_run
from pipeline.tracking.seed_log import SeedLog
from pipeline.training.epoch_result import EpochResult
from pipeline.training.trainer import Trainer


def once_an_epoch(bench: Bench, model_name: str) -> dict[str, list[float]]:
    """Time measuring, logging and saving in full, although much of it is written while the next epoch trains."""
    model = bench.network(model_name)
    trainer = Trainer(model, bench.loaders(), optimizer(model), epochs=1)
    loss = cross_entropy(model(torch.zeros(2, 1, 32, 32)), torch.zeros(2, dtype=torch.int64))
    loss.backward()
    trainer.optimizer.step()  # creates the momentum
    tracker, scores = LayerTracker(model), {"train": 50.0, "test": 50.0}
    result = EpochResult(epoch=1, losses=scores, accuracies=scores, layers=tracker.epoch_end(), seconds=1)
    with TemporaryDirectory() as folder, open_run("seed", "bench") as run:
        log = SeedLog(run, Outbox(run, Path(folder)), lambda layer: layer, every=1)

        def best_weights() -> None:
            trainer.best.accuracy = 0.0
            trainer.best.update(result, model)

        def metrics() -> None:
            log.log_epoch(1, result.scalars, result.layers, {})
            log.outbox.send()

        def checkpoint() -> None:
            trainer.epoch += 1
            log.save(trainer.state())

        return time_in_turns(
            {
                "measuring": tracker.epoch_end,
                "copies for the checkpoint": trainer.state,
                "copy of the best": best_weights,
                "metrics": metrics,
                "checkpoint and tables": checkpoint,
            },
            rounds=7,
        )


def numpy_rwc(bench: Bench, model_name: str) -> list[float]:
    model = bench.network(model_name, memory_format=torch.contiguous_format)
    before = usual_loop.weights(model)
    calls = {"rwc": lambda: usual_loop.relative_weight_change(before, usual_loop.weights(model))}
    return time_in_turns(calls, rounds=5)["rwc"]
