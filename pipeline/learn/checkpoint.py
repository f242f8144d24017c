"""Everything a seed needs to go on after an epoch, in one file that `torch.load(weights_only=True)` reads."""

from copy import deepcopy
from typing import Any

import torch
from torch import Generator, nn

from pipeline.learn.best import Best

INITIAL = "initial.pt"
SLOTS = ("slot-a.pt", "slot-b.pt")


def slot(number: int) -> str:
    """Return the file of the n-th checkpoint: two take turns, so that the one before is whole while one is written."""
    return SLOTS[number % 2]


def checkpoint(
    model: nn.Module, optimizer: torch.optim.Optimizer, generator: Generator, epoch: int, best: Best
) -> dict[str, Any]:
    """Return weights, momentum, states of all random generators, the epoch that is over, and the best so far.

    All are copies, for training goes on while they are written.
    """
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {
        "epoch": epoch,
        "model": deepcopy(model.state_dict()),
        "optimizer": deepcopy(optimizer.state_dict()),
        "random": {"torch": torch.get_rng_state(), "cuda": cuda, "loader": generator.get_state()},
        "best": {"epoch": best.epoch, "accuracy": best.accuracy, "model": best.weights},
    }
