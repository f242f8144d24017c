"""The best network of a seed as a model with its preprocessing inside: from raw pixels to class probabilities."""

from functools import partial

import torch
from torch import Tensor, nn

from data.moments import Moments
from data.prepared import Prepared
from pipeline.config.settings import Config
from pipeline.tracking.logged_models import EXAMPLES, log_model
from pipeline.tracking.retry import patiently
from pipeline.tracking.run import Run
from pipeline.training.trainer import Trainer


class Classifier(nn.Module):
    """`moments` are those by which the network's training images were normalised: its loaders carry them."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, moments: Moments) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(moments.mean) * 255)
        self.register_buffer("std", torch.tensor(moments.std) * 255)

    def forward(self, images: Tensor) -> Tensor:
        """Return probabilities, N x classes, of images, uint8, N x 32 x 32 x channels."""
        normalised = (images.float() - self.mean) / self.std
        probabilities: Tensor = self.network(normalised.permute(0, 3, 1, 2)).softmax(dim=1)
        return probabilities


def log_best_model(run: Run, trainer: Trainer, config: Config, prepared: Prepared) -> None:
    """Log the network with the best weights of a seed as the model of its run."""
    manifest = prepared.manifest
    network = config.architecture.build(input_channels=manifest.shape[2], num_classes=len(manifest.classes))
    network.load_state_dict(trainer.best.weights)
    classifier = Classifier(network, trainer.loaders["train"].moments)
    images = prepared.x_test[torch.arange(EXAMPLES) % len(prepared.x_test)]  # a data set may have one
    log = partial(log_model, run, classifier, images.numpy(), classes=manifest.classes, epoch=trainer.best.epoch)
    patiently(log, config.server_wait, "the best model")
