"""The columns of the tables in reports, and the rows that no CSV file has in this form."""

from typing import Any

import numpy as np
import pandas as pd

from pipeline.analysis.averages import Values
from pipeline.analysis.claims import PRIMARY
from pipeline.analysis.depth import layer_sizes
from pipeline.analysis.groups import group_logs
from pipeline.analysis.inference import effects
from pipeline.analysis.reports.folded_tables import (
    INTERVAL,
    LONG,
    NUMBER,
    OUTCOME,
    PERCENT_RANGE,
    RANGE,
    SEEDS,
    Column,
    Row,
    Table,
    counts,
    numbers,
    span,
    table,
    words,
)
from pipeline.analysis.reports.rendering import number, rows
from pipeline.analysis.statistics import Histories
from pipeline.analysis.windows import mean_logs

MEASURED_BY = words("measured by", "measured by")
CHANGES = [words("layer", "layer", LONG), words("group", "group"), counts("weights", "weights"),
           numbers("RWC, % an epoch", "change"), PERCENT_RANGE,
           SEEDS]  # fmt: skip
GROUPS = [MEASURED_BY, words("ratio", "what"), words("epochs", "window"), numbers("mean", "mean"), INTERVAL, RANGE,
          numbers("p", "p", of_five=True), SEEDS]  # fmt: skip
DEPTHS = [MEASURED_BY, words("layers", "layers"), counts("count", "count"), numbers("correlation", "correlation"),
          INTERVAL, RANGE, numbers("p of the order", "order_p", of_five=True), numbers("last / first", "ratio"),
          span("its 95 % interval", "ratio_low", "ratio_high", of_five=True),
          span("its lowest to highest seed", "ratio_lowest", "ratio_highest"), numbers("p", "p", of_five=True), SEEDS,
          words("note", "note")]  # fmt: skip
STUDY, CLAIM = words("study", "study", LONG), words("claim", "claim", LONG)
TESTED = [words("outcome", "outcome", OUTCOME), numbers("ratio", "ratio"), INTERVAL, RANGE,
          numbers("p (Holm)", "p_holm", of_five=True), numbers("p of the order", "order_p", of_five=True), SEEDS,
          words("the ratio is", "ratio of", LONG), words("why", "reason", LONG)]  # fmt: skip
CLAIMS = [STUDY, CLAIM, *TESTED]
EXPLORED = [STUDY, CLAIM, words("layers", "layers"), MEASURED_BY, words("epochs", "window"), *TESTED]
ACCURACIES = [STUDY, numbers("test accuracy, %", "test_acc", 4),
              span("95 % interval, %", "low", "high", of_five=True), PERCENT_RANGE, SEEDS,
              numbers("the paper, %", "paper", 4), numbers("difference, points", "difference"),
              words("remarks", "remarks", LONG)]  # fmt: skip
OF_GROUPS = [STUDY, words("group", "group"), numbers("RWC, % an epoch", "change"), PERCENT_RANGE, SEEDS]
STUDIES = [STUDY, words("run", "run", LONG), counts("seeds", "seeds"),
           counts("epochs", "epochs"), words("missing, or different from the paper", "remarks", LONG),
           words("why it gives no verdicts", "hindered", LONG)]  # fmt: skip


def layers_by_change(histories: Histories) -> list[dict[str, Any]]:
    """Return each layer's change in percent, the largest first; only layers that changed."""
    of_layers = {"layer": list(histories.group_of), "group": list(histories.group_of.values())}
    frame = pd.DataFrame(of_layers).assign(weights=lambda frame: frame["layer"].map(layer_sizes(histories)))
    return _by_change(frame, mean_logs(histories, PRIMARY))


def groups_by_change(histories: Histories) -> list[dict[str, Any]]:
    """Return each group's change in percent, the largest first."""
    changes = group_logs(mean_logs(histories, PRIMARY), histories)
    return _by_change(pd.DataFrame({"group": list(changes)}), np.array(list(changes.values())).T) if changes else []


def _by_change(frame: pd.DataFrame, logs: Values) -> list[dict[str, Any]]:
    found = effects(logs)
    for name, column in {"change": "mean", "lowest": "lowest", "highest": "highest"}.items():
        frame[name] = 100 * np.exp(found[column])
    frame["n"] = found["n"]
    return rows(frame.dropna(subset="change").sort_values("change", ascending=False, kind="stable"))


def groups_by_ratio(groups: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the ratios of groups, the largest of each measurement and window first."""
    parts = groups.groupby(["measured by", "window"], sort=False)
    return [row for _part, table in parts for row in rows(table.sort_values("mean", ascending=False, kind="stable"))]


def seeds_table(seeds: pd.DataFrame) -> Table:
    """Return a column for each column, accuracies in percent."""
    return table(rows(seeds), [_of_seeds(str(name)) for name in seeds.columns])


def _of_seeds(name: str) -> Column:
    heading = name.replace("_", " ") + (", %" if name.endswith("acc") else "")
    return words(heading, name, NUMBER) if name in ("seed", "epochs") else numbers(heading, name, 4)


def beside_levels(equilibrium: pd.DataFrame) -> Table:
    """Return the levels, and each layer's mean of each quantity, with its interval, or the range of few seeds."""
    levels, layers = shared_levels(equilibrium), dict[str, dict[str, Any]]()
    for row in rows(equilibrium):
        its = {"layer": row["layer"], "equilibrium": row["equilibrium"], "n": row["n"]}
        layers.setdefault(str(row["layer"]), its)[str(row["quantity"])] = row
    listed = [{"layer": "level"} | {quantity: {"mean": level} for quantity, level in levels.items()}, *layers.values()]
    few = equilibrium["low"].isna().all()
    columns = [words("layer", "layer"), words("in equilibrium", "equilibrium")]
    for quantity in levels:
        columns += [_mean(quantity), _spread(quantity, RANGE if few else INTERVAL)]
    return table(listed, [*columns, SEEDS])


def shared_levels(table: pd.DataFrame) -> dict[str, float]:
    """Return the level of each quantity, which all scale-invariant layers share; straightness 1 where none is."""
    of_invariant = table.sort_values("scale_invariant", kind="stable")  # the last row of a quantity counts
    return dict(zip(of_invariant["quantity"], of_invariant["level"], strict=True))


def _mean(quantity: str) -> Column:
    return Column(quantity, lambda row: number(row[quantity]["mean"]) if quantity in row else "", NUMBER)


def _spread(quantity: str, of: Column) -> Column:
    def text(row: Row) -> str:
        return of.text(row[quantity]) if "n" in row.get(quantity, {}) else ""

    return Column(of.heading, text, NUMBER, of_five=True)
