"""Images that are not 32 x 32 through whole studies: own networks, torchvision's, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow.entities import Run

pytestmark = pytest.mark.usefixtures("undrawn")
Call = Callable[..., tuple[int, str, str]]
NETWORK = """
from torch import nn

def net(*, input_channels, num_classes):
    return nn.Sequential(
        nn.Conv2d(input_channels, 4, 3, stride=4), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * SIDE, num_classes)
    )

def told(*, input_channels, num_classes, image_size):
    return nn.Sequential(nn.Flatten(), nn.Linear(input_channels * image_size**2, num_classes))
"""


@pytest.fixture
def small(options: dict[str, str]) -> dict[str, str]:
    return options | {"epochs": "1", "seeds": "0", "target_val_acc": "none", "precision": "fp32"}


@pytest.fixture
def npz(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of a data set of two classes: 8 images to train and 4 to test."""

    def make(height: int, width: int, channels: int = 1, train: int = 8) -> Path:
        draws, path = np.random.default_rng(0), tmp_path / "own.npz"
        parts: dict[str, Any] = {}
        for part, count in (("train", train), ("test", 4)):
            parts[f"x_{part}"] = draws.integers(0, 256, (count, height, width, channels), dtype=np.uint8)
            parts[f"y_{part}"] = np.arange(count) % 2
        np.savez(path, **parts)
        return path

    return make


def network(folder: Path, side: int, name: str = "net") -> str:
    (folder / "net.py").write_text(NETWORK.replace("SIDE", str(side)))
    return f"{folder / 'net.py'}:{name}"


def study(call: Call, options: dict[str, str], **given: str | Path) -> tuple[int, str, str]:
    return call("study", *(f"--{name}={value}" for name, value in (options | given).items()))


def seeds() -> list[Run]:
    found = mlflow.MlflowClient().search_runs(["0"], "tags.`layerwise.kind` = 'seed'", order_by=["start_time ASC"])
    return list(found)


def check_model(run: Run, *shape: int) -> None:
    """Check that the model of a seed takes raw images of a shape, and no others."""
    (output,) = run.outputs.model_outputs
    model = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    assert model.metadata.signature.inputs.inputs[0].shape == (-1, *shape)
    assert model.input_example.shape == (2, *shape)
    assert model.predict(np.zeros((3, *shape), dtype=np.uint8)).shape == (3, 2)
    with pytest.raises(mlflow.MlflowException, match="shape"):
        model.predict(np.zeros((3, shape[0] + 2, *shape[1:]), dtype=np.uint8))


def test_an_own_network_trains_at_another_size_and_its_model_takes_images_of_that_size(
    call: Call, small: dict[str, str], tmp_path: Path
) -> None:
    code, _out, err = study(call, small, model_name=network(tmp_path, 16 * 16), image_size="64", val_split="0.25")
    assert (code, err) == (0, "")
    (seed,) = seeds()
    assert (seed.data.params["image_size"], seed.data.tags["layerwise.image_size"]) == ("64", "64")
    check_model(seed, 64, 64, 1)
    code, out, _err = study(call, small, model_name=network(tmp_path, 16 * 16), image_size="64", val_split="0.25")
    assert code == 0
    assert len(seeds()) == 1  # it is reused
    assert "reused" in out


@pytest.mark.parametrize(("height", "width", "channels"), [(28, 28, 1), (27, 40, 3)])
def test_images_are_taken_as_they_are(
    call: Call, small: dict[str, str], tmp_path: Path, npz: Callable[..., Path], height: int, width: int, channels: int
) -> None:
    given = small | {"dataset": str(npz(height, width, channels)), "batch_size": "4", "image_size": "none"}
    model = network(tmp_path, ((height + 1) // 4) * ((width + 1) // 4))
    code, _out, err = study(call, given, model_name=model)
    assert (code, err) == (0, "")
    check_model(seeds()[0], height, width, channels)


@pytest.mark.slow
def test_a_network_that_is_told_the_size_trains_at_each(call: Call, small: dict[str, str], tmp_path: Path) -> None:
    given = small | {"model_name": network(tmp_path, 1, "told"), "image_size": "8,32,none"}
    code, _out, err = call("sweep", *(f"--{name}={value}" for name, value in given.items()))
    assert (code, err) == (0, "")
    assert sorted(seed.data.params["image_size"] for seed in seeds()) == ["32", "8", "none"]
    assert len({seed.data.tags["layerwise.study"] for seed in seeds()}) == 3


def test_registered_networks_of_any_size_are_tried_first(
    call: Call, small: dict[str, str], npz: Callable[..., Path]
) -> None:
    given = small | {"dataset": str(npz(8, 8, train=9)), "batch_size": "8", "image_size": "none"}
    code, _out, err = study(call, given, model_name="ResNet18")
    assert (code, err.count("\n")) == (2, 1)
    assert "ResNet18 cannot be trained in fp32" in err
    assert "an epoch's last batch has one image, so try another batch_size" in err
    assert seeds() == []


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ({"model_name": "AlexNet", "image_size": "64"}, "image_size must be 32 for AlexNet: only ResNet18, Xception"),
        ({"model_name": "VGG19", "image_size": "none"}, "image_size must be 32 for VGG19: only ResNet18, Xception"),
        (
            {"model_name": "ResNet18", "image_size": "33"},
            "image_size must be an even number of 8 or more, or none (did",
        ),
        ({"model_name": "torchvision:alexnet", "image_size": "62"}, "try another image_size, such as 224 for"),
        ({"model_name": "torchvision:vit_b_32", "image_size": "40"}, "try another image_size, such as 224 for"),
        ({"model_name": "torchvision:vit_b_16", "image_size": "none"}, "try another image_size, such as 224 for"),
        (
            {"model_name": "own", "image_size": "40"},
            "net cannot take batches of 2 x 1 x 40 x 40, forward and back (Run",
        ),
    ],
    ids=str,
)
def test_a_size_that_a_network_does_not_take_is_refused_in_one_line(
    call: Call, small: dict[str, str], tmp_path: Path, npz: Callable[..., Path], given: dict[str, str], remedy: str
) -> None:
    given = {name: network(tmp_path, 16 * 16) if value == "own" else value for name, value in given.items()}
    code, _out, err = study(call, small | {"dataset": str(npz(28, 30))}, **given)
    assert (code, err.count("\n")) == (2, 1)
    assert remedy in err
    assert seeds() == []


@pytest.fixture
def large(small: dict[str, str], npz: Callable[..., Path]) -> dict[str, str]:
    return small | {"dataset": str(npz(40, 40, 3, train=4)), "batch_size": "2", "image_size": "224", "lr": "1e-4"}


@pytest.mark.slow
def test_a_network_of_torchvision_trains_at_224(call: Call, large: dict[str, str]) -> None:
    code, _out, err = study(call, large, model_name="torchvision:shufflenet_v2_x0_5")
    assert (code, err) == (0, "")
    check_model(seeds()[0], 224, 224, 3)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["resnet18", "vit_b_32", "alexnet", "inception_v3"])
def test_all_that_a_seed_does_works_at_224(call: Call, large: dict[str, str], model: str) -> None:
    """`prepare` tries the network on a few images."""
    given = large | {"model_name": f"torchvision:{model}"}
    code, _out, err = call("prepare", *(f"--{name}={value}" for name, value in given.items()))
    assert (code, err) == (0, "")
