"""Logs the means over a study's seeds, which `analysis/averages.py` computes, to its run."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from functools import partial
from time import time

import mlflow
from mlflow.entities import Metric

from pipeline.analysis.averages import Values, mean_of_known
from pipeline.analysis.paper import ELEMENTWISE
from pipeline.analysis.statistics import Histories, final_values, group_means
from pipeline.measure.keys import group_key, layer_keys, third_key, thirds
from pipeline.tracking.metric_order import in_order

MEANS = "layerwise.means"
BATCH = 1000
Points = dict[tuple[str, int], float]


def log_means(study_id: str, histories: Histories) -> None:
    """Log the means over the seeds under the seeds' own keys, and mean and deviation of the last test accuracies.

    Points that the run has are skipped: MLflow keeps every point of a step. A tag holds the digest of all points once
    they are logged, so that the points are read only from a run with other means, or with a part of them.
    """
    client = mlflow.MlflowClient()
    points, data = _means(histories), client.get_run(study_id).data
    digest = hashlib.sha256(repr(points).encode()).hexdigest()[:16]
    if data.tags.get(MEANS) == digest:
        return
    known = _known(client, study_id, data.metrics)
    new = {place: value for place, value in points.items() if place not in known or _differ(known[place], value)}
    now = int(time() * 1000)
    by_key: dict[str, list[Metric]] = {}
    for (key, step), value in new.items():
        by_key.setdefault(key, []).append(Metric(key, value, now, step))
    metrics = [metric for its in in_order(by_key).values() for metric in its]
    client.set_tag(study_id, MEANS, "incomplete")
    for start in range(0, len(metrics), BATCH):
        client.log_batch(study_id, metrics=metrics[start : start + BATCH])
    client.set_tag(study_id, MEANS, digest)


def _means(histories: Histories) -> Points:
    single = {metric: mean_of_known(values, axis=0) for metric, values in histories.scalars.items()}
    of_layers = mean_of_known(histories.layers["rwc"], axis=0)
    single |= zip(layer_keys(histories.group_of).values(), of_layers, strict=True)
    grouped = {
        key(group): mean_of_known(by_seed, axis=0)
        for metric, group_of, key in (
            ("rwc", histories.group_of, group_key),
            (ELEMENTWISE, histories.group_of, partial(group_key, metric=ELEMENTWISE)),
            ("rwc", thirds(list(histories.group_of)), third_key),
        )
        if metric in histories.layers
        for group, by_seed in group_means(histories.layers[metric], group_of).items()
    }
    points = _points(single) | {place: mean for place, mean in _points(grouped).items() if not math.isnan(mean)}
    final, last = final_values(histories, "test_acc"), histories.last_epoch
    return points | {("test_acc_mean", last): float(final.mean()), ("test_acc_std", last): float(final.std())}


def _points(curves: Mapping[str, Values]) -> Points:
    return {(key, epoch): mean for key, means in curves.items() for epoch, mean in enumerate(means.tolist(), start=1)}


def _known(client: mlflow.MlflowClient, run_id: str, keys: Iterable[str]) -> Points:
    history = (point for key in keys for point in client.get_metric_history(run_id, key))
    return {(point.key, point.step): point.value for point in sorted(history, key=lambda point: point.timestamp)}


def _differ(one: float, other: float) -> bool:
    """Return whether two means differ by more than the rounding of another order of the sum."""
    return not (math.isclose(one, other, rel_tol=1e-12) or (math.isnan(one) and math.isnan(other)))
