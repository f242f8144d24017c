"""What a study's run holds: its seeds below it, and the means over them."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from time import time

import mlflow
import pandas as pd
from mlflow.entities import Metric, RunTag
from mlflow.exceptions import MlflowException

from pipeline.analysis.statistics import Histories, final_values, group_means, over_seeds
from pipeline.measure.keys import group_key, layer_keys, third_key, thirds
from pipeline.tracking.heartbeat import FENCED, is_fenced, is_gone
from pipeline.tracking.queries import StoredSeed
from pipeline.tracking.run import PARENT, SEED, STUDY, Run
from pipeline.tracking.store import search

MEANS = "layerwise.means"
BATCH = 1000
Points = dict[tuple[str, int], float]


def reuse(study: Run, seeds: Sequence[StoredSeed]) -> list[tuple[int, str]]:
    """Show the runs of seeds below a study's run in MLflow, unless they hang below a newer one.

    Return seed and former study of those that move. Nothing is computed from where they hang.
    """
    client = study.client
    started = client.get_run(study.id).info.start_time
    moved = []
    for seed in seeds:
        if seed.parent == study.id or (seed.parent and _started(client, seed.parent) > started):
            continue
        client.set_tag(seed.id, PARENT, study.id)
        if seed.parent:
            moved.append((seed.number, seed.parent))
    return moved


def _started(client: mlflow.MlflowClient, run_id: str) -> int:
    try:
        started: int = client.get_run(run_id).info.start_time
    except MlflowException:  # it is deleted for good
        return 0
    return started


def close_seed(study_hash: str, seed: int, status: str = "FAILED") -> None:
    """Mark the unfinished runs of a claimed seed whose process is lost, and keep it from writing if it still lives."""
    running = f"tags.`{STUDY}` = '{study_hash}' and tags.`{SEED}` = '{seed}' and attributes.status = 'RUNNING'"
    for run in search(running):
        fence(run.info.run_id, status)


def fence(run_id: str, status: str = "KILLED") -> None:
    """End a run for its process, which may still live: it finds so before it sends, and nothing is resumed in it."""
    client = mlflow.MlflowClient()
    stored = client.get_run(run_id)
    if not is_gone(stored.data.tags) and not is_fenced(stored.data.tags):
        client.log_batch(run_id, tags=[RunTag(tag, value) for tag, value in FENCED.items()])
    if stored.info.status == "RUNNING":
        client.set_terminated(run_id, status)


def log_means(study_id: str, histories: Histories) -> None:
    """Log the means over the seeds under the seeds' own keys, and mean and deviation of the last test accuracies.

    What stands there already is left out: MLflow keeps every point of a step. A tag holds the digest of all points
    while they stand there, so that only a run with other means, or with a part of them, is asked for its points.
    """
    client = mlflow.MlflowClient()
    points, data = _means(histories), client.get_run(study_id).data
    digest = hashlib.sha256(repr(points).encode()).hexdigest()[:16]
    if data.tags.get(MEANS) == digest:
        return
    known = _known(client, study_id, data.metrics)
    new = {place: value for place, value in points.items() if place not in known or _differ(known[place], value)}
    now = int(time() * 1000)
    metrics = [Metric(key, value, now, step) for (key, step), value in new.items()]
    client.set_tag(study_id, MEANS, "incomplete")
    for start in range(0, len(metrics), BATCH):
        client.log_batch(study_id, metrics=metrics[start : start + BATCH])
    client.set_tag(study_id, MEANS, digest)


def _means(histories: Histories) -> Points:
    scalars, layers = over_seeds(histories.scalars), over_seeds(histories.measurements["rwc"])
    groups = over_seeds(group_means(histories.measurements["rwc"], "rwc"))
    points = _points(scalars["metric"], scalars)
    points |= _points(layers["layer"].map(layer_keys(histories.group_of)), layers)
    points |= _points(groups["group"].map(group_key), groups)
    by_third = over_seeds(group_means(_in_thirds(histories), "rwc"))
    points |= _points(by_third["group"].map(third_key), by_third)
    final = final_values(histories, "test_acc")
    last = max(histories.last_epochs.values())
    return points | {("test_acc_mean", last): float(final.mean()), ("test_acc_std", last): float(final.std())}


def _in_thirds(histories: Histories) -> pd.DataFrame:
    """Return the rows of RWC with the third of the depth, which all networks share, in place of the group."""
    rows = histories.measurements["rwc"]
    return rows.assign(group=rows["layer"].map(thirds(list(histories.group_of))))


def _points(keys: Iterable[str], means: pd.DataFrame) -> Points:
    places = zip(keys, means["epoch"].tolist(), strict=True)
    return dict(zip(places, means["mean"].tolist(), strict=True))


def _known(client: mlflow.MlflowClient, run_id: str, keys: Iterable[str]) -> Points:
    history = (point for key in keys for point in client.get_metric_history(run_id, key))
    return {(point.key, point.step): point.value for point in sorted(history, key=lambda point: point.timestamp)}


def _differ(one: float, other: float) -> bool:
    return one != other and not (math.isnan(one) and math.isnan(other))
