"""The view of an experiment's studies that links lead to: a study a line, with the answer in its columns.

MLflow keeps views that people share as tags of the experiment; these are more of them. What such a tag holds is
MLflow's own affair: the browser tests tell if that changes.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

import mlflow

from pipeline.tracking.mlflow_internals import SHARED_VIEW, TRAINING_LAYOUT
from pipeline.tracking.run import CHANGED_MOST, KIND

STUDIES = "studies"  # the key of the list of runs: the same in every experiment, so that documents can name it
NAME, NAME_PIXELS = "attributes.`Run Name`", 190  # always shown; named here, or it stands last in a narrow window
COLUMNS = {  # beside the name, and their pixels; the first two stand in a window of 1,400 pixels, whatever else is open
    "metrics.`test_acc_mean`": 115,
    f"tags.`{CHANGED_MOST}`": 230,
    "metrics.`test_acc_std`": 100,
    "params.`seeds`": 90,
    "params.`epochs`": 70,
    "params.`lr`": 70,
    "params.`model_name`": 110,
    "params.`dataset`": 80,
    "metrics.`test_acc`": 80,  # of the seeds
}
View = Mapping[str, Any]


def share_studies(experiment: str) -> str:
    """Keep the list of an experiment's runs, whose seeds can be unfolded; return its address in the browser."""
    return share(experiment, STUDIES, packed({"searchFilter": ""}))


def share(experiment: str, key: str, view: str, mode: str = "TABLE") -> str:
    """Keep a packed view in an experiment; return its address, as a `TABLE` or as a `CHART`."""
    mlflow.MlflowClient().set_experiment_tag(experiment, f"{SHARED_VIEW}{key}", view)
    return f"#/experiments/{experiment}/runs?{TRAINING_LAYOUT}&compareRunsMode={mode}&viewStateShareKey={key}"


def packed(more: View) -> str:
    """Return the text of the tag that keeps a view: all studies in our columns, and what `more` adds or changes."""
    text = json.dumps({**_studies(), **more}, sort_keys=True)
    return f"deflate;{base64.b64encode(zlib.compress(text.encode())).decode()}"


def _studies() -> dict[str, Any]:
    return {
        "searchFilter": f"tags.`{KIND}` = 'study'",
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": list(COLUMNS),
        "columnOrder": [NAME, *COLUMNS],
        "columnWidths": {NAME: NAME_PIXELS} | COLUMNS,
    }
