"""One seed's network in training: the epochs that it still has, and what a checkpoint holds of it."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from data.loader import Loader
from pipeline.measure import MEASUREMENTS, LayerTracker, StepSampler, StepTracker, copy_of, layer_weights
from pipeline.measure.weights import Weights
from pipeline.training.distributed import ONE_DEVICE, Devices
from pipeline.training.epoch_result import EpochResult
from pipeline.training.loop import Batches, evaluate, train_epoch
from pipeline.training.scores import Scores

if TYPE_CHECKING:
    from pipeline.tracking.checkpoints import State  # the processes of other devices need no MLflow


def load_network(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load the state of a trained network into a new one, with the buffers that only training gave it, or their size.

    A network may set a buffer in its first forward pass.
    """
    own, buffers = model.state_dict(), dict(model.named_buffers())
    for name, tensor in state.items():
        resized = name in buffers and buffers[name].shape != tensor.shape
        if resized or (name not in own and isinstance(tensor, Tensor)):
            path, _dot, buffer = name.rpartition(".")
            model.get_submodule(path).register_buffer(buffer, torch.empty_like(tensor))
    model.load_state_dict(state)


@dataclass
class Best:
    """The weights after the epoch of the highest deciding accuracy, the earlier of equals, on the host."""

    epoch: int = 0
    accuracy: float = float("-inf")
    weights: dict[str, Tensor] = field(default_factory=dict)

    def update(self, result: EpochResult, model: nn.Module) -> None:
        if result.deciding_accuracy > self.accuracy:
            self.epoch, self.accuracy = result.epoch, result.deciding_accuracy
            self.weights = model.state_dict()  # with the versions of its modules, which some of them ask for
            for name, kept in self.weights.items():
                self.weights[name] = kept.to("cpu", copy=True) if isinstance(kept, Tensor) else deepcopy(kept)


class Trainer:
    """Trains to epoch `epochs`, or to the first one whose deciding accuracy reaches `target`, in percent.

    `epoch` is the last one that is over, `initial` the weights of the layers before the first. `steps` measures RWC
    within epochs as well, `samples` single steps.
    """

    def __init__(
        self,
        model: nn.Module,
        loaders: Mapping[str, Loader],
        optimizer: torch.optim.Optimizer,
        *,
        epochs: int,
        precision: str = "fp32",
        target: float | None = None,
        layers: Iterable[str] | None = None,
        measurements: Iterable[str] = MEASUREMENTS,
        steps: StepTracker | None = None,
        samples: StepSampler | None = None,
    ) -> None:
        self.model, self.loaders, self.optimizer = model, loaders, optimizer
        self.epochs, self.precision, self.target = epochs, precision, target
        self.measurements, self.steps, self.samples = tuple(measurements), steps, samples
        self.initial, self.best, self.epoch = copy_of(layer_weights(model, layers)), Best(), 0
        self._last_changes: Weights = {}

    @property
    def reached_target(self) -> bool:
        return self.target is not None and self.best.accuracy >= self.target

    @property
    def is_over(self) -> bool:
        return self.epoch >= self.epochs or self.reached_target

    def run(
        self, devices: Devices = ONE_DEVICE, watch: Callable[[int, Loader], Batches] = lambda _epoch, loader: loader
    ) -> Iterator[EpochResult]:
        """Train every epoch that is left, and yield after each; raise Diverged.

        `watch` wraps the training batches of an epoch, for a progress bar. Where several devices share the batches,
        each runs this in a process of its own, and all get the same losses and accuracies.
        """
        network = devices.wrap(self.model)
        tracker = LayerTracker(self.model, self.measurements, initial=self.initial, layers=self.initial)
        tracker.last_changes.update(self._last_changes)
        self._last_changes = tracker.last_changes
        started = time.perf_counter()
        while not self.is_over:
            epoch = self.epoch + 1
            devices.begin(epoch)
            means = {"train": self._train(network, devices, watch, epoch)} | self._evaluate(devices, epoch)
            layers = tracker.epoch_end()
            if epoch == 1:
                layers.pop("epoch_cosine", None)  # there is no change before it
            if self.samples:
                layers |= self.samples.epoch_end(layers["displacement"])
            finished = time.perf_counter()
            result = EpochResult(
                epoch=epoch,
                losses={part: loss for part, (loss, _accuracy) in means.items()},
                accuracies={part: accuracy for part, (_loss, accuracy) in means.items()},
                layers=layers,
                steps=self.steps.collect() if self.steps else {},
                seconds=finished - started,
            )
            started = finished
            self.epoch = epoch
            self.best.update(result, self.model)
            yield result

    def _train(
        self, network: nn.Module, devices: Devices, watch: Callable[[int, Loader], Batches], epoch: int
    ) -> tuple[float, float]:
        scores = Scores(devices.total)
        batches = devices.shards(watch(epoch, self.loaders["train"]))
        train_epoch(network, batches, self.optimizer, self.precision, scores)
        devices.copy_buffers(self.model)
        return scores.means(where=f"epoch {epoch}")

    def _evaluate(self, devices: Devices, epoch: int) -> dict[str, tuple[float, float]]:
        means = {}
        for part, loader in self.loaders.items():
            if part != "train":
                scores = Scores(devices.total)
                evaluate(self.model, devices.shards(loader), self.precision, scores)
                means[part] = scores.means(where=f"epoch {epoch}, evaluation on {part}")
        return means

    def state(self) -> "State":
        """Return weights, momentum, states of torch's random generators, the epoch that is over, and the best so far.

        All are copies: training continues while they are written. `torch.load(weights_only=True)` reads them. Where
        the best epoch is this one, its weights are not in the state a second time. `epoch_cosine` takes the changes.
        """
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        generator = self.loaders["train"].generator
        assert generator, "the training batches are shuffled"
        earlier = {"model": self.best.weights} if self.best.epoch < self.epoch else {}
        return {
            "epoch": self.epoch,
            "model": deepcopy(self.model.state_dict()),
            "optimizer": deepcopy(self.optimizer.state_dict()),
            "last_changes": deepcopy(self._last_changes),
            "random": {"torch": torch.get_rng_state(), "cuda": cuda, "loader": generator.get_state()},
            "best": {"epoch": self.best.epoch, "accuracy": self.best.accuracy} | earlier,
        } | ({"steps": deepcopy(self.steps.state())} if self.steps else {})

    def restore(self, state: "State") -> None:
        """Continue after the epoch of a state, as if training had not stopped."""
        self.epoch = state["epoch"]
        load_network(self.model, state["model"])
        self._last_changes = state.get("last_changes", {})
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"]["torch"])
        if state["random"]["cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state["random"]["cuda"])
        train, best = self.loaders["train"], state["best"]
        if train.generator:
            train.generator.set_state(state["random"]["loader"])
        self.best = Best(best["epoch"], best["accuracy"], best.get("model", state["model"]))
        if self.steps:  # without a state of their own they begin at the end of this epoch
            begin = {"step": len(train) * self.epoch, "before": self.steps.weights}
            self.steps.restore(state.get("steps", begin))
