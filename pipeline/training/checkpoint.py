"""Everything a seed needs to go on after an epoch: what stands in a checkpoint, and putting it back."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, nn

from pipeline.measure.layers import Weights
from pipeline.measure.steps import StepSampler, StepTracker
from pipeline.training.best import Best


@dataclass(frozen=True)
class Learner:
    """What learns, with everything that changes while it does; `steps` and `samples` where they are measured.

    `start` holds the initial weights of the layers, which the seed determines.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    generator: Generator
    best: Best
    start: Weights
    steps: StepTracker | None = None
    samples: StepSampler | None = None

    def state(self, epoch: int) -> dict[str, Any]:
        """Return weights, momentum, states of all random generators, the epoch that is over, and the best so far.

        All are copies, for training goes on while they are written. `torch.load(weights_only=True)` reads them.
        """
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        steps = {"steps": deepcopy(self.steps.state())} if self.steps else {}
        return {
            "epoch": epoch,
            "model": deepcopy(self.model.state_dict()),
            "optimizer": deepcopy(self.optimizer.state_dict()),
            "random": {"torch": torch.get_rng_state(), "cuda": cuda, "loader": self.generator.get_state()},
            "best": {"epoch": self.best.epoch, "accuracy": self.best.accuracy, "model": self.best.weights},
        } | steps

    def restore(self, state: dict[str, Any], *, batches: int) -> None:
        """Put a state back, so that training, of so many batches an epoch, goes on as if it had not stopped."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"]["torch"])
        if state["random"]["cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state["random"]["cuda"])
        self.generator.set_state(state["random"]["loader"])
        best = state["best"]
        self.best.epoch, self.best.accuracy, self.best.weights = best["epoch"], best["accuracy"], best["model"]
        if self.steps:  # without a state of their own they start at the end of this epoch
            self.steps.restore(state.get("steps", {"step": batches * state["epoch"], "before": self.steps.weights}))
