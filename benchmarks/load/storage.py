"""Rows and bytes that a seed of 150 epochs leaves in PostgreSQL, from simulated seeds."""

from typing import Any

from benchmarks.load.crowd import Crowd
from benchmarks.load.cycle import EPOCHS, cycle, start, system_metrics
from benchmarks.load.place import Place, make_runs, send
from benchmarks.load.recording import Seed

SEEDS = 10


def measure(place: Place, seed: Seed, seeds: int = SEEDS, epochs: int = EPOCHS) -> dict[str, Any]:
    """Have seeds send all of their metrics, params and tags; return rows and bytes of one, and of a system sample."""
    with place.serving(workers=2, pool=20) as server:
        before = place.rows(), place.sizes()
        runs = make_runs(server, seeds)
        answers = send(Crowd(server.port, runs, start(seed), 0, rounds=1))
        answers += send(Crowd(server.port, runs, cycle(seed, checkpoint_bytes=1, proxied=False), 0, rounds=epochs))
        assert all(answer.status == 200 for answer in answers)
        after = place.rows(), place.sizes()
        answers = send(Crowd(server.port, runs, system_metrics(seed), 0, rounds=epochs))
        with_system = place.rows(), place.sizes()
    rows = {name: (count - before[0].get(name, 0)) / seeds for name, count in after[0].items()}
    return {
        "epochs": epochs,
        "rows": {name: count for name, count in rows.items() if count},
        "bytes": (sum(after[1].values()) - sum(before[1].values())) / seeds,
        "bytes_of_metrics": (after[1]["metrics"] - before[1]["metrics"]) / seeds,
        "bytes_of_a_system_sample": (sum(with_system[1].values()) - sum(after[1].values())) / seeds / epochs,
        "points_of_a_system_sample": (with_system[0]["metrics"] - after[0]["metrics"]) / seeds / epochs,
    }
