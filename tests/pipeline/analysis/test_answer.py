"""The sentences that a report opens with, for synthetic studies of each kind."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.answer import answer, opening
from pipeline.analysis.most_and_least import changed_most
from pipeline.analysis.paper import ACCURACIES
from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import study_tables
from pipeline.tracking.tables import LEVELS

BLOCKS = {"layer1": "block1", "layer2": "block2", "layer3": "block3", "layer4": "block4", "fc": ""}
PLAIN = {"first": "", "second": "", "third": ""}
NOISE = np.array([0.01, -0.02, 0.015, 0.0, -0.005, 0.02, -0.01, 0.005])
NO_LEVEL = "No layer has a level of equilibrium: none is scale-invariant, or there is no weight decay."


def study(
    changes: Mapping[str, float],
    groups: Mapping[str, str],
    *,
    epochs: tuple[int, ...] = (20,) * 5,
    noise: float = 1,
    learns: bool = True,
    norms: float | None = None,
) -> Histories:
    """Return a study whose layers change by `changes`, apart from noise over seeds.

    `norms` is the growth of the weights' norm in an epoch; with it all layers in groups have levels.
    """
    ends, epoch = np.array(epochs)[:, None], np.arange(1.0, max(epochs) + 1)
    ran = np.where(epoch <= ends, 1.0, np.nan)
    loss = 2 / epoch if learns else 2.3
    scalars = {"test_acc": 80.0 + np.arange(len(epochs))[:, None], "train_acc": 80.0, "test_loss": loss}
    scalars |= {"train_loss": loss, "epoch_seconds": 1.0}
    seed, place = np.indices((len(epochs), len(changes), 1), sparse=True)[:2]
    moved = np.array([*changes.values()])[:, None] * np.exp(noise * NOISE[(seed + 3 * place) % len(NOISE)])
    layers = {"rwc": moved, "rwc_elementwise": 5 * moved, "weights": 100.0}
    layers |= {"weight_norm": norms**epoch, "l2_change": moved} if norms else {}
    arrays = {
        metric: ran[:, None] * np.broadcast_to(values, (*moved.shape[:2], len(epoch)))
        for metric, values in layers.items()
    }
    with_levels = [(layer, group, bool(group) and bool(norms)) for layer, group in groups.items()]
    levels = [(*row, *((0.02, 0.3, 5) if row[2] else 3 * [np.nan])) for row in with_levels]
    return Histories(
        dict(enumerate(epochs)),
        {layer: groups[layer] for layer in changes},
        {metric: ran * values for metric, values in scalars.items()},
        arrays,
        {metric: ~np.isnan(values) for metric, values in arrays.items()},
        pd.DataFrame(levels, columns=LEVELS),
    )


def said(made: Histories, model: str = "ResNet18", dataset: str = "CIFAR-10", asked: int | None = None) -> list[str]:
    tables = study_tables(made, model=model, dataset=dataset)
    paper = {"epochs": "150"} if model in ACCURACIES else {}
    sentences = answer(made, tables, model=model, dataset=dataset, asked=asked or len(made.seeds), paper=paper)
    assert len(sentences) <= 8
    assert all(sentence.endswith(".") and "nan" not in sentence for sentence in sentences)
    return sentences


RISING = {"layer1": 0.1, "layer2": 0.12, "layer3": 0.15, "layer4": 0.2, "fc": 0.9}


def test_five_seeds_with_a_clear_difference_say_what_ran_how_well_and_that_seeds_tell_them_apart() -> None:
    assert said(study(RISING, BLOCKS)) == [
        "ResNet18 was trained on CIFAR-10 with 5 seeds for 20 epochs.",
        "It classifies 82.0 % of the test images correctly (95 % interval of the mean over 5 seeds: 80.0 to 84.0 %); "
        "the paper reports 91.0 % after up to 150 epochs.",
        "The group block4 changed most and the group block1 least: 2 times as much in an epoch "
        "(RWC, epochs 2 to 20, 95 % interval 1.94 to 2.07).",
        "The seeds tell them apart (p under 0.001, corrected for 6 pairs).",
        "Of the paper's 5 claims about ResNet18 on CIFAR-10: 3 shown, 1 reversed, 1 without a verdict; "
        "the order of the layers by depth could be any (p = 0.083).",
        NO_LEVEL,
        "5 seeds and 20 epochs cannot say what another network or other settings would show.",
    ]


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (study(RISING, BLOCKS), "block4, 2.0 x block1 (told apart)"),
        (study(RISING, BLOCKS, epochs=(20,) * 3), "block4, 2.0 x block1 (no verdict)"),
        (study(RISING, BLOCKS, learns=False), "block4, 2.0 x block1 (no verdict)"),
        (study(dict.fromkeys(BLOCKS, 0.1), BLOCKS, noise=0.2), "block2, 1.0 x block1 (alike)"),
        (study(RISING, BLOCKS, epochs=(20,) * 5, noise=40), "(cannot tell)"),
        (study({"first": 0.1, "second": 0.3}, PLAIN), "second, 3.0 x first (told apart)"),
        (study({"only": 0.1}, {"only": ""}), ""),
        (study(dict.fromkeys(PLAIN, 0.0), PLAIN), ""),
    ],
    ids=["sure", "few seeds", "not learned", "alike", "noise", "no groups", "one layer", "no change"],
)
def test_a_study_s_column_says_what_changed_most_and_whether_that_is_sure(made: Histories, text: str) -> None:
    assert changed_most(made).endswith(text)
    assert bool(changed_most(made)) == bool(text)


def test_a_seed_opens_with_its_own_numbers() -> None:
    made = study(RISING, BLOCKS, epochs=(20, 20, 12))
    seed = opening(made.of_seed(2), model="ResNet18", dataset="CIFAR-10", asked=1, paper={})
    assert seed[0] == "ResNet18 was trained on CIFAR-10 with one seed for 12 epochs."
    assert seed[1] == "It classifies 82.0 % of the test images correctly (one seed, so no interval)."
    assert seed[2].startswith("The group block4 changed most and the group block1 least: ")
    assert seed[3:] == ["How sure that is cannot be told from one seed."]


def test_the_interval_of_the_accuracy_stays_within_0_and_100_percent() -> None:
    made = study(RISING, BLOCKS)
    for accuracies, ends in (((1, 9, 1, 9, 1), "0.0 to 9.6 %"), ((99, 91, 99, 91, 99), "90.4 to 100.0 %")):
        made.scalars["test_acc"][:] = np.array(accuracies)[:, None]
        assert ends in said(made)[1]


def test_the_order_may_be_the_reverse_of_the_paper_s() -> None:
    falling = dict(zip(BLOCKS, (0.3, 0.2, 0.15, 0.1, 0.05), strict=True))
    sentences = said(study(falling, BLOCKS))
    assert sentences[2].startswith("The group block1 changed most and the group block4 least: 2.99 times")
    assert "reversed" in sentences[4]


def test_equal_groups_are_alike() -> None:
    sentences = said(study(dict.fromkeys(BLOCKS, 0.1), BLOCKS, noise=0.2))
    assert sentences[3] == "So all are alike: they differ by less than 10 %."
    assert "answered by no difference (within 10 %)" in sentences[4]


def test_groups_are_not_all_alike_where_one_of_them_is_uncertain() -> None:
    """The most different pair is certain; block3, between these, is not alike with either in every seed."""
    changes = dict(zip(BLOCKS, (0.103, 0.1, 0.1015, 0.1015, 0.1), strict=True))
    made = study(changes, BLOCKS, noise=0.1)
    made.layers["rwc"][:, 2] *= np.exp(0.3 * (np.arange(5) - 2))[:, None]
    sentences = said(made)
    assert sentences[2].startswith("The group block1 changed most and the group block2 least: 1.03 times")
    assert sentences[3] == "The seeds tell them apart (p under 0.001, corrected for 6 pairs)."


@pytest.mark.parametrize("epochs", [(20,), (20,) * 5])
def test_groups_of_equal_change_have_no_most_and_least(epochs: tuple[int, ...]) -> None:
    sentences = said(study(dict.fromkeys(BLOCKS, 0.1), BLOCKS, noise=0, epochs=epochs))
    assert sentences[2] == "The 4 groups changed alike in an epoch (RWC, epochs 2 to 20)."
    assert not sentences[3].startswith(("How sure", "All 5 seeds"))


def test_a_layer_that_stands_still_from_some_epoch_on_leaves_most_and_least_open() -> None:
    made = study(RISING, BLOCKS)
    made.layers["rwc"][:, 0, 2:] = 0.0
    sentences = said(made)
    assert sentences[2] == (
        "Which layers changed most cannot be said: "
        "rwc is zero, infinite or undefined in some epochs, but not in all, in layer1."
    )
    assert sentences[3].startswith("Of the paper's 5 claims")


@pytest.mark.parametrize(
    ("accuracies", "spread"),
    [
        ((90, 96), "90.0 to 96.0 % in single seeds"),
        ((99, 99, 99, 99, 94), "95 % interval of the mean over 5 seeds: 95.2 to 100.0 %"),
    ],
)
def test_no_interval_of_accuracy_exceeds_100_percent(accuracies: tuple[int, ...], spread: str) -> None:
    made = study(RISING, BLOCKS, epochs=(20,) * len(accuracies))
    made.scalars["test_acc"][:] = np.array(accuracies)[:, None]
    assert spread in said(made)[1]


def test_a_difference_below_the_noise_cannot_be_told() -> None:
    changes = {layer: 0.1 * 1.05**place for place, layer in enumerate(BLOCKS)}
    assert said(study(changes, BLOCKS, noise=12))[3].startswith(
        "Whether that is a difference cannot be told from 5 seeds (p = "
    )


@pytest.mark.parametrize(("noise", "where"), [(1, "in every seed"), (40, "not in every seed")])
def test_three_seeds_have_ranges_and_no_verdict(noise: float, where: str) -> None:
    sentences = said(study(RISING, BLOCKS, epochs=(20,) * 3, noise=noise))
    assert " in single seeds)." in sentences[2]
    assert sentences[3] == f"That was so {where}, but 3 seeds are too few to be sure: a verdict needs 5."
    assert sentences[4] == "Of the paper's 5 claims about ResNet18 on CIFAR-10: 5 without a verdict."
    assert sentences[-1] == (
        "3 seeds and 20 epochs cannot say which differences other seeds would have; "
        "what another network or other settings would show."
    )


def test_one_seed_says_nothing_of_how_sure_it_is() -> None:
    sentences = said(study(RISING, BLOCKS, epochs=(20,)))
    assert sentences[0] == "ResNet18 was trained on CIFAR-10 with one seed for 20 epochs."
    assert "(one seed, so no interval)" in sentences[1]
    assert sentences[2].endswith("(RWC, epochs 2 to 20).")
    assert sentences[3] == "How sure that is cannot be told from one seed."


def test_seeds_without_any_spread_are_not_judged() -> None:
    assert (
        said(study(RISING, BLOCKS, noise=0))[3] == "All 5 seeds have this ratio, so there is no spread to judge it by."
    )


def test_without_groups_layers_are_compared() -> None:
    sentences = said(study({"first": 0.1, "second": 0.2, "third": 0.3}, PLAIN), "mine", "my data")
    assert sentences[2].startswith("third changed most and first least: 3 times as much in an epoch")
    assert sentences[3].startswith("The seeds tell them apart (p under 0.001, corrected for 3 pairs).")
    assert not any("paper" in sentence for sentence in sentences)


def test_one_group_is_compared_by_its_layers() -> None:
    sentences = said(study({"a": 0.1, "b": 0.2}, {"a": "all", "b": "all"}), "mine", "my data")
    assert sentences[2].startswith("b changed most and a least: 2 times")
    assert sentences[3].startswith("The seeds tell them apart (p under 0.001).")


def test_one_layer_is_named_with_its_change() -> None:
    sentences = said(study({"only": 0.1}, {"only": ""}, noise=0), "mine", "my data")
    assert sentences[2] == "One layer changed, only: by 10 % of its size in an epoch (RWC, epochs 2 to 20)."
    assert sentences[3] == NO_LEVEL


def test_layers_that_never_changed_are_not_compared() -> None:
    sentences = said(study(dict.fromkeys(PLAIN, 0.0), PLAIN), "mine", "my data")
    assert sentences[2:4] == ["No layer changed.", NO_LEVEL]


def test_a_study_that_has_not_learned_draws_no_conclusion() -> None:
    sentences = said(study(RISING, BLOCKS, learns=False))
    assert sentences[3].startswith(
        "Nothing follows from that difference: the training loss of seed 0, 1, 2, 3, 4 has not moved"
    )
    assert sentences[4].endswith("5 without a verdict.")


def test_seeds_that_stopped_early_and_seeds_that_are_missing_are_counted() -> None:
    sentences = said(study(RISING, BLOCKS, epochs=(20, 12, 20, 20, 15)), asked=8)
    assert sentences[0] == (
        "ResNet18 was trained on CIFAR-10 with 5 of 8 seeds for 12 to 20 epochs, as some stopped early."
    )


def test_one_epoch_shows_no_learning() -> None:
    sentences = said(study(RISING, BLOCKS, epochs=(1,) * 5))
    assert "(RWC, epoch 1, " in sentences[2]
    assert (
        sentences[3] == "Nothing follows from that difference: one epoch only: nothing shows that the network learned."
    )


def test_few_epochs_show_the_beginning_alone() -> None:
    assert (
        "4 epochs cannot say what comes after the beginning of training;"
        in said(study(RISING, BLOCKS, epochs=(4,) * 5))[-1]
    )


@pytest.mark.parametrize(
    ("growth", "sentence"),
    [
        (
            1.0,
            "Of 4 scale-invariant layers all are in equilibrium, where learning rate and weight decay set the change.",
        ),
        (1.2, "Of 4 scale-invariant layers none is in equilibrium: their weights still grow or shrink."),
    ],
)
def test_the_balance_of_norms_says_whether_layers_are_in_equilibrium(growth: float, sentence: str) -> None:
    assert said(study(RISING, BLOCKS, norms=growth))[5] == sentence


def test_a_seed_of_one_epoch_does_not_hide_the_equilibrium_of_the_others() -> None:
    assert said(study(RISING, BLOCKS, norms=1.0, epochs=(20, 20, 1)))[5].startswith(
        "Of 4 scale-invariant layers all are in equilibrium"
    )


def test_levels_without_norms_of_two_epochs_leave_equilibrium_open() -> None:
    assert said(study(RISING, BLOCKS, norms=1.0, epochs=(1,) * 5))[5].startswith(
        "Whether its layers are in equilibrium is unknown"
    )


@pytest.mark.parametrize(
    ("model", "dataset", "sentence"),
    [
        (
            "examples/own_network.py:SmallNet",
            "/data/leaves.of.trees.npz",
            "SmallNet was trained on leaves.of.trees with",
        ),
        ("torchvision:resnet18", "MNIST", "resnet18 was trained on MNIST with"),
    ],
)
def test_files_of_networks_and_data_are_named_without_their_folders(model: str, dataset: str, sentence: str) -> None:
    assert said(study(RISING, BLOCKS), model, dataset)[0].startswith(sentence)
