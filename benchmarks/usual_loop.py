"""The usual loop, as tutorials write it: PIL images in a DataLoader, NCHW float32, `.item()` each step, numpy RWC."""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from data.prepared import Prepared


class Images(Dataset):
    """FMNIST's images as PIL images, through the transforms."""

    def __init__(self, images: Tensor, labels: Tensor, transform: transforms.Compose) -> None:
        self.images, self.labels, self.transform = images.numpy()[..., 0], labels, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def loaders(prepared: Prepared, batch_size: int, workers: int = 0) -> tuple[DataLoader, DataLoader]:
    """Return the batches of training and of the test; workers, if any, stay for all epochs."""
    normalise = [transforms.ToTensor(), transforms.Normalize(prepared.manifest.mean, prepared.manifest.std)]
    train = Images(
        prepared.x_train, prepared.y_train, transforms.Compose([transforms.RandomHorizontalFlip(), *normalise])
    )
    test = Images(prepared.x_test, prepared.y_test, transforms.Compose(normalise))
    options = {"batch_size": batch_size, "num_workers": workers, "persistent_workers": workers > 0}
    return DataLoader(train, shuffle=True, **options), DataLoader(test, **options)


def train(model: nn.Module, batches: Iterator, optimizer: torch.optim.Optimizer, steps: int) -> tuple[float, float]:
    model.train()
    criterion = nn.CrossEntropyLoss()
    running_loss, correct, total = 0.0, 0, 0
    for _step in range(steps):
        images, labels = next(batches)
        optimizer.zero_grad()
        outputs = model(images)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item() * labels.size(0)
        correct += (outputs.argmax(1) == labels).sum().item()
        total += labels.size(0)
    return running_loss / total, 100 * correct / total


def evaluate(model: nn.Module, batches: Iterator, count: int) -> tuple[float, float]:
    model.eval()
    criterion = nn.CrossEntropyLoss()
    running_loss, correct, total = 0.0, 0, 0
    with torch.no_grad():
        for _batch in range(count):
            images, labels = next(batches)
            outputs = model(images)
            running_loss += criterion(outputs, labels).item() * labels.size(0)
            correct += (outputs.argmax(1) == labels).sum().item()
            total += labels.size(0)
    return running_loss / total, 100 * correct / total


def weights(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: weight.detach().cpu().numpy().copy() for name, weight in model.named_parameters() if weight.ndim > 1}


def relative_weight_change(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> dict[str, float]:
    """As the paper's code computes it, with the sum that Eq. 1 divides by."""
    return {name: np.abs(after[name] - before[name]).sum() / np.abs(before[name]).sum() for name in after}
