"""Statistics over seeds, by hand; seeds that stopped early count while they ran."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.statistics import LAYERS, final_values, group_means, over_seeds
from pipeline.analysis.study_tables import seed_table

GROUPS = {"stem": "", "conv1": "early", "conv2": "early", "conv3": "later"}


def table(*values: tuple[int, int, float]) -> pd.DataFrame:
    return pd.DataFrame([(s, e, "conv", "early", "rwc", value) for s, e, value in values], columns=LAYERS)


def test_mean_deviation_and_number_of_seeds_by_epoch() -> None:
    result = over_seeds(table((0, 1, 1.0), (0, 2, 5.0), (7, 1, 2.0), (9, 1, 6.0)))
    first, second = result.to_dict("records")
    assert (first["epoch"], first["mean"], first["n"]) == (1, 3.0, 3)
    assert first["std"] == pytest.approx(math.sqrt(((1 - 3) ** 2 + (2 - 3) ** 2 + (6 - 3) ** 2) / 2))
    assert (second["epoch"], second["mean"], second["n"]) == (2, 5.0, 1)
    assert math.isnan(second["std"])


def test_a_nan_is_left_out_and_not_counted() -> None:
    (row,) = over_seeds(table((0, 1, math.nan), (7, 1, 2.0))).to_dict("records")
    assert (row["mean"], row["n"]) == (2.0, 1)


def test_layers_keep_the_order_of_the_network(histories: Callable) -> None:
    result = over_seeds(histories({0: 2, 7: 2}, GROUPS).layers)
    first = result[(result["epoch"] == 1) & (result["metric"] == "rwc")]
    assert list(first["layer"]) == list(GROUPS)


def test_arrays_by_layer_have_nan_where_a_seed_did_not_run(histories: Callable) -> None:
    study = histories({7: 1, 0: 2}, GROUPS)
    assert study.group_of == GROUPS
    nan = math.nan
    first_layer = [[1.0, 0.5], [1.07, nan]]
    np.testing.assert_allclose(study.by_seed("rwc")[:, 0], first_layer)
    np.testing.assert_allclose(study.means("rwc")[0], [1.035, 0.5])
    np.testing.assert_allclose(study.means("rwc")[3], [4.035, 2.0])


def test_categories_change_nothing(histories: Callable) -> None:
    study = histories({7: 1, 0: 3}, GROUPS)
    texts = ["layer", "group", "metric"]
    compact = study.layers.astype(dict.fromkeys(texts, "category"))
    as_text = over_seeds(compact).astype(dict.fromkeys(texts, "str"))
    pd.testing.assert_frame_equal(as_text, over_seeds(study.layers), check_exact=True)
    assert list(group_means(compact, "rwc")["group"]) == list(group_means(study.layers, "rwc")["group"])


def test_final_values_are_each_seed_s_own_last(histories: Callable) -> None:
    final = final_values(histories({7: 1, 0: 3}, GROUPS), "test_acc")
    assert final.to_dict() == {0: 53.0, 7: 58.0}


def test_group_means_leave_out_what_stands_outside(histories: Callable) -> None:
    means = group_means(histories({0: 1}, GROUPS).layers, "rwc")
    assert dict(zip(means["group"], means["value"], strict=True)) == {"early": 2.5, "later": 4.0}


def test_a_line_a_seed(histories: Callable) -> None:
    first, second = seed_table(histories({7: 1, 0: 3}, GROUPS)).to_dict("records")
    assert (first["seed"], first["epochs"], first["test_acc"], first["highest_test_acc"]) == (0, 3, 53.0, 53.0)
    assert first["seconds"] == 4.5
    assert (second["seed"], second["epochs"], second["test_loss"]) == (7, 1, 9.0)
