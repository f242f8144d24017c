"""Batches: order, normalisation, layout, augmentation, and held-out images."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

import data.loader as loader_module
from data import DataError
from data.loader import Loader, load
from data.manifest import Manifest
from data.moments import Moments, moments_of
from data.prepared import Prepared

MEAN, STD = [0.25, 0.5, 0.75], [0.5, 0.25, 0.125]
MakePrepared = Callable[..., Prepared]


@pytest.fixture
def prepared() -> MakePrepared:
    """Return a maker of prepared images of 4 x 4 (the loader takes any size), each with a unique label."""

    def make(train: int = 20, test: int = 7, *, channels: int = 3, padding: int = 0, flip: bool = False) -> Prepared:
        draws = Generator().manual_seed(5)

        def part(count: int) -> Tensor:
            return torch.randint(256, (count, 4, 4, channels), dtype=torch.uint8, generator=draws)

        manifest = Manifest(
            name="tiny",
            source="",
            source_sha256="",
            classes=[],
            shape=[4, 4, channels],
            train_counts=[],
            test_counts=[],
            mean=MEAN[:channels],
            std=STD[:channels],
            sha256={},
        )
        labels = {"y_train": torch.arange(train, dtype=torch.uint8), "y_test": torch.arange(test, dtype=torch.uint8)}
        images = {"x_train": part(train), "x_test": part(test)}
        return Prepared(manifest=manifest, padding=padding, flip=flip, **images, **labels)

    return make


def test_evaluation_needs_no_more_memory_than_training(prepared: MakePrepared) -> None:
    for batch_size, sizes in ((3, [3, 3, 1]), (1000, [7])):
        made = loaders(prepared(train=20, test=7), batch_size=batch_size, val_split=0.35)
        assert [[len(images) for images, _labels in made[part]] for part in ("test", "val")] == [sizes, sizes]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_images_have_the_strides_of_their_format(
    prepared: MakePrepared, channels: int, memory_format: torch.memory_format
) -> None:
    made = load(prepared(channels=channels), batch_size=8, val_split=0, generator=seeded(), memory_format=memory_format)
    last, contiguous = (16 * channels, 1, 4 * channels, channels), (16 * channels, 16, 4, 1)
    for loader in made.values():
        for images, _labels in loader:
            assert images.stride() == (last if memory_format == torch.channels_last else contiguous)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def loaders(prepared: Prepared, *, batch_size: int = 8, val_split: float = 0.0, seed: int = 0) -> dict[str, Loader]:
    return load(prepared, batch_size=batch_size, val_split=val_split, generator=seeded(seed))


def epoch(loader: Loader) -> tuple[Tensor, Tensor]:
    """Return the images and labels of an epoch, in order."""
    images, labels = zip(*loader, strict=True)
    return torch.cat(images), torch.cat(labels)


def normalised(images: Tensor, trained_on: Tensor | None = None) -> Tensor:
    """Return images, N x channels x 4 x 4, normalised by the manifest's moments or those of the given images."""
    channels = images.shape[3]
    mean, std = torch.tensor(MEAN[:channels]), torch.tensor(STD[:channels])
    if trained_on is not None:
        pixels = trained_on.double().flatten(0, 2) / 255
        mean, std = pixels.mean(0), pixels.std(0, correction=0)
    return ((images.double() / 255 - mean) / std).movedim(3, 1).float()


def test_the_seed_determines_the_batches(prepared: MakePrepared) -> None:
    given = prepared(padding=1, flip=True)
    first, again = epoch(loaders(given)["train"]), epoch(loaders(given)["train"])
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    other = epoch(loaders(given, seed=1)["train"])
    assert not torch.equal(first[1], other[1])


def test_every_image_comes_once_per_epoch_with_its_label(prepared: MakePrepared) -> None:
    given = prepared()
    images, labels = epoch(loaders(given)["train"])
    assert sorted(labels.tolist()) == list(range(20))
    torch.testing.assert_close(images, normalised(given.x_train)[labels])


def test_a_second_epoch_has_another_order(prepared: MakePrepared) -> None:
    train = loaders(prepared())["train"]
    (_, first), (_, second) = epoch(train), epoch(train)
    assert first.tolist() != second.tolist()
    assert first.tolist() != sorted(first.tolist())
    assert sorted(first.tolist()) == sorted(second.tolist())


@pytest.mark.parametrize("channels", [1, 3])
def test_batches_are_normalised_floats_in_channels_last_memory(prepared: MakePrepared, channels: int) -> None:
    given = prepared(channels=channels)
    for part, pixels in (("train", given.x_train), ("test", given.x_test)):
        batches = list(loaders(given)[part])
        assert batches
        for images, labels in batches:
            assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
            assert images.shape == (len(labels), channels, 4, 4)
            assert images.is_contiguous(memory_format=torch.channels_last)
            torch.testing.assert_close(images, normalised(pixels)[labels])


def test_normalisation_agrees_with_computation_by_hand(prepared: MakePrepared) -> None:
    given = prepared(test=1)
    given.x_test[0, 0, 0] = torch.tensor([0, 255, 51])
    images, _labels = epoch(loaders(given)["test"])
    torch.testing.assert_close(images[0, :, 0, 0], torch.tensor([-0.5, 2.0, -4.4]))


@pytest.mark.parametrize(("batch_size", "sizes"), [(8, [8, 8, 4]), (10, [10, 10]), (20, [20]), (64, [20])])
def test_the_last_batch_has_the_remaining_images(prepared: MakePrepared, batch_size: int, sizes: list[int]) -> None:
    train = loaders(prepared(), batch_size=batch_size)["train"]
    assert [len(labels) for _images, labels in train] == sizes
    assert len(train) == len(sizes)


@pytest.mark.parametrize(("val_split", "held_out"), [(0.25, 5), (0.1, 2), (0.001, 1), (0.95, 19)])
def test_held_out_images_are_not_trained_on(prepared: MakePrepared, val_split: float, held_out: int) -> None:
    parts = loaders(prepared(), val_split=val_split)
    assert set(parts) == {"train", "val", "test"}
    val, train = epoch(parts["val"])[1].tolist(), epoch(parts["train"])[1].tolist()
    assert len(val) == held_out
    assert sorted(val + train) == list(range(20))


def test_held_out_images_are_not_copied(prepared: MakePrepared) -> None:
    """They may be larger than the memory."""
    given = prepared()
    parts = loaders(given, val_split=0.25)
    assert parts["train"].images.data_ptr() == parts["val"].images.data_ptr() == given.x_train.data_ptr()


def test_without_val_split_there_is_no_val_loader(prepared: MakePrepared) -> None:
    assert set(loaders(prepared())) == {"train", "test"}


def test_the_seed_determines_the_held_out_images(prepared: MakePrepared) -> None:
    given = prepared()
    held = [epoch(loaders(given, val_split=0.25, seed=seed)["val"])[1].tolist() for seed in (0, 0, 1)]
    assert held[0] == held[1] != held[2]


@pytest.mark.parametrize("channels", [1, 3])
def test_all_parts_are_normalised_by_the_moments_of_the_training_images(prepared: MakePrepared, channels: int) -> None:
    given = prepared(channels=channels)
    given.x_train[::2] //= 4  # so that the moments depend on which images are held out
    parts = loaders(given, val_split=0.25)
    images, labels = epoch(parts["train"])
    assert images.mean((0, 2, 3)).tolist() == pytest.approx([0] * channels, abs=1e-6)
    assert images.std((0, 2, 3), correction=0).tolist() == pytest.approx([1] * channels, rel=1e-5)
    trained_on = given.x_train[labels]
    for part, pixels in (("train", given.x_train), ("val", given.x_train), ("test", given.x_test)):
        images, labels = epoch(parts[part])
        torch.testing.assert_close(images, normalised(pixels, trained_on)[labels])
        assert parts[part].moments == moments_of(trained_on.numpy())


def test_without_val_split_images_are_normalised_by_the_manifest(prepared: MakePrepared) -> None:
    given = prepared()
    assert {name: loader.moments for name, loader in loaders(given).items()} == dict.fromkeys(
        ("train", "test"), Moments(MEAN, STD)
    )


@pytest.mark.parametrize("part", ["val", "test"])
def test_evaluation_images_are_neither_shuffled_nor_augmented(prepared: MakePrepared, part: str) -> None:
    given = prepared(padding=2, flip=True)
    parts = loaders(given, val_split=0.5)
    loader, trained_on = parts[part], given.x_train[epoch(parts["train"])[1]]
    pixels = given.x_test if part == "test" else given.x_train
    images, labels = epoch(loader)
    torch.testing.assert_close(images, normalised(pixels, trained_on)[labels])
    again = epoch(loader)
    assert torch.equal(images, again[0])
    assert torch.equal(labels, again[1])
    if part == "test":
        assert labels.tolist() == list(range(7))


@pytest.mark.parametrize("augmentation", [{"padding": 2}, {"flip": True}])
def test_training_images_are_augmented_before_they_are_normalised(
    prepared: MakePrepared, augmentation: dict[str, Any]
) -> None:
    given = prepared(**augmentation)
    pixels = given.x_train.clone()
    images, labels = epoch(loaders(given)["train"])
    plain = normalised(pixels)
    unchanged = [torch.allclose(image, plain[label]) for image, label in zip(images, labels, strict=True)]
    assert not all(unchanged)
    assert torch.equal(given.x_train, pixels)
    if "padding" in augmentation:  # the padding is black: zero before normalisation
        black = normalised(torch.zeros(1, 1, 1, 3, dtype=torch.uint8)).flatten()
        moved = images[unchanged.index(False)].movedim(0, -1).reshape(-1, 3)
        assert any(torch.allclose(pixel, black) for pixel in moved)


@pytest.mark.parametrize("val_split", [0.0, 0.25])
def test_streamed_and_resident_images_give_the_same_batches(
    prepared: MakePrepared, val_split: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = prepared(padding=2, flip=True)
    resident = loaders(given, val_split=val_split)
    monkeypatch.setattr(loader_module, "fits", lambda _tensors, _device: False)
    streamed = loaders(given, val_split=val_split)
    for part in [*resident, "train"]:  # two epochs of training
        assert (resident[part].stream, len(streamed[part])) == (None, len(resident[part]))
        assert streamed[part].stream
        for expected, batch in zip(resident[part], streamed[part], strict=True):
            assert all(torch.equal(left, right) for left, right in zip(expected, batch, strict=True))


@pytest.mark.parametrize("val_split", [0.99, 1.0])
def test_val_split_that_leaves_no_training_image_is_refused(prepared: MakePrepared, val_split: float) -> None:
    with pytest.raises(DataError, match=rf"val_split={val_split} leaves none of 20 images to train on") as failure:
        loaders(prepared(), val_split=val_split)
    assert "\n" not in str(failure.value)
