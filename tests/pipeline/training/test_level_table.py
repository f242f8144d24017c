"""The table of levels: which layers have them, and what they are; none without weight decay or BatchNorm."""

from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
import torch

from models import ARCHITECTURES
from pipeline.config.resolve import load_config
from pipeline.measure import layer_weights
from pipeline.tracking.tables import LEVELS
from pipeline.training.level_table import level_table


@pytest.fixture
def levels(tiny_npz: Path):
    """Return a maker of the table, read back, for epochs of 50 steps at lr 0.1."""

    def make(model_name: str, weight_decay: str = "5e-3") -> pd.DataFrame:
        torch.manual_seed(0)
        given = {"model_name": model_name, "dataset": str(tiny_npz), "lr": "0.1", "weight_decay": weight_decay}
        architecture = ARCHITECTURES[model_name]
        model = architecture.build(input_channels=1, num_classes=2)
        text = level_table(
            load_config(given),
            model,
            list(layer_weights(model)),
            shape=(32, 32, 1),
            steps=50,
            group_of=architecture.group_of,
        )
        return pd.read_csv(StringIO(text))

    return make


def test_every_layer_but_the_last_of_a_resnet_has_levels(levels) -> None:
    table = levels("ResNet18")
    assert list(table) == LEVELS
    *others, last = table.to_dict("records")
    assert (last["layer"], last["scale_invariant"]) == ("fc", False)
    assert pd.isna([last["step_angle"], last["rwc"], last["epoch"]]).all()
    for row in others:
        assert row["scale_invariant"]
        assert row["step_angle"] == pytest.approx(0.022942, rel=1e-4)
        assert (row["rwc"], row["epoch"]) == (pytest.approx(0.665130, rel=1e-4), 12)  # 600 steps
    assert (others[0]["layer"], others[1]["group"]) == ("conv1", "block1")


def test_no_levels_without_batchnorm_or_weight_decay(levels) -> None:
    assert not levels("AlexNet")["scale_invariant"].any()
    undecayed = levels("ResNet18", "0")
    assert undecayed["scale_invariant"].sum() == 20
    assert undecayed[["step_angle", "rwc", "epoch"]].isna().all(axis=None)
