"""Log the change of each layer after every N steps of an optimizer, in any loop, in one process or several."""

from collections.abc import Callable
from typing import Any

import torch
from torch import distributed
from torch.utils.hooks import RemovableHandle

from .keys import as_metrics
from .optimizers import innermost
from .tracker import LayerTracker

Log = Callable[[dict[str, float], int], Any]


def log_every(every: int, optimizer: torch.optim.Optimizer, tracker: LayerTracker, log: Log) -> RemovableHandle:
    """Call `log(metrics, step)` after every `every` steps of the optimizer; `remove()` of what is returned ends it.

    `log` is `mlflow.log_metrics`, `accelerator.log` or a function of your own; `every=len(loader)` is once an epoch.
    Steps count from 1; those that a GradScaler skips or that only accumulate gradients do not count. Of several
    processes each measures, as sharded weights need all of them, and rank 0 calls `log`. ValueError if `every` is
    less than 1.
    """
    check_steps(every)
    steps = 0

    def step_ends(*_: Any) -> None:
        nonlocal steps
        steps += 1
        if steps % every == 0:
            measured = tracker.epoch_end()
            if is_first_process():
                log(as_metrics(measured, measured), steps)

    return innermost(optimizer).register_step_post_hook(step_ends)


def check_steps(every: int | None) -> None:
    """Raise ValueError for a number of steps below 1; None stands for an epoch."""
    if every is not None and every < 1:
        raise ValueError(f"every={every} is not a number of steps: give 1 or more")


def is_first_process() -> bool:
    """Return whether this process is rank 0, or the only one."""
    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0
