"""More measurements for the synthetic histories of a study."""

from dataclasses import replace

import numpy as np

from pipeline.analysis.statistics import Histories


def with_layers(made: Histories, **layers: object) -> Histories:
    """Return histories with other or further measurements, which broadcast to seeds x layers x epochs.

    They are measured where seeds ran and have a value.
    """
    ran = made.layers["rwc"]
    arrays = {metric: np.where(np.isnan(ran), np.nan, values) for metric, values in layers.items()}
    measured = {metric: ~np.isnan(values) for metric, values in arrays.items()}
    return replace(made, layers=made.layers | arrays, measured=made.measured | measured)
