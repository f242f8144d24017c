"""What a study's page in MLflow opens with, and its best model in the registry."""

import logging
from collections.abc import Mapping, Sequence

from pipeline.analysis.statistics import Histories
from pipeline.config.settings import Config
from pipeline.tracking.charts import share_view
from pipeline.tracking.description import NEW_LINE, Page, describe, links, plain
from pipeline.tracking.limits import listed
from pipeline.tracking.logged_models import BestModel, best_models
from pipeline.tracking.queries import StoredSeed, StoredStudy
from pipeline.tracking.registered_models import ALIAS, register, registered_as, safe
from pipeline.tracking.retry import StoreError
from pipeline.tracking.run import Run
from pipeline.tracking.shared_view import share_studies

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
    study: Run,
    stored: StoredStudy,
    finished: Sequence[StoredSeed],
    histories: Histories,
    answer: Sequence[str],
    *,
    registers: bool,
) -> None:
    """Describe a study, beginning with the sentences of its answer, and register its best model where asked for."""
    seed_of = {seed.id: seed.number for seed in sorted(finished, key=lambda seed: seed.number)}
    models = best_models(list(seed_of))
    within = [model for model in models if model.epoch <= stored.epochs]
    best, name = next(iter(within), None), safe(stored.name)
    version = registered_as(best, name) if best else None
    paragraphs = _paragraphs(study, stored, histories, answer)
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


def _paragraphs(study: Run, stored: StoredStudy, histories: Histories, answer: Sequence[str]) -> list[str]:
    page = Page(study)
    view = share_view(page.experiment, histories.group_of, dict.fromkeys(histories.group_of.values()))
    shown = {name: page.artifact(path) for name, path in (("report", "report.html"), ("figures", "figures"))}
    shown |= {"tables": page.artifact("tables"), "charts, groups first": view}
    shown |= {"all studies": share_studies(page.experiment)}
    return [
        f"{plain(' '.join(answer[:2]))} {links(shown)}{NEW_LINE}{plain(' '.join(answer[2:4]))}",
        plain(" ".join(answer[4:])),
        *_missing(stored, histories),
        page.picture("figures/rwc_layers.svg", "relative weight change of each layer in each epoch"),
        "Settings: " + ", ".join(f"{setting} {stored.settings[setting]}" for setting in SETTINGS) + ".",
    ]


def _missing(stored: StoredStudy, histories: Histories) -> list[str]:
    missing = [str(seed) for seed in stored.seeds if seed not in histories.last_epochs]
    return [f"**Missing: seed {listed(missing)}**; the same command trains it."] if missing else []


def _best(study: Run, best: BestModel | None, seed_of: Mapping[str, int], name: str, version: str | None) -> str:
    if best is None:
        return "No seed has a model of these epochs."
    where = f"; registered: `mlflow.pyfunc.load_model('models:/{name}/{version}')`" if version else ""
    seed = f"[seed {seed_of[best.run_id]}]({Page(study).of(best.run_id)})"
    return f"Best model: {seed}, {best.metric} {best.accuracy:.2f} % at epoch {best.epoch}{where}."
