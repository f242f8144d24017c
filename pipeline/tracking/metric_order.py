"""The order in which a run's metrics are logged, which is that of MLflow's list: accuracy, groups, then layers."""

from typing import TypeVar

from pipeline.analysis.paper import ELEMENTWISE
from pipeline.measure.keys import group_key, third_key

FIRST = (
    *("test_acc_mean", "test_acc_std", "test_acc", "val_acc", "train_acc", "test_loss", "val_loss", "train_loss"),
    *(group_key(""), third_key(""), group_key("", ELEMENTWISE), "rwc/"),
)
Value = TypeVar("Value")


def in_order(metrics: dict[str, Value]) -> dict[str, Value]:
    """Return metrics by key in this order; others, and those of equal rank, as they come."""
    return dict(sorted(metrics.items(), key=lambda item: _rank(item[0])))


def _rank(key: str) -> int:
    ranks = (
        rank for rank, first in enumerate(FIRST) if key == first or (first.endswith("/") and key.startswith(first))
    )
    return next(ranks, len(FIRST))
