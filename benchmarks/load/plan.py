"""How many seeds at once a server carries, by arithmetic from what was measured: what one sends, what it answers."""

from collections.abc import Sequence
from typing import Any

SAMPLE_SECONDS, BEAT_SECONDS = 10, 30  # between system metrics and between heartbeats, unless they are set otherwise
TIMES = (1, 10, 60, 600)
EVERY = 10  # epochs between checkpoints, where they are fewer
UPLOADED = "ResNet18"
WAYS = (
    "by requests, as it comes",
    "without system metrics",
    f"and `checkpoint_every={EVERY}`",
    f"by uploads of {UPLOADED}",
    f"with `checkpoint_every={EVERY}`",
)


def is_plain(measured: dict[str, Any]) -> bool:
    """Say whether nothing but the seeds at once, and the pool, was varied."""
    return (measured["workers"], measured["checkpoint_every"], measured["proxied"]) == (4, 1, True)


def by_pool(measured: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what was measured against the seeds at once, with the larger pool and with MLflow's own."""
    plain = [each for each in measured if is_plain(each)]
    return [each for each in plain if each["pool"]], [each for each in plain if not each["pool"]]


def seeds(found: dict[str, Any], epoch_seconds: float) -> list[int]:
    """Return the seeds at once, by each of the ways, if an epoch takes so long.

    What is sent by the clock costs the server what a request costs in the mean, with a checkpoint after every epoch.
    """
    measured = [each for each in found["load"]["measured"] if each["pool"]]
    fewer = next(each for each in measured if each["checkpoint_every"] == EVERY)
    plain = next(each for each in measured if is_plain(each) and each["seeds"] == fewer["seeds"])
    beats, samples = (1 / seconds / plain["requests_a_second"] for seconds in (BEAT_SECONDS, SAMPLE_SECONDS))
    epoch, cheap_epoch = (1 / each["epochs_a_second"] / epoch_seconds for each in (plain, fewer))
    shares = (epoch + beats + samples, epoch + beats, cheap_epoch + beats)  # of the server's time, that a seed takes
    rate = max(each["bytes_a_second"] for each in found["uploads"]["rates"])
    size = next(each["checkpoint"] for each in found["files"]["networks"] if each["model"] == UPLOADED)
    by_uploads = rate * epoch_seconds / size
    return [int(count) for count in (*(1 / share for share in shares), by_uploads, EVERY * by_uploads)]
