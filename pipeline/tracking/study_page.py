"""What a study's page in MLflow opens with, and its best model in the registry."""

import logging
from collections.abc import Mapping, Sequence

from pipeline.analysis.statistics import Histories, final_values
from pipeline.config.settings import Config
from pipeline.tracking.charts import share_view
from pipeline.tracking.description import Page, describe, links
from pipeline.tracking.limits import listed
from pipeline.tracking.logged_models import BestModel, best_models
from pipeline.tracking.queries import StoredSeed, StoredStudy
from pipeline.tracking.registered_models import ALIAS, register, registered_as, safe
from pipeline.tracking.retry import StoreError
from pipeline.tracking.run import Run

SETTINGS = ("image_size", "lr", "momentum", "weight_decay", "batch_size", "precision", "device")
log = logging.getLogger(__name__)


def announce(study: Run, config: Config) -> None:
    """Describe a study that has begun."""
    count = len(config.seeds)
    describe(
        study,
        [
            f"**{config.architecture.name} on {config.data.name}**: {count} seed{'s' * (count > 1)} of up to "
            f"{config.epochs} epochs, below. Means, figures and report follow when all are finished; if it was "
            "interrupted, the same command resumes it."
        ],
    )


def publish(
    study: Run, stored: StoredStudy, finished: Sequence[StoredSeed], histories: Histories, *, registers: bool
) -> None:
    """Describe a study with results and, where asked for, register the model of its best seed."""
    seed_of = {seed.id: seed.number for seed in sorted(finished, key=lambda seed: seed.number)}
    models = best_models(list(seed_of))
    within = [model for model in models if model.epoch <= stored.epochs]
    best, name = next(iter(within), None), safe(stored.name)
    version = registered_as(best, name) if best else None
    paragraphs = _paragraphs(study, stored, histories)
    beyond = _beyond([seed_of[model.run_id] for model in models if model not in within], stored.epochs)
    describe(study, [*paragraphs, _best(study, best, seed_of, name, version) + beyond])
    if not registers:
        return
    if best is None:
        log.info("model:   none to register.%s", beyond)
        return
    try:
        version, named = register(best, name, study, seed_of[best.run_id])
    except StoreError as error:  # the study is complete without it
        log.warning(error)
        return
    kept = "" if named == version else f"; models:/{name}@{ALIAS} stays version {named}, which is better"
    log.info("model:   models:/%s%s, version %s%s%s", name, "" if kept else f"@{ALIAS}", version, kept, beyond)
    describe(study, [*paragraphs, _best(study, best, seed_of, name, version) + beyond])


def _beyond(seeds: Sequence[int], epochs: int) -> str:
    """Return what to say of seeds that ran longer, and kept the weights of a later epoch alone."""
    if not seeds:
        return ""
    return f" Left out, as their best models are from after epoch {epochs}: seed {listed(seeds)}."


def _paragraphs(study: Run, stored: StoredStudy, histories: Histories) -> list[str]:
    page = Page(study)
    view = share_view(page.experiment, histories.group_of, dict.fromkeys(histories.group_of.values()))
    shown = {name: page.artifact(path) for name, path in (("report", "report.html"), ("figures", "figures"))}
    shown |= {"tables": page.artifact("tables"), "charts, groups first": view}
    return [
        f"**{stored.name}**: test accuracy **{_accuracy(histories)}** · {links(shown)}",
        _seeds(stored, histories),
        page.picture("figures/rwc_layers.svg", "relative weight change of each layer in each epoch"),
        "Settings: " + ", ".join(f"{setting} {stored.settings[setting]}" for setting in SETTINGS) + ".",
    ]


def _accuracy(histories: Histories) -> str:
    accuracies = final_values(histories, "test_acc")
    return f"{accuracies.mean():.2f}" + (f" ± {accuracies.std():.2f} %" if len(accuracies) > 1 else " %")


def _seeds(stored: StoredStudy, histories: Histories) -> str:
    last = sorted(set(histories.last_epochs.values()))
    epochs = f"{last[0]} to {last[-1]} epochs" if len(last) > 1 else f"{last[0]} epoch{'s' * (last[0] > 1)}"
    missing = [str(seed) for seed in stored.seeds if seed not in histories.last_epochs]
    broken = f" **Missing: seed {listed(missing)}**; the same command trains it." if missing else ""
    if len(histories.seeds) == 1:
        return f"Only one seed: no estimate of the spread; {epochs}.{broken}"
    return (
        f"Mean and standard deviation of {len(histories.seeds)} of {len(stored.seeds)} seeds, after {epochs}.{broken}"
    )


def _best(study: Run, best: BestModel | None, seed_of: Mapping[str, int], name: str, version: str | None) -> str:
    if best is None:
        return "No seed has a model of these epochs."
    where = f"; registered: `mlflow.pyfunc.load_model('models:/{name}/{version}')`" if version else ""
    seed = f"[seed {seed_of[best.run_id]}]({Page(study).of(best.run_id)})"
    return f"Best model: {seed}, {best.metric} {best.accuracy:.2f} % at epoch {best.epoch}{where}."
