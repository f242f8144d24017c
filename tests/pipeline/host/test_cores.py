"""Seeds share the cores by a rule that follows from their number, the machine and nothing else."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from pipeline.host.cores import best_jobs, memory_bytes, seeds_in_memory, threads_of


@pytest.mark.parametrize(
    ("seeds", "cores", "threads"),
    [
        (1, 2, [2]),
        (2, 2, [1, 1]),
        (3, 2, [1, 1, 2]),
        (5, 2, [1, 1, 1, 1, 2]),
        (5, 1, [1, 1, 1, 1, 1]),
        (3, 4, [2, 2, 4]),
        (4, 4, [1, 1, 1, 1]),
        (5, 8, [2, 2, 2, 2, 8]),
    ],
)
def test_each_seed_has_the_threads_with_which_all_end_soonest(seeds: int, cores: int, threads: list[int]) -> None:
    jobs = best_jobs(seeds, cores, None, most=99)
    assert [threads_of(position, seeds, jobs, cores) for position in range(seeds)] == threads
    alone = seeds * cores**-0.85
    together = sum(threads[first] ** -0.85 for first in range(0, seeds, jobs))
    assert together <= alone


@pytest.mark.parametrize("seeds", range(1, 12))
@pytest.mark.parametrize("cores", [1, 2, 3, 4, 6, 7, 16, 64])
def test_no_round_takes_more_threads_than_there_are(seeds: int, cores: int) -> None:
    for jobs in range(1, min(seeds, cores) + 1):
        for first in range(0, seeds, jobs):
            its = [threads_of(position, seeds, jobs, cores) for position in range(first, min(first + jobs, seeds))]
            assert min(its) >= 1
            assert sum(its) <= cores


def test_memory_and_given_threads_bound_the_seeds_at_once() -> None:
    assert best_jobs(8, 8, None, most=3) <= 3
    assert best_jobs(8, 8, None, most=0) == 1
    assert best_jobs(8, 8, 4, most=99) == 2
    assert best_jobs(8, 8, 16, most=99) == 1
    assert best_jobs(5, 4, 1, most=99) == 3, "in two rounds, as with four, in less memory"


def test_larger_batches_need_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=16_400_000_000))
    monkeypatch.setattr(Path, "read_text", lambda _path: "max")
    assert [seeds_in_memory(size) for size in (1, 128, 1024, 8192)] == [8, 4, 0, 0]
    assert seeds_in_memory(32, 64) == seeds_in_memory(128)


@pytest.mark.parametrize(
    ("own", "limits", "bytes_"),
    [
        ("0::/\n", {}, 900),
        ("0::/\n", {"/sys/fs/cgroup/memory.max": "500\n"}, 500),
        (
            "0::/slurm/job\n",
            {"/sys/fs/cgroup/slurm/job/memory.max": "max\n", "/sys/fs/cgroup/slurm/memory.max": "70"},
            70,
        ),
        ("12:memory:/a\n0::/b\n", {"/sys/fs/cgroup/b/memory.max": "80"}, 80),
    ],
    ids=["no limit", "a container", "a job of a cluster", "both kinds of control groups"],
)
def test_the_limit_of_a_container_or_a_job_counts(
    monkeypatch: pytest.MonkeyPatch, own: str, limits: dict[str, str], bytes_: int
) -> None:
    files = {"/proc/self/cgroup": own} | limits

    def read_text(path: Path) -> str:
        if str(path) not in files:
            raise FileNotFoundError(path)
        return files[str(path)]

    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=900))
    monkeypatch.setattr(Path, "read_text", read_text)
    assert memory_bytes() == bytes_
