"""Each random generator of a seed has a stream of its own, and the same seed gives the same ones."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from data.prepared import Prepared, prepare
from pipeline.config.settings import Config
from pipeline.training.distributed import SeveralDevices
from pipeline.training.setup import build, make_trainer
from pipeline.training.streams import stream_seed
from pipeline.training.trainer import Trainer

every_seed = pytest.mark.parametrize("seed", [0, 42])


def prepared_for(config: Config) -> Prepared:
    return prepare(config.data, Path(config.data_dir))


def begin(config: Config, seed: int) -> Trainer:
    return make_trainer(config, seed, prepared_for(config))


def orders_from(generator: Generator, images: int) -> list[int]:
    """Return the order that a generator in this state would draw."""
    order: list[int] = torch.randperm(images, generator=generator.clone_state()).tolist()
    return order


def test_a_stream_begins_at_the_hash_of_its_name_and_numbers() -> None:
    assert stream_seed("batches", 42) == int(sha256(b"batches 42").hexdigest()[:16], base=16)
    arguments = [
        ("batches", 1),
        ("batches", 12),
        ("device", 1),
        ("device", 1, 2, 3),
        ("device", 12, 3),
        ("device", 1, 23),
    ]
    assert len({stream_seed(name, *numbers) for name, *numbers in arguments}) == len(arguments)
    Generator().manual_seed(max(stream_seed("batches", seed) for seed in range(100)))  # more than a signed number holds


@every_seed
@pytest.mark.parametrize("val_split", [0, 0.25])
def test_batches_are_not_drawn_from_the_stream_of_the_initial_weights(
    configure: Callable[..., Config], seed: int, val_split: float
) -> None:
    config = configure("Normed", val_split=val_split)
    trainer = begin(config, seed)
    assert trainer.loaders["train"].generator.initial_seed() != torch.initial_seed() == seed
    images, pixels = trainer.loaders["train"].count, prepared_for(config).x_train
    first_of_weights = Generator().manual_seed(seed)
    assert orders_from(trainer.loaders["train"].generator, images) != orders_from(first_of_weights, images)
    if val_split:
        place = orders_from(first_of_weights, len(pixels))[: trainer.loaders["val"].count]
        assert trainer.loaders["val"].chosen.tolist() != place


@every_seed
def test_initial_weights_are_those_of_the_seed(configure: Callable[..., Config], seed: int) -> None:
    config = configure("Normed", val_split=0.25)
    trainer = begin(config, seed)
    torch.manual_seed(seed)
    expected = build(config, prepared_for(config)).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in trainer.model.state_dict().items())


def test_the_same_seed_gives_the_same_batches_and_another_does_not(configure: Callable[..., Config]) -> None:
    config = configure("Normed", val_split=0.25)

    def first_batch(seed: int) -> Tensor:
        return next(iter(begin(config, seed).loaders["train"]))[0]

    assert torch.equal(first_batch(0), first_batch(0))
    assert not torch.equal(first_batch(0), first_batch(1))


@every_seed
def test_no_two_generators_of_a_seed_begin_alike(configure: Callable[..., Config], seed: int) -> None:
    trainer = begin(configure("Normed"), seed)
    begun = [
        torch.initial_seed(),
        trainer.loaders["train"].generator.initial_seed(),
    ]  # weights and the first device's dropout; batches
    for rank in (1, 2):
        other = object.__new__(SeveralDevices)  # which has not joined the others
        other.rank, other.seed = rank, seed
        for epoch in (1, 2, 3):
            other.begin(epoch)
            begun.append(torch.initial_seed())
    assert len({each % 2**32 for each in begun}) == len(begun) == 8  # a CPU's generator takes 32 bits of it
