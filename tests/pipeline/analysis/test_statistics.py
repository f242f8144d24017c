"""Histories: the order of seeds and layers, seeds that stopped early, and what follows for each seed."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pipeline.analysis.statistics import final_values, first_values, group_means

GROUPS = {"stem": "", "conv1": "early", "conv2": "early", "conv3": "later"}


def test_arrays_have_nan_for_epochs_that_a_seed_did_not_run(histories: Callable) -> None:
    study = histories({7: 1, 0: 2}, GROUPS)
    assert study.group_of == GROUPS
    nan = math.nan
    first_layer = [[1.0, 0.5], [1.07, nan]]
    np.testing.assert_allclose(study.layers["rwc"][:, 0], first_layer)


def test_final_values_are_those_of_each_seed_s_last_epoch(histories: Callable) -> None:
    final = final_values(histories({7: 1, 0: 3}, GROUPS), "test_acc")
    assert final.to_dict() == {0: 53.0, 7: 58.0}
    assert first_values(histories({7: 1, 0: 3}, GROUPS), "test_acc").to_dict() == {0: 51.0, 7: 58.0}


def test_group_means_leave_out_layers_without_a_group_and_values_that_are_undefined(histories: Callable) -> None:
    study = histories({0: 1}, GROUPS)
    study.layers["rwc"][0, 1] = math.nan
    means = group_means(study.layers["rwc"], study.group_of)
    assert {group: values.tolist() for group, values in means.items()} == {"early": [[3.0]], "later": [[4.0]]}


def test_the_history_of_one_seed_ends_with_its_last_epoch(histories: Callable) -> None:
    study = histories({7: 1, 0: 3}, GROUPS)
    seed = study.of_seed(7)
    assert (seed.last_epochs, seed.group_of) == ({7: 1}, GROUPS)
    assert seed.scalars["test_acc"].tolist() == [[58.0]]
    assert seed.layers["rwc"].shape == seed.measured["rwc"].shape == (1, 4, 1)


def test_last_epochs_of_all_seeds_and_of_the_longest(histories: Callable) -> None:
    study = histories({7: 1, 0: 3}, GROUPS)
    assert (study.seeds, study.last_epoch) == ([0, 7], 3)
    assert study.groups == ["", "early", "later"]


def test_levels_name_their_layers(histories: Callable) -> None:
    study = histories({0: 3}, GROUPS)
    assert study.layers_with_level == []
    with_levels = replace(study, levels=study.levels.assign(rwc=[math.nan, 0.3, 0.3, math.nan]))
    assert with_levels.layers_with_level == ["conv1", "conv2"]
