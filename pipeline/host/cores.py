"""How the seeds of a study share this machine: how many side by side, and how many CPU threads each.

All of it follows from the settings and the machine, never from what else runs there: threads decide the last bits.
"""

import math
from contextlib import suppress
from pathlib import Path

import psutil

SPEED = 0.85  # n threads train as fast as n ** 0.85: on two cores, two seeds at once gained 8 to 18 %
PROCESS_BYTES, IMAGE_BYTES = 2_000_000_000, 16_000_000  # of a seed, and of each 32 x 32 image of a batch: generous


def threads_of(position: int, seeds: int, jobs: int, cores: int) -> int:
    """Return the threads of the seed at a position in the list, from 0, of which `jobs` train at once.

    Each has an equal share of the cores. Those at the end of the list that are fewer than `jobs` share them all.
    """
    left_over = seeds % jobs
    return max(1, cores // (left_over if position >= seeds - left_over else jobs))


def best_jobs(seeds: int, cores: int, threads: int | None, most: int) -> int:
    """Return how many seeds at once, `most` at most, end soonest; the fewest of equals.

    `threads` is the number for each; without, that of `threads_of`.
    """
    at_once = range(1, max(1, min(seeds, most, cores // (threads or 1))) + 1)
    return min(at_once, key=lambda jobs: (_duration(seeds, jobs, cores, threads), jobs))


def _duration(seeds: int, jobs: int, cores: int, threads: int | None) -> float:
    """Return how long the seeds take, as a multiple of one seed with one thread."""
    first_of_each_round = range(0, seeds, jobs)
    return sum(math.pow(threads or threads_of(first, seeds, jobs, cores), -SPEED) for first in first_of_each_round)


def seeds_in_memory(batch_size: int, image_size: int = 32) -> int:
    """Return how many seeds at once this machine's memory is enough for, by the height of the images in pixels."""
    batch_bytes = batch_size * IMAGE_BYTES * image_size**2 // 32**2
    return int(memory_bytes() // (PROCESS_BYTES + batch_bytes))


def memory_bytes() -> int:
    """Return the memory of this machine, or the limit of the container or job that this process is in, if lower."""
    found = [int(psutil.virtual_memory().total)]
    with suppress(OSError):
        own = Path("/proc/self/cgroup").read_text().rpartition("::/")[2].strip()
        for folder in (place := Path("/sys/fs/cgroup", own), *place.parents):
            with suppress(OSError, ValueError):  # there is none, or the word max
                found.append(int((folder / "memory.max").read_text()))
    return min(found)
