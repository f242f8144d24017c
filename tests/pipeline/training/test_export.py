"""The classifier takes raw pixels: it normalises as the loader does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pipeline.training.seed as seed_module
from data.loader import load
from data.moments import Moments
from data.npz import npz_dataset
from data.prepared import prepare
from pipeline.training import export
from pipeline.training.export import Classifier
from pipeline.training.trainer import Trainer
from tests.support.networks import LeNet


@pytest.mark.parametrize("val_split", [0, 0.5])
def test_raw_pixels_give_what_the_loader_s_batches_give(val_split: float, tiny_npz: Path, tmp_path: Path) -> None:
    prepared = prepare(npz_dataset(tiny_npz), tmp_path)
    network = nn.Sequential(nn.Flatten(), nn.Linear(1024, 2))
    test = load(prepared, batch_size=8, val_split=val_split, generator=torch.Generator())["test"]
    classifier = Classifier(network, test.moments)
    images = torch.cat([images for images, _labels in test])
    torch.testing.assert_close(classifier(prepared.x_test), network(images).softmax(dim=1))


def test_a_network_that_needs_contiguous_memory_gets_it() -> None:
    classifier = Classifier(LeNet(1, 2), Moments([0.5], [0.25]), torch.contiguous_format)
    assert classifier(torch.zeros(3, 32, 32, 1, dtype=torch.uint8)).shape == (3, 2)


@pytest.mark.parametrize("val_split", ["0", "0.5"])
def test_a_seed_s_model_normalises_as_its_network_was_trained(
    val_split: str, call: Callable, small_options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainers: list[Trainer] = []
    logged: list[Classifier] = []
    make_trainer = seed_module.make_trainer

    def make(*given: Any) -> Trainer:
        trainers.append(make_trainer(*given))
        return trainers[-1]

    monkeypatch.setattr(seed_module, "make_trainer", make)
    monkeypatch.setattr(export, "log_model", lambda _run, model, *_images, **_about: logged.append(model))
    given = small_options | {"epochs": "1", "val_split": val_split, "seed": "3"}
    code, _out, err = call("train", *(f"--{name}={value}" for name, value in given.items()))
    assert code == 0, err
    (classifier,), loaders = logged, trainers[0].loaders
    assert set(loaders) == ({"train", "val", "test"} if float(val_split) else {"train", "test"})
    pixels = {part: each.images if each.chosen is None else each.images[each.chosen] for part, each in loaders.items()}
    trained_on = pixels["train"].double()
    assert classifier.mean.tolist() == pytest.approx([trained_on.mean().item()], rel=1e-6)
    assert classifier.std.tolist() == pytest.approx([trained_on.std(correction=0).item()], rel=1e-6)
    with torch.no_grad():
        for part, loader in loaders.items():
            if part != "train":
                images = torch.cat([images for images, _labels in loader])
                ours: Tensor = classifier.eval()(pixels[part])
                torch.testing.assert_close(ours, classifier.network(images).softmax(dim=1))
