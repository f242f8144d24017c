"""The training loop: what it reports, that it repeats itself to the last bit, and how it stops at a loss not finite."""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from pipeline.training.scores import Diverged
from pipeline.training.trainer import Trainer


class Batches:
    """Two batches of three and one of one: the mean must weigh them by their size."""

    def __init__(self, seed: int = 0) -> None:
        draws = torch.Generator().manual_seed(seed)
        self.images = torch.randn(7, 1, 4, 4, generator=draws)
        self.labels = torch.randint(0, 3, (7,), generator=draws)

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(zip(self.images.split(3), self.labels.split(3), strict=True))


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))


def run(model: nn.Module, lr: float = 0.1, epochs: int = 3, **loaders: Batches) -> list:
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    return list(Trainer(model, {"train": Batches(), **loaders}, optimizer, epochs=epochs).run())


def test_reports_every_epoch_and_part() -> None:
    results = run(network(), val=Batches(1), test=Batches(2))
    assert [result.epoch for result in results] == [1, 2, 3]
    assert set(results[0].losses) == set(results[0].accuracies) == {"train", "val", "test"}
    assert set(results[0].layers["rwc"]) == {"1", "4"}
    assert all(result.layers["rwc"]["1"] > 0 and result.seconds > 0 for result in results)


def test_evaluation_equals_one_pass_over_all_images() -> None:
    model, test = network(), Batches(2)
    (report,) = run(model, epochs=1, test=test)
    model.eval()
    logits = model(test.images)
    assert report.losses["test"] == pytest.approx(nn.functional.cross_entropy(logits, test.labels).item(), rel=1e-5)
    assert report.accuracies["test"] == pytest.approx(100 * (logits.argmax(1) == test.labels).float().mean().item())


def test_steps_are_those_of_plain_sgd() -> None:
    model, reference = network().eval(), network()
    reference[3] = model[3] = nn.Identity()
    run(model, epochs=2, test=Batches(2))
    velocity = [torch.zeros_like(weight) for weight in reference.parameters()]
    for _epoch in range(2):
        for images, labels in Batches():
            loss = nn.functional.cross_entropy(reference(images), labels)
            gradients = torch.autograd.grad(loss, list(reference.parameters()))
            with torch.no_grad():
                for weight, speed, gradient in zip(reference.parameters(), velocity, gradients, strict=True):
                    weight -= 0.1 * speed.mul_(0.9).add_(gradient)
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_same_seed_gives_the_same_bits() -> None:
    one, other = run(network(), test=Batches(2)), run(network(), test=Batches(2))
    assert one
    for first, second in zip(one, other, strict=True):
        assert (first.losses, first.accuracies, first.layers) == (second.losses, second.accuracies, second.layers)


def test_a_loss_that_is_not_finite_names_epoch_and_step() -> None:
    batches = Batches()
    batches.images[4] = math.inf
    optimizer = torch.optim.SGD(network().parameters(), lr=0.1)
    with pytest.raises(Diverged, match=r"nan in epoch 1, step 2: try a lower lr"):
        list(Trainer(network(), {"train": batches, "test": Batches(2)}, optimizer, epochs=2).run())


def test_watch_wraps_the_training_batches_alone() -> None:
    seen = []

    def watch(epoch: int, batches: Batches) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in batches:
            seen.append((epoch, len(batch[1])))
            yield batch

    model = network()
    loaders = {"train": Batches(), "test": Batches(2)}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    list(Trainer(model, loaders, optimizer, epochs=2).run(watch=watch))
    assert seen == [(1, 3), (1, 3), (1, 1), (2, 3), (2, 3), (2, 1)]


def test_bf16_computes_in_bf16_and_keeps_the_weights_in_fp32() -> None:
    model = network()
    seen = []
    model[4].register_forward_hook(lambda _module, _inputs, output: seen.append(output.dtype))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    list(Trainer(model, {"train": Batches(), "test": Batches(2)}, optimizer, epochs=1, precision="bf16").run())
    assert set(seen) == {torch.bfloat16}
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
