"""The best network of a seed as a model with its preprocessing inside: from raw pixels to class probabilities."""

from functools import partial

import torch
from torch import Tensor, nn

from data.loader import channels_second
from data.moments import Moments
from data.prepared import Prepared
from pipeline.config.settings import Config
from pipeline.tracking.logged_models import EXAMPLES, log_model
from pipeline.tracking.retry import patiently
from pipeline.tracking.run import Run
from pipeline.training.setup import new_network
from pipeline.training.trainer import Trainer, load_network


class Classifier(nn.Module):
    """`moments` are those by which the network's training images were normalised: its loaders carry them."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, network: nn.Module, moments: Moments, memory_format: torch.memory_format = torch.channels_last
    ) -> None:
        super().__init__()
        self.network, self.memory_format = network, memory_format
        self.register_buffer("mean", torch.tensor(moments.mean) * 255)
        self.register_buffer("std", torch.tensor(moments.std) * 255)

    def forward(self, images: Tensor) -> Tensor:
        """Return probabilities, N x classes, of images, uint8, N x height x width x channels."""
        normalised = (images.float() - self.mean) / self.std
        images = channels_second(normalised, self.memory_format)
        probabilities: Tensor = self.network(images).softmax(dim=1)
        return probabilities


def best_classifier(trainer: Trainer, config: Config, prepared: Prepared) -> Classifier:
    """Return a new network with the best weights of a seed, and its preprocessing."""
    network = new_network(config, prepared)
    load_network(network, trainer.best.weights)
    train = trainer.loaders["train"]
    return Classifier(network, train.moments, train.memory_format)


def log_best_model(run: Run, trainer: Trainer, config: Config, prepared: Prepared) -> None:
    """Log the network with the best weights of a seed as the model of its run."""
    log = partial(
        log_model,
        run,
        best_classifier(trainer, config, prepared),
        examples(prepared),
        classes=prepared.manifest.classes,
        epoch=trainer.best.epoch,
    )
    patiently(log, config.server_wait, "the best model")


def examples(prepared: Prepared) -> Tensor:
    """Return EXAMPLES test images, the same one again where a data set has only one."""
    return prepared.x_test[torch.arange(EXAMPLES) % len(prepared.x_test)]
