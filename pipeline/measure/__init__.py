"""Measurements of each layer: pure functions of its weights before and after an epoch.

To add one, add a function under `@measurement(name, formula)`, as in `rwc.py`: every module here is imported.

In your own training loop, with or without MLflow:

    tracker = LayerTracker(model)
    for epoch in ...:
        ...
        mlflow.log_metrics(as_metrics(tracker.epoch_end()), step=epoch)

The package is installed as `layerwise`; inside the repository it is `pipeline.measure`. So its modules import each
other relatively, and torch alone; functions import matplotlib and pandas when they are called. The adapters,
`layerwise.lightning` and `layerwise.transformers`, import the library of their name, and are not imported here.
"""

from importlib import import_module
from pkgutil import iter_modules

from .equilibrium import step_angle_level, steps_to_equilibrium, straightness, white_noise_rwc
from .forward import forward_order
from .history import read_history, write_history
from .invariance import scale_invariant_filters, scale_invariant_layers
from .keys import as_metrics
from .layer_plot import plot
from .layer_selection import why_unmeasurable
from .measurements import MEASUREMENTS
from .remaining import REMAINING_FORMULAS, remaining_distance
from .step_log import log_every
from .steps import STEP_FORMULAS, StepSampler, StepTracker
from .tracker import LayerTracker
from .weights import copy_of, layer_weights, other_parameters

__version__ = "0.1.0"
__all__ = [
    "FORMULAS",
    "MEASUREMENTS",
    "STEP_FORMULAS",
    "LayerTracker",
    "StepSampler",
    "StepTracker",
    "as_metrics",
    "copy_of",
    "forward_order",
    "layer_weights",
    "log_every",
    "other_parameters",
    "plot",
    "read_history",
    "remaining_distance",
    "scale_invariant_filters",
    "scale_invariant_layers",
    "step_angle_level",
    "steps_to_equilibrium",
    "straightness",
    "white_noise_rwc",
    "why_unmeasurable",
    "write_history",
]

ADAPTERS = {"lightning", "transformers"}  # of these libraries, which they import
for _module in iter_modules(__path__):  # each registers its measurements
    if _module.name not in ADAPTERS:
        import_module(f"{__name__}.{_module.name}")

FORMULAS = {name: measured.formula for name, measured in MEASUREMENTS.items()}
FORMULAS |= REMAINING_FORMULAS | STEP_FORMULAS
