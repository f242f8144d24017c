"""Studies that are compared with each other."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.analysis.comparison import Compared
from pipeline.analysis.paper import SETTINGS
from pipeline.analysis.statistics import Histories

GROUPS = {"features.0": "early", "features.3": "middle", "features.6": "later", "classifier": ""}
PAPER = {"lr": "0.05", "weight_decay": "0.0005", "epochs": "150", "target_val_acc": "94"} | SETTINGS


@pytest.fixture
def compared(histories: Callable[..., Histories]) -> Callable[..., Compared]:
    """Return a maker of studies of VGG19 with 3 seeds, whose changes are multiplied by a factor."""

    def make(dataset: str, factor: float = 1, *, seeds: tuple[int, ...] = (0, 1, 2), **changed: str) -> Compared:
        made = histories(dict.fromkeys(seeds, 3 + (dataset == "MNIST")), GROUPS)
        made = replace(made, layers={metric: factor * values for metric, values in made.layers.items()})
        settings = PAPER | {"weight_decay": "5e-4", "seeds": "0,1,2", "epochs": "3"} | changed
        return Compared(f"id-{dataset}", f"VGG19-{dataset}", "VGG19", dataset, settings, PAPER, made)

    return make
