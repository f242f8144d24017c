"""A view of MLflow's charts with groups of layers first, then accuracy and loss, then layers.

MLflow's own sections are in alphabetical order, with a chart a key.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.analysis.paper import ELEMENTWISE
from pipeline.measure.keys import THIRDS, group_key, layer_keys, third_key
from pipeline.tracking.limits import EXPERIMENT_TAG
from pipeline.tracking.shared_view import packed, share

LAYERS, GROUPS = LEFT_OUT = ("RWC of layers", "RWC of groups")  # of too long a view, in this order
COLUMNS, HEIGHT = 2, 360  # charts beside each other, and their pixels
FORMS = {"rwc": "", ELEMENTWISE: ", elementwise"}  # of a group, beside each other
Charts = Sequence[tuple[str, Sequence[str]]]


def share_view(experiment: str, layers: Iterable[str], groups: Iterable[str]) -> str:
    """Keep the view of all studies with these layers and groups in an experiment; return its address in the browser.

    A view that would be longer than MLflow keeps, that of some 900 layers, has no charts of layers.
    """
    charts = _sections(list(layers), [group for group in groups if group])
    while len(view := packed(_view(charts))) > EXPERIMENT_TAG:
        del charts[next(section for section in LEFT_OUT if section in charts)]
    return share(experiment, hashlib.sha256(view.encode()).hexdigest()[:16], view, "CHART")


def _sections(layers: Sequence[str], groups: Sequence[str]) -> dict[str, Charts]:
    sections: dict[str, Charts] = {
        GROUPS: [(f"{group}{form}", [group_key(group, metric)]) for group in groups for metric, form in FORMS.items()],
        "RWC of the thirds of the depth": [(f"{third} third", [third_key(third)]) for third in THIRDS],
        "Accuracy and loss": [("accuracy, %", ["test_acc", "train_acc"]), ("loss", ["test_loss", "train_loss"])],
        LAYERS: [(layer, [key]) for layer, key in layer_keys(layers).items()],
    }
    return {name: charts for name, charts in sections.items() if charts}


def _view(shown: Mapping[str, Charts]) -> dict[str, Any]:
    return {
        "compareRunSections": [_section(name) for name in shown],
        "compareRunCharts": [_chart(section, *chart) for section, charts in shown.items() for chart in charts],
        "isAccordionReordered": True,
    }


def _section(name: str) -> dict[str, Any]:
    return {
        "uuid": name,
        "name": name,
        "display": True,
        "isReordered": True,
        "columns": COLUMNS,
        "cardHeight": HEIGHT,
    }


def _chart(section: str, name: str, keys: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "LINE",
        "uuid": f"{section} {name}",
        "metricSectionId": section,
        "metricKey": keys[0],
        "selectedMetricKeys": list(keys),
        "displayName": name,
        "isGenerated": len(keys) == 1,  # MLflow adds no other chart of such a key
        "deleted": False,
        "lineSmoothness": 0,
        "scaleType": "linear",
        "xAxisKey": "step",
        "xAxisScaleType": "linear",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "range": {},
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
        "runsCountToCompare": 10,
    }
