"""b-convolutions: a whole step with small maps in their fast forms, against plain ones; the share of matmul's peak."""

from collections.abc import Iterator
from statistics import median

from benchmarks.peak import TYPES, flop_of, product
from benchmarks.report import Figure
from benchmarks.rounds import ratio, time_in_turns
from benchmarks.setup import BATCH, Bench, plain_step
from pipeline.training.small_maps import convolve_small_maps

MODELS = ("AlexNet", "ResNet18", "VGG19")
ROUNDS = 9


def figures(bench: Bench) -> Iterator[Figure]:
    for precision in TYPES:
        for name in MODELS:
            yield from _figures(bench, name, precision)


def _figures(bench: Bench, name: str, precision: str) -> Iterator[Figure]:
    fast, plain = bench.network(name), bench.network(name)
    convolve_small_maps(fast, bench.config.device)
    matmul = product(bench.config.device, precision)
    steps = {"fast": plain_step(bench, fast, precision), "plain": plain_step(bench, plain, precision)}
    flop = flop_of(steps["plain"])
    seconds = time_in_turns({**steps, "matmul": matmul}, ROUNDS)
    peak = matmul.rate(seconds["matmul"])
    faster, took = ratio(seconds["plain"], seconds["fast"]), {who: median(seconds[who]) for who in steps}
    what = f"{name}, a step of {BATCH} images, {flop / 1e9:.0f} GFLOP, {precision} ({1000 * took['fast']:.0f} ms)"
    yield Figure(what, f"plain convolutions ({1000 * took['plain']:.0f} ms)", str(faster), "at least 0.97",
                 faster.at_least(0.97))  # fmt: skip
    shares = {who: 100 * flop / took[who] / peak for who in steps}
    yield Figure(f"{name}, {precision}, FLOP a second", f"{matmul}, {peak / 1e9:.0f} GFLOP/s",
                 f"{shares['fast']:.0f} %, plain {shares['plain']:.0f} %", "", None)  # fmt: skip
