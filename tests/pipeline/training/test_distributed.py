"""Several devices for one seed, as real processes on gloo, give the numbers of one."""

from collections.abc import Callable

import pytest
import torch

from pipeline.config.settings import Config
from pipeline.training.distributed import OneDevice, SeveralDevices
from pipeline.training.epoch_result import EpochResult
from pipeline.training.scores import Diverged


def numbers(result: EpochResult) -> tuple[object, ...]:
    return result.epoch, result.losses, result.accuracies, result.layers, result.steps


@pytest.mark.parametrize("images", [35, 33], ids=["last batch of 3 and 2", "last batch whole on both"])
def test_two_devices_give_the_numbers_of_one(configure: Callable[..., Config], train: Callable, images: int) -> None:
    given = {"images": images, "rwc_every": 2, "step_angle_every": 1}
    one, _states = train(configure(**given))
    two, _states = train(configure(**given, devices=2))
    assert len(one) == len(two) == 3
    for expected, result in zip(one, two, strict=True):
        assert result.losses == pytest.approx(expected.losses, rel=1e-4)
        assert result.accuracies == pytest.approx(expected.accuracies)
        for measured in ("rwc", "step_angle"):
            assert result.layers[measured] == pytest.approx(expected.layers[measured], rel=1e-3)
        assert set(result.steps) == set(expected.steps) != set()
        for step, by_layer in expected.steps.items():
            assert result.steps[step] == pytest.approx(by_layer, rel=1e-3)
    assert one[0].layers["rwc"]["conv"] > 0


@pytest.mark.slow
def test_resuming_gives_the_same_bits(configure: Callable[..., Config], train: Callable) -> None:
    config = configure("Normed", devices=2)
    results, states = train(config)
    resumed, _states = train(config, state=states[0])
    assert list(map(numbers, resumed)) == list(map(numbers, results[1:]))


@pytest.mark.slow
def test_batchnorm_and_dropout_learn_as_well(configure: Callable[..., Config], train: Callable) -> None:
    given = {"dataset": "Digits", "batch_size": 32, "lr": 0.01, "epochs": 4}
    one, three = (train(configure("Normed", **given, devices=count))[0][-1].accuracies for count in (1, 3))
    assert min(one["test"], three["test"]) > 85
    assert three["train"] == pytest.approx(one["train"], abs=3)


def test_all_stop_at_the_target_and_at_a_loss_that_is_not_finite(
    configure: Callable[..., Config], train: Callable
) -> None:
    results, _states = train(configure(devices=2, target_val_acc=2, epochs=9))
    assert len(results) < 9
    with pytest.raises(Diverged, match=r"in epoch 1, step \d: try a lower lr"):
        train(configure(devices=2, lr=1e30))


@pytest.mark.parametrize(("count", "length"), [(2, 7), (3, 7), (3, 5), (2, 3)])
def test_the_parts_make_up_the_batch_and_their_weights_one(count: int, length: int) -> None:
    batch = torch.arange(float(length)).view(length, 1), torch.arange(length)
    devices = [device(rank, count) for rank in range(count)]
    parts = [next(iter(each.shards([batch]))) for each in devices]
    assert sum(each._weight for each in devices) == pytest.approx(1)
    copies = count if length < 2 * count else 1
    assert torch.cat([labels for _images, labels in parts]).tolist() == batch[1].tolist() * copies
    assert all(torch.equal(images[:, 0].long(), labels) for images, labels in parts)
    assert list(OneDevice().shards([batch])) == [batch]


def device(rank: int, count: int) -> SeveralDevices:
    """Return one of several devices, which has not joined the others."""
    alone = object.__new__(SeveralDevices)
    alone.rank, alone.count, alone._copies = rank, count, []
    return alone
