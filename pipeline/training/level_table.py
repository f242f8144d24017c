"""The levels of equilibrium of each layer of a seed's network, as a table."""

import logging
import math
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any

import pandas as pd
import torch
from torch import Generator, nn

from pipeline.config.settings import Config
from pipeline.measure import scale_invariant_layers, step_angle_level, steps_to_equilibrium, white_noise_rwc
from pipeline.tracking.tables import LEVELS

IMAGES = 8

log = logging.getLogger(__name__)


def level_table(
    config: Config,
    model: nn.Module,
    layers: Sequence[str],
    *,
    shape: Sequence[int],
    steps: int,
    group_of: Callable[[str], str],
) -> str:
    """Return CSV with the columns LEVELS, a row for each of `layers`, for epochs of `steps` steps.

    `shape` is that of an image: height, width, channels.
    Layers that are not scale-invariant have no levels; without weight decay none has.
    """
    sgd: dict[str, Any] = {"lr": config.lr, "momentum": config.momentum, "weight_decay": config.weight_decay}
    angle, rwc = step_angle_level(**sgd), white_noise_rwc(steps=steps, **sgd)
    epoch = steps_to_equilibrium(**sgd) / steps
    levels = (angle, rwc, math.ceil(epoch)) if config.weight_decay else (None, None, None)
    invariant = _scale_invariant(model, layers, shape)
    rows = [
        (layer, group_of(layer), layer in invariant, *(levels if layer in invariant else (None, None, None)))
        for layer in layers
    ]
    text = StringIO()
    pd.DataFrame(rows, columns=LEVELS).astype({"epoch": "Int64"}).to_csv(text, index=False)
    return text.getvalue()


def _scale_invariant(model: nn.Module, layers: Sequence[str], shape: Sequence[int]) -> set[str]:
    try:
        height, width, channels = shape
        images = torch.randn(IMAGES, channels, height, width, generator=Generator().manual_seed(0))
        return set(scale_invariant_layers(model, images, layers=layers))
    except Exception as error:  # a custom network may not run in float64, or not be copied
        log.warning("no levels of equilibrium: scale-invariant layers cannot be found (%s)", error)
        return set()
