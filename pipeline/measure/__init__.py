"""Measurements of each layer: pure functions of its weights before and after an epoch.

To add one, add a function under `@measurement(name, formula)`, as in `rwc.py`: every module here is imported.

In your own training loop, with or without MLflow:

    tracker = LayerTracker(model)
    for epoch in ...:
        ...
        mlflow.log_metrics(as_metrics(tracker.epoch_end()), step=epoch)

The package is installed as `layerwise`; inside the repository it is `pipeline.measure`. So its modules import each
other relatively, and torch alone.
"""

from importlib import import_module
from pkgutil import iter_modules

from .equilibrium import step_angle_level, steps_to_equilibrium, straightness, white_noise_rwc
from .forward import forward_order
from .invariance import scale_invariant_filters, scale_invariant_layers
from .keys import as_metrics
from .layer_selection import why_unmeasurable
from .measurements import MEASUREMENTS
from .remaining import FORMULA, remaining_distance
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
    "other_parameters",
    "remaining_distance",
    "scale_invariant_filters",
    "scale_invariant_layers",
    "step_angle_level",
    "steps_to_equilibrium",
    "straightness",
    "white_noise_rwc",
    "why_unmeasurable",
]

for _module in iter_modules(__path__):  # each registers its measurements
    import_module(f"{__name__}.{_module.name}")

FORMULAS = {name: measured.formula for name, measured in MEASUREMENTS.items()}
FORMULAS |= {**STEP_FORMULAS, "remaining_distance": FORMULA}
