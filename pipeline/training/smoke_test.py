"""Smoke test of a network that is not registered: a few images through all that a seed does, before one is trained."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from linecache import getline
from traceback import walk_tb

import torch
from torch import Tensor, nn

from data.loader import held_out_images
from data.prepared import Prepared
from models import Architecture, ModelError
from models.architectures import first_line
from pipeline.config.settings import Config
from pipeline.measure import MEASUREMENTS, other_parameters
from pipeline.tracking.logged_models import export_network
from pipeline.training.export import best_classifier, examples
from pipeline.training.layer_check import check_layers
from pipeline.training.layout import Layout, layout_of
from pipeline.training.loop import autocast
from pipeline.training.setup import make_trainer, new_network
from pipeline.training.trainer import Trainer

CHANGE = "change it, or name another one"
ONE_IMAGE = "an epoch's last batch has one image, so try another batch_size, or another network"
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
    """Return two training images, and one more if the last batch of an epoch has one; and as many test images."""
    trained_on = len(prepared.x_train) - held_out_images(config.val_split, len(prepared.x_train))
    whole = min(2, config.batch_size, trained_on)
    count = whole + (trained_on % config.batch_size == 1 and whole > 1)
    parts = {part: getattr(prepared, part)[:count] for part in ("x_train", "y_train", "x_test", "y_test")}
    return replace(prepared, **parts)


def _passes(config: Config, few: Prepared) -> bool:
    try:
        _try(config, few)
    except ModelError:
        return False
    return True


def _try(config: Config, few: Prepared) -> None:
    architecture = config.architecture
    channels, classes = few.manifest.channels_and_classes
    with _attempt(architecture, "be built"):
        network = new_network(config, few)
    check_layers(architecture, network)
    with _attempt(architecture, f"take batches of 2 x {channels} x 32 x 32"):
        layout = layout_of(architecture, channels, classes)
    small = replace(
        config, batch_size=min(2, config.batch_size), lr=RATE, target_val_acc=None, val_split=0.0,
        compile=False, devices=1, rwc_every=1, step_angle_every=1,
    )  # fmt: skip
    trainer = make_trainer(small, 0, few)
    remedy = ONE_IMAGE if len(few.x_train) % 2 else CHANGE
    _check_logits(architecture, trainer, classes, remedy)
    with _attempt(architecture, f"be trained in {config.precision}", remedy):
        _train(trainer)
    with _attempt(architecture, "be resumed from a checkpoint"):
        _resume(trainer, make_trainer(small, 1, few))
    _report(architecture, network, layout, trainer, small, few)


def _check_logits(architecture: Architecture, trainer: Trainer, classes: int, remedy: str) -> None:
    images, _labels = next(iter(trainer.loaders["train"]))
    for training in (True, False):  # as in an epoch
        mode = "training" if training else "evaluation"
        with _attempt(architecture, f"take batches of {' x '.join(map(str, images.shape))} in {mode}", remedy):
            trainer.model.train(training)
            with torch.inference_mode(not training), autocast(images, trainer.precision):
                logits = trainer.model(images)
        if not isinstance(logits, Tensor) or logits.shape != (len(images), classes):
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ModelError(
                f"{architecture.name} must return logits, images x classes, here {(len(images), classes)}; "
                f"in {mode} it returned {got}"
            )


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
    with _attempt(architecture, "load its best weights"):
        classifier = best_classifier(trainer, config, few)
    try:
        export_network(classifier, examples(few))
    except Exception as error:  # torch.export raises errors of many kinds
        log.warning("%s will be trained, but not logged as a model: torch.export fails (%s)", name, first_line(error))


@contextmanager
def _attempt(architecture: Architecture, what: str, remedy: str = CHANGE) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a network may raise anything
        raise ModelError(f"{architecture.name} cannot {what} ({first_line(error)}{_place(error)}): {remedy}") from error


def _place(error: Exception) -> str:
    """Return the module of a network that raised an error, with the line of its code unless the module is torch's."""
    passed = [(frame, line) for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_name == "forward"]
    found = [
        (module, frame, line) for frame, line in passed if isinstance(module := frame.f_locals.get("self"), nn.Module)
    ]
    if not found:
        return ""
    (network, *_), (module, frame, line) = found[0], found[-1]
    kind = type(module)
    name = next((name for name, each in network.named_modules() if each is module and name), "")
    code = "" if kind.__module__.startswith("torch.") else getline(frame.f_code.co_filename, line).strip()
    return f", in {name} ({kind.__name__})" * bool(name) + f", line {line}: {code}" * bool(code)
