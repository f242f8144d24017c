"""What is measured of each layer, as pure functions of its weights before and after an epoch.

In a training loop of one's own, with or without MLflow:

    tracker = LayerTracker(model)
    for epoch in ...:
        ...
        mlflow.log_metrics(as_metrics(tracker.epoch_end()), step=epoch)

For that it is installed as `layerwise`, and here it is `pipeline.measure`. So its modules import each other relatively,
and nothing but torch.
"""

from importlib import import_module
from pkgutil import iter_modules

from .equilibrium import scale_invariant_layers, step_angle_level, steps_to_equilibrium, straightness, white_noise_rwc
from .keys import as_metrics
from .measurements import MEASUREMENTS
from .remaining import remaining_distance
from .steps import StepSampler, StepTracker
from .tracker import LayerTracker, copy_of, layer_weights

__version__ = "0.1.0"
__all__ = [
    "MEASUREMENTS",
    "LayerTracker",
    "StepSampler",
    "StepTracker",
    "as_metrics",
    "copy_of",
    "layer_weights",
    "remaining_distance",
    "scale_invariant_layers",
    "step_angle_level",
    "steps_to_equilibrium",
    "straightness",
    "white_noise_rwc",
]

for _module in iter_modules(__path__):  # each registers its measurements
    import_module(f"{__name__}.{_module.name}")
