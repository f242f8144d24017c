"""PyTorch Lightning's Trainer, as its users write it, with MLFlowLogger, and RWC in a callback.

Training is bf16-mixed, where a study is, and channels-last; workers load PIL images through torchvision's transforms.
Only this module imports Lightning, which requirements-adapters.txt pins.
"""

import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import mlflow
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import MLFlowLogger
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks import usual_loop
from benchmarks.rounds import Seconds
from benchmarks.setup import BATCH, Bench
from pipeline.measure.lightning import LayerwiseCallback

PRECISION = {"bf16": "bf16-mixed", "fp32": "32-true"}
FILLING = 8  # batches before the clock starts: more than the workers prepare ahead


class Network(LightningModule):
    """A network with its loss and accuracy, logged as in Lightning's tutorials, and SGD as in a study."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def _losses(self, batch: tuple[Tensor, Tensor], part: str) -> Tensor:
        images, labels = batch
        logits = self.network(images.to(memory_format=torch.channels_last))
        loss = cross_entropy(logits, labels)
        self.log(f"{part}_loss", loss, on_epoch=True)
        self.log(f"{part}_acc", (logits.argmax(1) == labels).float().mean(), on_epoch=True)
        return loss

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        return self._losses(batch, "train")

    def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
        self._losses(batch, "test")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.001, momentum=0.9, weight_decay=1e-4)


class Clock(Callback):
    """Adds the seconds of the steps after the first, of evaluation, and of what an epoch needs once, to `seconds`."""

    def __init__(self, seconds: Seconds) -> None:
        self.seconds = seconds

    def on_train_batch_end(self, trainer: Trainer, _module: LightningModule, _out: object, _batch: object, index: int) -> None:  # fmt: skip  # noqa: E501
        if index == FILLING - 1:
            self.began = _now()
        if index == trainer.num_training_batches - 1:
            self.stepped = _now()

    def on_validation_start(self, *_: object) -> None:
        self.evaluation_began = _now()

    def on_validation_end(self, *_: object) -> None:
        self.evaluated = _now() - self.evaluation_began

    def on_train_end(self, *_: object) -> None:
        self.seconds["steps"].append(self.stepped - self.began)
        self.seconds["evaluation"].append(self.evaluated)
        self.seconds["once"].append(_now() - self.stepped - self.evaluated)


class Peer:
    """A network that Lightning trains; each call is an epoch of `steps` batches, and of `tests` in evaluation.

    `seconds` has those of each call: `steps`, `evaluation`, and `once`: RWC, logging and checkpoint.
    """

    def __init__(self, bench: Bench, name: str, *, steps: int, tests: int) -> None:
        self.network, self.precision = Network(bench.network(name)), PRECISION[bench.config.precision]
        self.steps, self.tests, self.device = FILLING + steps, tests, bench.config.device
        workers = max(1, (os.cpu_count() or 1) - 1)  # as Lightning advises
        self.train, self.test = usual_loop.loaders(bench.prepared, BATCH, workers)
        self.logger = MLFlowLogger("lightning", tracking_uri=mlflow.get_tracking_uri())
        self.seconds: Seconds = {"steps": [], "evaluation": [], "once": []}

    def __call__(self) -> None:
        with TemporaryDirectory() as folder, _their_warnings():
            trainer = Trainer(
                accelerator="gpu" if self.device == "cuda" else "cpu",
                devices=1,
                precision=self.precision,
                max_epochs=1,
                limit_train_batches=self.steps,
                limit_val_batches=self.tests,
                num_sanity_val_steps=0,
                logger=self.logger,
                callbacks=[LayerwiseCallback(), Clock(self.seconds)],
                default_root_dir=folder,
                enable_progress_bar=False,
                enable_model_summary=False,
            )
            trainer.fit(self.network, self.train, self.test)


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


@contextmanager
def _their_warnings() -> Iterator[None]:
    """Leave out what Lightning warns of: few workers, a level of float32, a folder that exists."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
