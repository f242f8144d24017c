"""Statistics over seeds, computed by hand; seeds that stopped early count in the epochs that they ran."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.analysis.statistics import final_values, first_values, group_means, over_seeds, summary
from pipeline.tracking.tables import LAYERS

GROUPS = {"stem": "", "conv1": "early", "conv2": "early", "conv3": "later"}


def table(*values: tuple[int, int, float]) -> pd.DataFrame:
    return pd.DataFrame([(s, e, "conv", "early", "rwc", value) for s, e, value in values], columns=LAYERS)


def test_over_seeds_has_mean_deviation_and_number_of_seeds_per_epoch() -> None:
    result = over_seeds(table((0, 1, 1.0), (0, 2, 5.0), (7, 1, 2.0), (9, 1, 6.0)))
    first, second = result.to_dict("records")
    assert (first["epoch"], first["mean"], first["n"]) == (1, 3.0, 3)
    assert first["std"] == pytest.approx(math.sqrt(((1 - 3) ** 2 + (2 - 3) ** 2 + (6 - 3) ** 2) / 2))
    assert (second["epoch"], second["mean"], second["n"]) == (2, 5.0, 1)
    assert math.isnan(second["std"])


def test_nan_is_left_out_and_not_counted() -> None:
    (row,) = over_seeds(table((0, 1, math.nan), (7, 1, 2.0))).to_dict("records")
    assert (row["mean"], row["n"]) == (2.0, 1)


def test_layers_keep_the_order_of_the_network(histories: Callable) -> None:
    result = over_seeds(histories({0: 2, 7: 2}, GROUPS).layers)
    first = result[(result["epoch"] == 1) & (result["metric"] == "rwc")]
    assert list(first["layer"]) == list(GROUPS)


def test_arrays_have_nan_for_epochs_that_a_seed_did_not_run(histories: Callable) -> None:
    study = histories({7: 1, 0: 2}, GROUPS)
    assert study.group_of == GROUPS
    nan = math.nan
    first_layer = [[1.0, 0.5], [1.07, nan]]
    np.testing.assert_allclose(study.by_seed("rwc")[:, 0], first_layer)
    np.testing.assert_allclose(study.means("rwc")[0], [1.035, 0.5])
    np.testing.assert_allclose(study.means("rwc")[3], [4.035, 2.0])


def test_categorical_columns_give_the_same_statistics(histories: Callable) -> None:
    study = histories({7: 1, 0: 3}, GROUPS)
    texts = ["layer", "group", "metric"]
    compact = study.layers.astype(dict.fromkeys(texts, "category"))
    as_text = over_seeds(compact).astype(dict.fromkeys(texts, "str"))
    pd.testing.assert_frame_equal(as_text, over_seeds(study.layers), check_exact=True)
    assert list(group_means(compact, "rwc")["group"]) == list(group_means(study.layers, "rwc")["group"])


def test_final_values_are_those_of_each_seed_s_last_epoch(histories: Callable) -> None:
    final = final_values(histories({7: 1, 0: 3}, GROUPS), "test_acc")
    assert final.to_dict() == {0: 53.0, 7: 58.0}
    assert first_values(histories({7: 1, 0: 3}, GROUPS), "test_acc").to_dict() == {0: 51.0, 7: 58.0}


def test_group_means_leave_out_layers_without_a_group(histories: Callable) -> None:
    means = group_means(histories({0: 1}, GROUPS).layers, "rwc")
    assert dict(zip(means["group"], means["value"], strict=True)) == {"early": 2.5, "later": 4.0}


def test_last_epochs_of_all_seeds_and_of_the_longest(histories: Callable) -> None:
    study = histories({7: 1, 0: 3}, GROUPS)
    assert (study.seeds, study.last_epoch) == ([0, 7], 3)
    assert study.groups == ["", "early", "later"]


def test_levels_name_their_layers(histories: Callable) -> None:
    study = histories({0: 3}, GROUPS)
    assert study.layers_with_level == []
    with_levels = replace(study, levels=study.levels.assign(rwc=[math.nan, 0.3, 0.3, math.nan]))
    assert with_levels.layers_with_level == ["conv1", "conv2"]


def test_summary_has_student_s_interval_and_no_interquartile_mean_of_few_seeds() -> None:
    row = summary(table((0, 1, 1.0), (7, 1, 2.0), (9, 1, 6.0))).iloc[0]
    expected = stats.ttest_1samp([1.0, 2.0, 6.0], 0).confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected))
    assert math.isnan(row["iqm"])
    eight = summary(table(*((seed, 1, float(seed)) for seed in (0, 1, 2, 3, 4, 5, 60, 70)))).iloc[0]
    assert eight["iqm"] == 3.5
    assert math.isnan(summary(table((0, 1, 1.0))).iloc[0]["low"])
