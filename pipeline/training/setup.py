"""What a seed begins with: loaders, model, optimizer and random generators, all determined by the seed."""

import torch
from torch import nn

from data.loader import Loader, load
from data.prepared import Prepared
from models.pretrained import copy_equal, imagenet_weights
from pipeline.config.settings import Config
from pipeline.host.hardware import make_repeatable
from pipeline.measure.steps import StepSampler, StepTracker
from pipeline.measure.tracker import copy_of, layer_weights
from pipeline.training.best import Best
from pipeline.training.checkpoint import Learner
from pipeline.training.streams import stream_seed


def set_up(config: Config, seed: int, prepared: Prepared) -> tuple[dict[str, Loader], Learner]:
    """Return the loaders, and the learner as it is before the first epoch.

    Initial weights are those of `torch.manual_seed(seed)`; what is held out, order and augmentation are drawn from a
    stream of their own.
    """
    make_repeatable(config.device, config.threads)
    torch.manual_seed(seed)
    device = torch.device(config.device)
    generator = torch.Generator(device).manual_seed(stream_seed("batches", seed))
    loaders = load(prepared, batch_size=config.batch_size, val_split=config.val_split, generator=generator)
    model = build(config, prepared).to(device).to(memory_format=torch.channels_last)
    if config.compile:
        _compile(model)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay, fused=True
    )
    steps = StepTracker(model, every=config.rwc_every) if config.rwc_every else None
    every, length, whole = config.step_angle_every, len(loaders["train"]), loaders["train"].whole_batches
    samples = StepSampler(model, optimizer, every=every, steps=length, whole=whole) if every else None
    return loaders, Learner(model, optimizer, generator, Best(), copy_of(layer_weights(model)), steps, samples)


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
    architecture = config.architecture
    manifest = prepared.manifest
    model = architecture.build(input_channels=manifest.shape[2], num_classes=len(manifest.classes))
    if config.pretrained:
        fresh = copy_equal(model, imagenet_weights(architecture))
        print(f"not from ImageNet: {', '.join(fresh)}")
    return model
