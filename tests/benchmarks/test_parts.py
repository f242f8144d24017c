"""Parts of `make bench`, on Digits and with few rounds: each gives its figures."""

import re
from pathlib import Path

import pytest

from benchmarks import aggregation, agreement, convolutions, costs, epoch, logs, rwc
from benchmarks.peak import SIDES
from benchmarks.setup import Bench
from pipeline.measure import MEASUREMENTS

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("short")
def test_an_epoch_is_compared_with_the_floor_and_the_usual_loop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(epoch, "find_spec", lambda _name: None)
    floor, usual, once = epoch.figures(bench, "AlexNet")
    for each, baseline in ((floor, "the bare floor"), (usual, "the usual loop")):
        assert re.fullmatch(rf"{baseline} \(\d+ %\)", each.baseline)
        assert re.search(r"TFLOP, \d+ % of matmul's [\d,]+ GFLOP/s", each.what)
    assert "checkpoint and tables" in once.value
    assert "without Lightning's Trainer: make .venv-adapters/ready installs it" in capsys.readouterr().out


def test_fast_convolutions_are_compared_with_plain_ones(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolutions, "MODELS", ("AlexNet",))
    monkeypatch.setattr(convolutions, "ROUNDS", 2)
    monkeypatch.setitem(SIDES, "cpu", 64)
    half, _share, full, share = convolutions.figures(bench)
    assert ("bf16" in half.what, "fp32" in full.what) == (True, True)
    assert "GFLOP" in full.what
    assert share.value.endswith(" %")


def test_seeds_of_both_forms_are_compared(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "CASES", {"AlexNet": (2, 2)})
    losses, changes = agreement.figures(bench, "AlexNet")
    assert losses.value.startswith("means at most ")
    low, high = map(float, re.findall(r"[\d.]+", changes.value)[:2])
    assert 0 < low <= 1 <= high


def test_measuring_is_compared_with_a_copy_and_with_training(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rwc, "MODELS", ("AlexNet",))
    monkeypatch.setattr(rwc, "ROUNDS", 2)
    monkeypatch.setattr(rwc, "STEP_ROUNDS", 2)
    assert len(list(rwc.figures(bench))) == 4


def test_each_measurement_of_a_layer_is_compared_with_a_copy(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "LAYERS", {"an embedding": (50, 10)})
    found = list(costs.figures(bench))
    assert len(found) == len(MEASUREMENTS) + 2
    assert found[0].what.startswith("an embedding of 50 x 10: ")


@pytest.mark.usefixtures("bench")
def test_logging_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "ROUNDS", 2)
    written, waited = logs.measure(f"sqlite:///{tmp_path}/logs.db", "SQLite")
    assert written.value.endswith(" ms")
    assert waited.value.endswith(" ms")


def test_a_synthetic_study_is_aggregated(bench: Bench) -> None:
    found = aggregation.measure(bench.config, 2, 6, 3)
    assert found.seconds > 0
    assert found.again > 0
    assert found.peak >= found.imported > 0
