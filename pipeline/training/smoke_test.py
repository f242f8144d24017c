"""Smoke test of a network that may not work: a few images through all that a seed does, before one is trained."""

import logging
from dataclasses import replace
from io import BytesIO

import torch
from torch import nn

from data.loader import EVALUATION_BATCH, held_out_images
from data.prepared import Prepared
from models import Architecture, ModelError
from models.architectures import one_line
from pipeline.config.settings import Config
from pipeline.measure import MEASUREMENTS, other_parameters
from pipeline.tracking.logged_models import export_network
from pipeline.training.attempt import CHANGE, attempt, checked
from pipeline.training.export import best_classifier, examples
from pipeline.training.layer_check import check_layers
from pipeline.training.layout import Layout, layout_of
from pipeline.training.loop import autocast
from pipeline.training.setup import make_trainer, new_network
from pipeline.training.trainer import Trainer

ONE_IMAGE = "an epoch's last batch has one image, so try another batch_size, or another network"
OTHER_SIZE = f"try another image_size, such as 224 for torchvision's, {CHANGE}"
QUICK = ("rwc", "displacement")
RATE = 1e-6  # no step of which a loss diverges
log = logging.getLogger(__name__)


def run_smoke_test(config: Config, prepared: Prepared) -> None:
    """Train a network on a few images, in its precision, device and layout; raise ModelError. Seconds.

    It is evaluated, measured, saved, loaded into a second build, and exported. The random generators are left
    unchanged.
    """
    few = _few_images(config, prepared)
    with torch.random.fork_rng():
        try:
            _try(config, few)
        except ModelError as error:
            if config.precision == "bf16" and _passes(replace(config, precision="fp32"), few):
                raise ModelError(f"{error}; with precision=fp32 it works") from error
            raise


def _few_images(config: Config, prepared: Prepared) -> Prepared:
    """Return two training and two test images, and one more of a part of which the study has a batch of one image."""
    held_out = held_out_images(config.val_split, len(prepared.x_train))
    trained_on, size = len(prepared.x_train) - held_out, min(2, config.batch_size)
    train = min(size, trained_on) + _leaves_one(trained_on, config.batch_size)
    evaluated = min(config.batch_size, EVALUATION_BATCH)
    test = size + any(_leaves_one(count, evaluated) for count in (held_out, len(prepared.x_test)))
    parts = {part: getattr(prepared, part)[:train] for part in ("x_train", "y_train")}
    parts |= {part: getattr(prepared, part)[:test] for part in ("x_test", "y_test")}
    return replace(prepared, **parts)


def _leaves_one(count: int, batch_size: int) -> bool:
    return batch_size > 1 and count > 1 and count % batch_size == 1


def _passes(config: Config, few: Prepared) -> bool:
    try:
        _try(config, few)
    except ModelError:
        return False
    return True


def _try(config: Config, few: Prepared) -> None:
    architecture = config.architecture
    channels, classes = few.manifest.channels_and_classes
    height, width = few.manifest.image_size
    with attempt(architecture, "be built", OTHER_SIZE if architecture.takes_size else CHANGE):
        network = new_network(config, few)
        if not isinstance(network, nn.Module):
            raise TypeError(f"it is {type(network).__name__}, not a torch.nn.Module: does the factory return it?")
    check_layers(architecture, network)
    with attempt(architecture, f"take batches of 2 x {channels} x {height} x {width}, forward and back", OTHER_SIZE):
        layout = layout_of(architecture, channels, classes, config.device, config.precision, (height, width))
    small = replace(
        config, batch_size=min(2, config.batch_size), lr=RATE, target_val_acc=None, val_split=0.0,
        compile=False, devices=1, rwc_every=1, step_angle_every=1,
    )  # fmt: skip
    remedy = ONE_IMAGE if len(few.x_train) % 2 else CHANGE
    with attempt(architecture, f"be trained in {config.precision}", remedy):
        trainer = make_trainer(small, 0, few)
        _check_logits(trainer, classes)
        _train(trainer)
    with attempt(architecture, "be resumed from a checkpoint"):
        _resume(trainer, make_trainer(small, 1, few))
    _report(architecture, network, layout, trainer, small, few)


def _check_logits(trainer: Trainer, classes: int) -> None:
    """Check what the network returns for every size of its batches, in training and in evaluation."""
    for part, training in (("train", True), ("test", False)):
        trainer.model.train(training)
        for images, _labels in trainer.loaders[part]:
            with torch.inference_mode(not training), autocast(images, trainer.precision):
                checked(trainer.model(images), len(images), classes, training=training)


def _train(trainer: Trainer) -> None:
    """Train an epoch with all measurements, and one more with the quick ones: evaluation may have left traces."""
    for trainer.epochs, trainer.measurements in ((1, tuple(MEASUREMENTS)), (2, QUICK)):
        for _result in trainer.run():
            pass


def _resume(trainer: Trainer, other: Trainer) -> None:
    file = BytesIO()
    torch.save(trainer.state(), file)
    file.seek(0)
    other.restore(torch.load(file, weights_only=True))


def _report(
    architecture: Architecture, network: nn.Module, layout: Layout, trainer: Trainer, config: Config, few: Prepared
) -> None:
    """Report what the study does without, and what it is trained with instead."""
    name, unmeasured = architecture.name, [] if architecture.layers else other_parameters(network)
    if layout.refusal:
        log.warning(
            "%s is trained in contiguous memory, which is slower: channels-last fails (%s)", name, layout.refusal
        )
    if unmeasured:
        more = f" and {len(unmeasured) - 1} more" if len(unmeasured) > 1 else ""
        log.info("%s: not a layer, so not measured: %s%s (`layers` names others)", name, unmeasured[0], more)
    with attempt(architecture, "load its best weights"):
        classifier = best_classifier(trainer, config, few)
    try:
        export_network(classifier, examples(few))
    except Exception as error:  # torch.export raises errors of many kinds
        log.warning("%s will be trained, but not logged as a model: torch.export fails (%s)", name, one_line(error))
