"""A pretrained seed starts from ImageNet's weights where they fit, and says what does not come from there."""

from pathlib import Path

import pytest
import torch
import torchvision

import pipeline.learn.seed as seed_module
from data.npz import npz_dataset
from data.prepared import prepare
from pipeline.config import load


def test_pretrained_copies_what_fits_and_names_the_rest(
    tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = torchvision.models.resnet18(weights=None).state_dict()
    monkeypatch.setattr(seed_module, "imagenet_weights", lambda _architecture: weights)
    config = load({"model_name": "ResNet18", "dataset": str(tiny_npz), "pretrained": "true"})
    model = seed_module._build(config, prepare(npz_dataset(tiny_npz), tmp_path))
    assert torch.equal(model.state_dict()["layer3.0.conv1.weight"], weights["layer3.0.conv1.weight"])
    assert "not from ImageNet: conv1.weight, fc.weight, fc.bias" in capsys.readouterr().out
