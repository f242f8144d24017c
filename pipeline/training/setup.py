"""What a seed begins with: loaders, model, optimizer and random generators, all determined by the seed."""

import logging
from collections.abc import Sequence

import torch
from torch import nn

from data.loader import Loader, load
from data.prepared import Prepared
from models.pretrained import copy_equal, imagenet_weights
from pipeline.config.settings import Config
from pipeline.host.hardware import make_repeatable
from pipeline.measure import MEASUREMENTS, StepSampler, StepTracker
from pipeline.training.layout import lay_out, layout_of
from pipeline.training.small_maps import convolve_small_maps
from pipeline.training.streams import stream_seed
from pipeline.training.trainer import Trainer

SAMPLED_STEPS = 16  # of an epoch, if `step_angle_every` is `auto`: 31 at most, all where it has fewer

log = logging.getLogger(__name__)


def make_trainer(config: Config, seed: int, prepared: Prepared, *, measures: bool = True) -> Trainer:
    """Return a seed as it is before its first epoch.

    Initial weights are those of `torch.manual_seed(seed)`; held-out images, order and augmentation are drawn from a
    stream of their own. `measures=False` is for the devices beside the first.
    """
    make_repeatable(config.device, config.threads)
    torch.manual_seed(seed)
    device = torch.device(config.device)
    generator = torch.Generator(device).manual_seed(stream_seed("batches", seed))
    made = prepared.manifest
    layers, memory_format, _refusal = layout_of(
        config.architecture, *made.channels_and_classes, config.device, config.precision, made.image_size
    )
    loaders = load(
        prepared,
        batch_size=config.batch_size,
        val_split=config.val_split,
        generator=generator,
        memory_format=memory_format,
    )
    model = convolve_small_maps(lay_out(build(config, prepared).to(device), memory_format), config.device)
    if config.compile:
        _compile(model)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay, fused=True
    )
    return Trainer(
        model,
        loaders,
        optimizer,
        epochs=config.epochs,
        precision=config.precision,
        target=config.target_val_acc,
        layers=layers,
        measurements=MEASUREMENTS if measures else ("rwc",),
        steps=_step_tracker(config, model, optimizer, layers) if measures else None,
        samples=_step_sampler(config, model, optimizer, layers, loaders["train"]) if measures else None,
    )


def _step_tracker(
    config: Config, model: nn.Module, optimizer: torch.optim.Optimizer, layers: Sequence[str]
) -> StepTracker | None:
    if not config.rwc_every:
        return None
    steps = StepTracker(model, every=config.rwc_every, layers=layers)
    optimizer.register_step_post_hook(lambda *_: steps.step_end())
    return steps


def _step_sampler(
    config: Config, model: nn.Module, optimizer: torch.optim.Optimizer, layers: Sequence[str], train: Loader
) -> StepSampler | None:
    if not config.step_angle_every:
        return None
    last = train.whole_batches or len(train)
    every = max(1, last // SAMPLED_STEPS) if config.step_angle_every == "auto" else config.step_angle_every
    return StepSampler(model, optimizer, every=every, last=last, layers=layers)


def _compile(model: nn.Module) -> None:
    """Compile in place: the names of the parameters stay, and with them layers, checkpoints and measurements.

    Shapes are static: torch's automatic ones keep a graph of the first size beside one of all sizes, and which one a
    batch meets may depend on the seeds before it. So there are five graphs at most, for all seeds together: whole and
    last batches of training, whole batches of evaluation, the last ones of val and of test; torch gives up at eight.
    There is no mode: the others add kernels chosen by timing them, which changes bits, or CUDA graphs. The fallback
    draws dropout as it is drawn uncompiled.
    """
    model.compile(dynamic=False, options={"fallback_random": True})


def build(config: Config, prepared: Prepared) -> nn.Module:
    """Return the network for the data set, initialised, with ImageNet's weights where asked for."""
    model = new_network(config, prepared)
    if config.pretrained:
        log.info("not from ImageNet: %s", ", ".join(copy_equal(model, imagenet_weights(config.architecture))))
    return model


def new_network(config: Config, prepared: Prepared) -> nn.Module:
    """Return the network for the data set, initialised."""
    channels, classes = prepared.manifest.channels_and_classes
    return config.architecture.build(
        input_channels=channels, num_classes=classes, image_size=prepared.manifest.image_size
    )
