"""Where a measurement has no value, and why: those places are NaN in the tables of the seeds."""

import pandas as pd

from pipeline.analysis.statistics import Histories

NO_WEIGHTS = "all weights were zero before the epoch"
NO_DIRECTION = "zeros have no direction"
REASONS = {
    "rwc": NO_WEIGHTS,
    "rwc_elementwise": NO_WEIGHTS,
    "l2_change": NO_WEIGHTS,
    "angular_update": NO_DIRECTION,
    "step_angle": NO_DIRECTION,
    "step_ratio": "all weights were zero before the step",
    "straightness": "no step moved the layer",
    "layer_rotation": NO_DIRECTION,
    "distance_from_start": "all initial weights were zero",
    "remaining_distance": "the layer ended where it started",
    "stable_rank": "all weights were zero after the epoch",
}


def undefined_table(histories: Histories) -> pd.DataFrame:
    """Return how often, over all seeds and epochs, which measurement of which layer has no value, and why."""
    rows = histories.layers[histories.layers["value"].isna()]
    counted = rows.groupby(["metric", "layer"], sort=False, observed=True).size().rename("times").reset_index()
    return counted.assign(why=counted["metric"].astype(str).map(REASONS))
