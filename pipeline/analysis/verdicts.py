"""The rule of verdicts: which of four outcomes the seeds of a study show for each claim, after Holm's correction.

A test is a row with EFFECTS of the log ratio that a claim says is above zero ("<") or near zero ("~").
"""

import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.analysis.averages import MIN_SEEDS
from pipeline.analysis.inference import holm, same

LEVEL = 0.05
HOLDS, REVERSE, ALIKE, CANNOT_TELL = "holds", "the reverse", "alike", "cannot tell"
NO_VERDICT, EXPLORATORY = "no verdict", "exploratory"
NEEDED_SEEDS = f"a verdict needs {MIN_SEEDS} seeds"
DECIDED = [
    "outcome",
    "ratio",
    "low",
    "high",
    "lowest",
    "highest",
    "p",
    "p_holm",
    "alike_p",
    "alike_holm",
    "n",
    "reason",
]


def decide(tests: pd.DataFrame) -> pd.DataFrame:
    """Return the tests with the columns DECIDED; all primary ones that can be tested are one family.

    `tests` has EFFECTS, `comparison`, `primary`, and `hindered`: why there can be no verdict, or an empty string.
    Holm's rule corrects the p-values of a difference, and apart from these the ones of equivalence, each at half of the
    level: doubled, so that both kinds together have at most 5 % of studies with a false verdict. An equivalence
    goes first: a ratio within 10 % is alike even where its difference from 1 is certain.
    """
    decided = tests.assign(p=tests["p"].where(tests["comparison"] == "<", tests["beyond_p"]))
    family = decided["primary"] & (decided["hindered"] == "") & decided["p"].notna()
    for raw, corrected in (("p", "p_holm"), ("alike_p", "alike_holm")):
        decided[corrected] = np.nan
        decided.loc[family, corrected] = np.minimum(1, 2 * holm(decided.loc[family, raw].to_numpy(dtype=float)))
    decided["ratio"] = np.exp(decided["mean"])
    ends = ["low", "high", "lowest", "highest"]
    decided[ends] = np.exp(decided[ends])
    rows = zip(decided.to_dict("records"), family, strict=True)
    said = [_said(row, tested, int(family.sum())) for row, tested in rows]
    decided["outcome"], decided["reason"] = ([pair[which] for pair in said] for which in (0, 1))
    return decided


def _said(row: Mapping[Hashable, Any], tested: bool, family: int) -> tuple[str, str]:
    """Return outcome and reason of a row."""
    if not row["primary"]:
        return EXPLORATORY, seeds_in_words(row)
    if row["hindered"]:
        return NO_VERDICT, row["hindered"] + (f" ({seeds_in_words(row)})" if row["n"] else "")
    if not tested:
        needed = f"; {NEEDED_SEEDS}" if row["n"] < MIN_SEEDS else ""
        return NO_VERDICT, seeds_in_words(row) + needed
    found = f"95 % interval {row['low']:.3g} to {row['high']:.3g}"
    corrected = f"of {family} claims corrected by Holm's rule"
    if row["alike_holm"] <= LEVEL:
        outcome = HOLDS if row["comparison"] == "~" else ALIKE
        return outcome, f"within 10 % of 1: {found}; p {row['alike_holm']:.2g}, {corrected}"
    if row["p_holm"] <= LEVEL:
        outcome = HOLDS if row["comparison"] == "<" and row["ratio"] > 1 else REVERSE
        order = f"; the order of the layers could be any (p = {row['order_p']:.2g})" if order_may_be_any(row) else ""
        return outcome, f"{found}; p {row['p_holm']:.2g}, {corrected}{order}"
    return CANNOT_TELL, f"neither a difference nor alike is shown: {found}; p {row['p_holm']:.2g}, {corrected}"


def order_may_be_any(row: Mapping[Hashable, Any]) -> bool:
    """Return whether a claim about depth is decided, but not by the order of the layers: one end of the line is enough.

    `order_p` is missing, or NaN, in rows of other claims.
    """
    return bool(row.get("outcome", HOLDS) in (HOLDS, REVERSE) and row.get("order_p", math.nan) > LEVEL)


def seeds_in_words(row: Mapping[Hashable, Any]) -> str:
    """Return the range of the seeds' ratios and their directions, in words."""
    count, lowest, highest = row["n"], row["lowest"], row["highest"]
    if not count:
        return "not measured"
    if count == 1:
        return f"one seed: {lowest:.3g}"
    if same(lowest, highest):
        return f"all {count} seeds alike: {lowest:.3g}"
    where = "above 1 in all" if lowest > 1 else "below 1 in all" if highest < 1 else "on both sides of 1"
    return f"{count} seeds: {lowest:.3g} to {highest:.3g}, {where}"
