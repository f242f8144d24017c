"""What a seed starts from: ImageNet's weights where asked for, and a model compiled in place."""

from pathlib import Path

import pytest
import torch
import torchvision
from torch._dynamo.utils import counters

import pipeline.training.setup as beginning
from data.npz import npz_dataset
from data.prepared import prepare
from pipeline.config.resolve import load_config
from pipeline.host.hardware import can_compile
from pipeline.training.epoch_result import EpochResult


def test_pretrained_copies_what_fits_and_names_the_rest(
    tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    weights = torchvision.models.resnet18(weights=None).state_dict()
    monkeypatch.setattr(beginning, "imagenet_weights", lambda _architecture: weights)
    caplog.set_level("INFO")
    config = load_config({"model_name": "ResNet18", "dataset": str(tiny_npz), "pretrained": "true"})
    model = beginning.build(config, prepare(npz_dataset(tiny_npz), tmp_path))
    assert torch.equal(model.state_dict()["layer3.0.conv1.weight"], weights["layer3.0.conv1.weight"])
    assert "not from ImageNet: conv1.weight, fc.weight, fc.bias" in caplog.text


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not can_compile(), reason="torch.compile needs a C++ compiler and Python's headers")
def test_compiled_or_not_names_stay_and_losses_are_close(
    tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "kernels"))
    prepared = prepare(npz_dataset(tiny_npz), tmp_path)

    def train(switch: str) -> tuple[list[str], list[EpochResult]]:
        given = {"dataset": str(tiny_npz), "batch_size": "20", "lr": "0.01", "device": "cpu", "precision": "fp32"}
        config = load_config(given | {"compile": switch, "epochs": "2", "target_val_acc": "none"})
        trainer = beginning.make_trainer(config, 0, prepared)
        return list(trainer.model.state_dict()), list(trainer.run())

    (names, plain), (same_names, compiled), (_names, again) = train("false"), train("true"), train("true")
    assert same_names == names
    for expected, report in zip(plain, compiled, strict=True):
        assert report.losses == pytest.approx(expected.losses, rel=1e-5)  # AlexNet's dropout draws the same
        assert report.layers["rwc"] == pytest.approx(expected.layers["rwc"], rel=1e-3)
    assert [report.losses for report in again] == [report.losses for report in compiled]
    graphs = counters["stats"]["unique_graphs"]
    assert graphs == 4  # training on 20 and on the last 8, evaluation on 20 and on the last 4; both seeds
