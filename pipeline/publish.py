"""What a study's page in MLflow opens with, and its best model in the registry."""

from collections.abc import Sequence

import click

from pipeline.config import Config
from pipeline.results.statistics import BestEpoch, Histories, best_epoch, final_values
from pipeline.tracking.charts import share_view
from pipeline.tracking.description import Page, describe, links
from pipeline.tracking.models import BEST, register, safe
from pipeline.tracking.runs import Run
from pipeline.tracking.stored import StoredSeed, StoredStudy

SETTINGS = ("lr", "momentum", "weight_decay", "batch_size", "precision", "device")


def announce(study: Run, config: Config) -> None:
    """Describe a study that has begun."""
    count = len(config.seeds)
    describe(
        study,
        [
            f"**{config.architecture.name} on {config.data.name}**: {count} seed{'s' * (count > 1)} of up to "
            f"{config.epochs} epochs, below. Means, figures and report come when all are done; if it was broken off, "
            "the same command goes on."
        ],
    )


def publish(
    study: Run, stored: StoredStudy, finished: Sequence[StoredSeed], histories: Histories, *, registered: bool
) -> None:
    """Describe a study with results and, where asked for, register the model of its best seed."""
    best = best_epoch(histories)
    run_id = next(seed.id for seed in finished if seed.number == best.seed)
    name = safe(stored.name)
    tags = {"study": study.id, "seed": str(best.seed), best.metric: f"{best.accuracy:.2f}"}
    version = register(run_id, name, tags) if registered else None
    if registered:
        click.echo(f"model:   models:/{name}@{BEST}, version {version}" if version else "model:   none to register")
    page = Page(study)
    view = share_view(page.experiment, histories.group_of, dict.fromkeys(histories.group_of.values()))
    shown = {name: page.artifact(path) for name, path in (("report", "report.html"), ("figures", "figures"))}
    shown |= {"tables": page.artifact("tables"), "charts, groups first": view}
    model = f"#/experiments/{page.experiment}/runs/{run_id}"
    describe(
        study,
        [
            f"**{stored.name}**: test accuracy **{_accuracy(histories)}** · {links(shown)}",
            _seeds(stored, histories),
            page.picture("figures/rwc_layers.svg", "relative weight change of each layer in each epoch"),
            "Settings: " + ", ".join(f"{setting} {stored.settings[setting]}" for setting in SETTINGS) + ".",
            _best(best, model, f"models:/{name}@{BEST}" if version else ""),
        ],
    )


def _accuracy(histories: Histories) -> str:
    accuracies = final_values(histories, "test_acc")
    return f"{accuracies.mean():.2f}" + (f" ± {accuracies.std():.2f} %" if len(accuracies) > 1 else " %")


def _seeds(stored: StoredStudy, histories: Histories) -> str:
    last = sorted(set(histories.last_epochs.values()))
    epochs = f"{last[0]} to {last[-1]} epochs" if len(last) > 1 else f"{last[0]} epoch{'s' * (last[0] > 1)}"
    missing = [str(seed) for seed in stored.seeds if seed not in histories.last_epochs]
    broken = f" **Missing: seed {', '.join(missing)}**; the same command goes on." if missing else ""
    if len(histories.seeds) == 1:
        return f"One seed, so nobody knows how much it varies; {epochs}.{broken}"
    return (
        f"Mean and standard deviation of {len(histories.seeds)} of {len(stored.seeds)} seeds, after {epochs}.{broken}"
    )


def _best(best: BestEpoch, run: str, uri: str) -> str:
    where = f"; registered: `mlflow.pyfunc.load_model('{uri}')`" if uri else ""
    return f"Best model: [seed {best.seed}]({run}), {best.metric} {best.accuracy:.2f} % at epoch {best.epoch}{where}."
