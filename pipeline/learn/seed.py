"""One seed, from a configuration to a finished run."""

from functools import partial

import torch
from torch import nn

from data.loader import Loader, load
from data.prepared import Prepared
from models import ARCHITECTURES
from models.pretrained import copy_equal, imagenet_weights
from pipeline.config import Config
from pipeline.hardware import make_repeatable
from pipeline.learn.best import Best
from pipeline.learn.checkpoint import INITIAL, checkpoint, slot
from pipeline.learn.classifier import Classifier
from pipeline.learn.fit import fit
from pipeline.progress import Progress
from pipeline.tracking.background import Background
from pipeline.tracking.runs import CONFIG, STUDY, open_run
from pipeline.tracking.seeds import SeedLog


def train_seed(config: Config, seed: int, prepared: Prepared, progress: Progress, *, study: str | None = None) -> None:
    """Train one seed in a run of its own, below the study's run where there is one."""
    tags = {STUDY: config.study_hash(prepared.manifest.digest)}
    with open_run("seed", f"seed-{seed}", tags=tags, parent=study) as run:
        run.log_params(config.as_text() | {"seed": str(seed)})
        run.log_text(config.as_yaml(), CONFIG)
        run.log_dataset(prepared.manifest, "train")
        log = SeedLog(run, ARCHITECTURES[config.model_name].group_of)
        progress.begin(seed)
        best = _train(config, seed, prepared, progress, log)
        _log_best(config, prepared, log, best)


def _train(config: Config, seed: int, prepared: Prepared, progress: Progress, log: SeedLog) -> Best:
    loaders, model, optimizer, generator = set_up(config, seed, prepared)
    log.log_state(model.state_dict(), INITIAL)
    best, saved = Best(), 0
    reports = fit(
        model,
        loaders,
        optimizer,
        epochs=config.epochs,
        precision=config.precision,
        rwc_every=config.rwc_every,
        watch=progress.watch,
    )
    with Background() as background:
        for report in reports:
            progress.report(report)
            best.update(report, model)
            reached = config.target_val_acc is not None and report.deciding_accuracy >= config.target_val_acc
            states = {}
            if reached or report.epoch % config.checkpoint_every == 0 or report.epoch == config.epochs:
                states[slot(saved)] = checkpoint(model, optimizer, generator, report.epoch, best)
                saved += 1
            background.submit(partial(log.log_epoch, report, states))
            if reached:
                break
    return best


def set_up(
    config: Config, seed: int, prepared: Prepared
) -> tuple[dict[str, Loader], nn.Module, torch.optim.Optimizer, torch.Generator]:
    """Return the loaders, the model, its optimizer, and the generator that the loaders draw from."""
    make_repeatable(config.device, config.threads)
    torch.manual_seed(seed)
    device = torch.device(config.device)
    generator = torch.Generator(device).manual_seed(seed)
    loaders = load(prepared, batch_size=config.batch_size, val_split=config.val_split, generator=generator)
    model = _build(config, prepared).to(device).to(memory_format=torch.channels_last)
    if config.compile:
        _compile(model)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay, fused=True
    )
    return loaders, model, optimizer, generator


def _compile(model: nn.Module) -> None:
    """Compile in place: the names of the parameters stay, and with them layers, checkpoints and measurements.

    Shapes are static: torch's automatic ones keep a graph of the first size beside one of all sizes, and which one a
    batch meets may depend on the seeds before it. So there are five graphs at most, for all seeds together: whole and
    last batches of training, whole batches of evaluation, the last ones of val and of test; torch gives up at eight.
    There is no mode: the others add kernels chosen by timing them, which changes bits, or CUDA graphs. The fallback
    draws dropout as it is drawn uncompiled.
    """
    model.compile(dynamic=False, options={"fallback_random": True})


def _build(config: Config, prepared: Prepared) -> nn.Module:
    architecture = ARCHITECTURES[config.model_name]
    manifest = prepared.manifest
    model = architecture.build(input_channels=manifest.shape[2], num_classes=len(manifest.classes))
    if config.pretrained:
        fresh = copy_equal(model, imagenet_weights(architecture))
        print(f"not from ImageNet: {', '.join(fresh)}")
    return model


def _log_best(config: Config, prepared: Prepared, log: SeedLog, best: Best) -> None:
    manifest = prepared.manifest
    network = ARCHITECTURES[config.model_name].build(
        input_channels=manifest.shape[2], num_classes=len(manifest.classes)
    )
    network.load_state_dict(best.weights)
    classifier = Classifier(network, mean=manifest.mean, std=manifest.std)
    log.log_model(classifier, shape=manifest.shape, classes=manifest.classes, epoch=best.epoch)
