"""The loop of Lightning's users trains, logs, measures and evaluates, and times each; an epoch is compared with it."""

import re
from importlib import import_module

import mlflow
import pytest

from benchmarks import epoch
from benchmarks.setup import Bench

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Lightning has warnings of its own
pytest.importorskip("lightning.pytorch", reason="Lightning is not installed: make test-adapters")
lightning_loop = import_module("benchmarks.lightning_loop")


def test_each_epoch_is_timed_and_logged_with_rwc(bench: Bench) -> None:
    peer = lightning_loop.Peer(bench, "AlexNet", steps=2, tests=1)
    before = peer.network.network.state_dict()["features.0.weight"].clone()
    peer()
    assert all(len(times) == 1 and times[0] > 0 for times in peer.seconds.values())
    assert not peer.network.network.state_dict()["features.0.weight"].equal(before)
    logged = mlflow.get_run(peer.logger.run_id).data.metrics
    assert {
        "train_loss_epoch",
        "train_acc_epoch",
        "test_loss",
        "test_acc",
        "rwc/01_network.features.0",
    } <= logged.keys()


@pytest.mark.usefixtures("short")
def test_an_epoch_is_compared_with_lightning(bench: Bench) -> None:
    _floor, _usual, lightning, _once = epoch.figures(bench, "AlexNet")
    assert re.fullmatch(r"Lightning's Trainer \(\d+ %\)", lightning.baseline)
