"""The classifier takes raw pixels: it normalises as the loader does."""

from pathlib import Path

import torch
from torch import nn

from data.loader import load
from data.npz import npz_dataset
from data.prepared import prepare
from pipeline.learn.classifier import Classifier


def test_raw_pixels_give_what_the_loader_s_batches_give(tiny_npz: Path, tmp_path: Path) -> None:
    prepared = prepare(npz_dataset(tiny_npz), tmp_path)
    network = nn.Sequential(nn.Flatten(), nn.Linear(1024, 2))
    classifier = Classifier(network, mean=prepared.manifest.mean, std=prepared.manifest.std)
    ((images, _labels),) = load(prepared, batch_size=8, val_split=0, generator=torch.Generator())["test"]
    torch.testing.assert_close(classifier(prepared.x_test), network(images).softmax(dim=1))
