"""a, b: a whole epoch on FMNIST against the bare floor of its arithmetic, the usual loop, and Lightning's Trainer."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import chain, islice, repeat
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from benchmarks import usual_loop
from benchmarks.epoch_ends import numpy_rwc, once_an_epoch
from benchmarks.peak import Work, flop_of, product
from benchmarks.report import Figure
from benchmarks.rounds import Ratio, ratio, time_in_turns
from benchmarks.setup import BATCH, Bench, optimizer, plain_forward, plain_step
from pipeline.host.hardware import has_amx
from pipeline.training.loop import evaluate, train_epoch
from pipeline.training.scores import Scores
from pipeline.training.small_maps import convolve_small_maps

if TYPE_CHECKING:
    from benchmarks.lightning_loop import Peer

STEPS = 20
TRAIN_STEPS = -(-60_000 // BATCH)
TEST_IMAGES = 10_000
WITH_AMX = 2.0  # times as fast as Lightning, the target on processors with AMX
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
    case, precision = CASES[model_name], bench.config.precision
    matmul, peer = product(bench.config.device, precision), _lightning(bench, CASES[model_name])
    calls = _ours(bench, case) | _floor(bench, case) | _usual(bench, case) | {"matmul": matmul}
    seconds = time_in_turns(calls | ({"lightning": peer} if peer else {}), case.rounds)
    if peer:  # which times itself
        seconds |= {f"lightning, {part}": times[-case.rounds :] for part, times in peer.seconds.items()}
    once = once_an_epoch(bench, model_name)
    print(model_name, {name: round(median(each), 3) for name, each in (seconds | once).items()})
    epochs = {who: _epoch(seconds, who, case) for who in ("ours", "floor", "usual", *(["lightning"] if peer else []))}
    _add(epochs["ours"], sum(median(times) for times in once.values()))
    _add(epochs["usual"], median(numpy_rwc(bench, model_name)))
    work = Work(_flop(bench, model_name), matmul.rate(seconds["matmul"]))
    ours = epochs["ours"]
    what = f"{model_name} on FMNIST, a whole epoch ({median(ours):.0f} s, {precision}, {work.of(ours)})"
    against = f"the bare floor ({work.share(epochs['floor'])})"
    yield _figure(what, against, ratio(ours, epochs["floor"]), case.floor_target, at_most=True)
    against = f"the usual loop ({work.share(epochs['usual'])})"
    yield _figure(what, against, ratio(epochs["usual"], ours), case.usual_target, at_most=False)
    if peer:
        _add(epochs["lightning"], median(seconds["lightning, once"]))
        against = f"Lightning's Trainer ({work.share(epochs['lightning'])})"
        target = WITH_AMX if has_amx() else None
        yield _figure(what, against, ratio(epochs["lightning"], ours), target, at_most=False)
    shares = ", ".join(f"{name} {1000 * median(times):.0f} ms" for name, times in once.items())
    yield Figure(f"{model_name}, once an epoch, in the above", "", shares, "", None)


def _flop(bench: Bench, model_name: str) -> int:
    """Return the FLOP of an epoch on FMNIST, as torch's own convolutions have them."""
    model, precision = bench.network(model_name), bench.config.precision
    step, forward = plain_step(bench, model, precision), plain_forward(bench, model, precision)
    return TRAIN_STEPS * flop_of(step) + TEST_IMAGES * flop_of(forward) // BATCH


def _figure(what: str, baseline: str, measured: Ratio, target: float | None, *, at_most: bool) -> Figure:
    if target is None:
        return Figure(what, baseline, str(measured), "", None)
    holds = measured.at_most(target) if at_most else measured.at_least(target)
    return Figure(what, baseline, str(measured), f"{'at most' if at_most else 'at least'} {target}", holds)


def _epoch(seconds: dict[str, list[float]], who: str, case: Case) -> list[float]:
    """Return the seconds of an epoch's steps and evaluation, by the blocks of each round."""
    evaluations = TEST_IMAGES / (case.test_batches * BATCH)
    pairs = zip(seconds[f"{who}, steps"], seconds[f"{who}, evaluation"], strict=True)
    return [TRAIN_STEPS / STEPS * steps + evaluations * evaluation for steps, evaluation in pairs]


def _add(seconds: list[float], once: float) -> None:
    """Add what an epoch needs once."""
    seconds[:] = [each + once for each in seconds]


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
    step, forward = plain_step(bench, model, precision), plain_forward(bench, model, precision)

    def steps() -> None:
        model.train()
        for _step in range(STEPS):
            step()

    def evaluation() -> None:
        model.eval()
        for _batch in range(case.test_batches):
            forward()

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


def _lightning(bench: Bench, case: Case) -> "Peer | None":
    if not find_spec("lightning"):
        print(
            "without Lightning's Trainer: make .venv-adapters/ready installs it, and make bench then compares with it"
        )
        return None
    from benchmarks.lightning_loop import Peer

    return Peer(bench, case.model_name, steps=STEPS, tests=case.test_batches)


def _endless(loader: object) -> Iterator[tuple[Tensor, Tensor]]:
    return chain.from_iterable(repeat(loader))
