"""Results, settings and figures of the paper (arXiv 2011.06735)."""

from pathlib import Path

import pandas as pd

ACCURACIES = {  # test accuracy in percent
    "ResNet18": {"CIFAR-10": 91.0, "CIFAR-100": 64.0, "MNIST": 99.0, "FMNIST": 92.0},
    "VGG19": {"CIFAR-10": 90.5, "CIFAR-100": 63.6, "MNIST": 98.5, "FMNIST": 91.6},
    "AlexNet": {"CIFAR-10": 81.0, "CIFAR-100": 53.0, "MNIST": 98.5, "FMNIST": 89.5},
}
SEEDS = 5
ELEMENTWISE = "rwc_elementwise"  # the measurement that its figures show
SETTINGS = {  # beside those that params.yaml has for each cell: rates, epochs and the accuracy that stops a seed
    "image_size": "32",
    "momentum": "0.9",
    "batch_size": "128",
    "val_split": "0",
    "pretrained": "false",
}
FIGURES = Path(__file__).with_name("paper_figures.csv")


def figure_medians(model: str, dataset: str) -> dict[str, tuple[float, float]]:
    """Return {group: (lower quartile, median)} of rwc_elementwise in the paper's figure; nothing if it has none."""
    table = pd.read_csv(FIGURES, comment="#")
    rows = table[(table["model"] == model) & (table["dataset"] == dataset)]
    return {group: (low, median) for group, low, median in zip(rows["group"], rows["q25"], rows["median"], strict=True)}
