"""a, b: a whole epoch on FMNIST against the bare floor of its arithmetic, and against the usual loop."""

from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks import usual_loop
from benchmarks.report import Figure
from benchmarks.rounds import Ratio, ratio, time_in_turns
from benchmarks.setup import BATCH, Bench, optimizer
from pipeline.measure.tracker import LayerTracker
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.runs import open_run
from pipeline.tracking.seed_log import SeedLog
from pipeline.training.epoch_result import EpochResult
from pipeline.training.loop import autocast, evaluate, train_epoch
from pipeline.training.scores import Scores
from pipeline.training.small_maps import convolve_small_maps
from pipeline.training.trainer import Trainer

STEPS = 20
TRAIN_STEPS = -(-60_000 // BATCH)
TEST_IMAGES = 10_000
Call = Callable[[], object]


class Case(NamedTuple):
    """A network, rounds of blocks, and test batches a block, so that all of it takes some ten minutes."""

    model_name: str
    rounds: int
    test_batches: int
    floor_target: float
    usual_target: float


CASES = {case.model_name: case for case in (Case("AlexNet", 10, 16, 1.06, 1.8), Case("ResNet18", 4, 4, 1.03, 2.4))}


def figures(bench: Bench, model_name: str) -> Iterator[Figure]:
    case = CASES[model_name]
    seconds = time_in_turns(_ours(bench, case) | _floor(bench, case) | _usual(bench, case), case.rounds)
    once = _once_an_epoch(bench, case.model_name)
    print(case.model_name, {name: round(median(each), 3) for name, each in (seconds | once).items()})
    per_epoch = {who: _epoch(seconds, who, case) for who in ("ours", "floor", "usual")}
    ours = [each + sum(median(times) for times in once.values()) for each in per_epoch["ours"]]
    usual = [each + median(_numpy_rwc(bench, case.model_name)) for each in per_epoch["usual"]]
    what = f"{case.model_name} on FMNIST, a whole epoch ({median(ours):.0f} s, {bench.config.precision})"
    yield _figure(what, "the bare floor", ratio(ours, per_epoch["floor"]), case.floor_target, at_most=True)
    yield _figure(what, "the usual loop", ratio(usual, ours), case.usual_target, at_most=False)
    shares = ", ".join(f"{name} {1000 * median(times):.0f} ms" for name, times in once.items())
    yield Figure(f"{case.model_name}, once an epoch, in the above", "", shares, "", None)


def _figure(what: str, baseline: str, measured: Ratio, target: float, *, at_most: bool) -> Figure:
    holds = measured.at_most(target) if at_most else measured.at_least(target)
    return Figure(what, baseline, str(measured), f"{'at most' if at_most else 'at least'} {target}", holds)


def _epoch(seconds: dict[str, list[float]], who: str, case: Case) -> list[float]:
    """Return the seconds of an epoch's steps and evaluation, by the blocks of each round."""
    evaluations = TEST_IMAGES / (case.test_batches * BATCH)
    pairs = zip(seconds[f"{who}, steps"], seconds[f"{who}, evaluation"], strict=True)
    return [TRAIN_STEPS / STEPS * steps + evaluations * evaluation for steps, evaluation in pairs]


def _ours(bench: Bench, case: Case) -> dict[str, Call]:
    model, loaders, precision = bench.network(case.model_name), bench.loaders(), bench.config.precision
    convolve_small_maps(model, bench.config.device)
    sgd = optimizer(model)
    batches, tests = _endless(loaders["train"]), _endless(loaders["test"])

    def steps() -> None:
        scores = Scores()
        train_epoch(model, islice(batches, STEPS), sgd, precision, scores)
        scores.means(where="training")

    def evaluation() -> None:
        scores = Scores()
        evaluate(model, islice(tests, case.test_batches), precision, scores)
        scores.means(where="evaluation")

    return {"ours, steps": steps, "ours, evaluation": evaluation}


def _floor(bench: Bench, case: Case) -> dict[str, Call]:
    """Forward, backward and step of the same network, memory format and precision, on one fixed batch.

    Its convolutions are torch's own.
    """
    model, precision = bench.network(case.model_name), bench.config.precision
    sgd = optimizer(model)
    images, labels = next(iter(bench.loaders()["train"]))
    tests, _labels = next(iter(bench.loaders()["test"]))

    def steps() -> None:
        model.train()
        for _step in range(STEPS):
            with autocast(images, precision):
                loss = cross_entropy(model(images), labels)
            sgd.zero_grad()
            loss.backward()
            sgd.step()

    @torch.inference_mode()
    def evaluation() -> None:
        model.eval()
        for _batch in range(case.test_batches):
            with autocast(tests, precision):
                model(tests)

    return {"floor, steps": steps, "floor, evaluation": evaluation}


def _usual(bench: Bench, case: Case) -> dict[str, Call]:
    model = bench.network(case.model_name, memory_format=torch.contiguous_format)
    sgd = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, weight_decay=1e-4)
    train, test = usual_loop.loaders(bench.prepared, BATCH)
    batches, tests = _endless(train), _endless(test)
    return {
        "usual, steps": lambda: usual_loop.train(model, batches, sgd, STEPS),
        "usual, evaluation": lambda: usual_loop.evaluate(model, tests, case.test_batches),
    }


def _once_an_epoch(bench: Bench, model_name: str) -> dict[str, list[float]]:
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


def _numpy_rwc(bench: Bench, model_name: str) -> list[float]:
    model = bench.network(model_name, memory_format=torch.contiguous_format)
    before = usual_loop.weights(model)
    calls = {"rwc": lambda: usual_loop.relative_weight_change(before, usual_loop.weights(model))}
    return time_in_turns(calls, rounds=5)["rwc"]


def _endless(loader: object) -> Iterator[tuple[Tensor, Tensor]]:
    return chain.from_iterable(repeat(loader))
