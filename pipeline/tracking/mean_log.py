"""Logs the means over a study's seeds, which `analysis/statistics.py` computes, to its run."""

import hashlib
import math
from collections.abc import Iterable
from functools import partial
from time import time

import mlflow
import pandas as pd
from mlflow.entities import Metric

from pipeline.analysis.paper import ELEMENTWISE
from pipeline.analysis.statistics import Histories, final_values, group_means, over_seeds
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
    scalars, layers = over_seeds(histories.scalars), over_seeds(histories.measurements["rwc"])
    groups = over_seeds(group_means(histories.measurements["rwc"], "rwc"))
    points = _points(scalars["metric"], scalars)
    points |= _points(layers["layer"].map(layer_keys(histories.group_of)), layers)
    points |= _points(groups["group"].map(group_key), groups)
    if ELEMENTWISE in histories.measurements:
        groups = over_seeds(group_means(histories.measurements[ELEMENTWISE], ELEMENTWISE))
        points |= _points(groups["group"].map(partial(group_key, metric=ELEMENTWISE)), groups)
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
