"""Custom models: factories that are found, files that are rejected with a remedy, and code that runs once."""

from pathlib import Path

import pytest
import torch

from models import ModelError, find

NETWORK = """
from torch import nn

class Net(nn.Module):
    groups = {"early": ["conv"], "later": ["fc"]}

    def __init__(self, input_channels, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(input_channels, 4, 3)
        self.fc = nn.Linear(4, num_classes)

    def forward(self, images):
        return self.fc(self.conv(images).mean((2, 3)))

def plain(*, input_channels, num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(input_channels * 1024, num_classes))

def wrong(channels):
    return None

number = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(NETWORK)
    return path


def test_a_class_with_groups_is_found(file: Path) -> None:
    net = find(f"{file}:Net")
    assert (net.name, net.source, net.imagenet) == ("Net", NETWORK, None)
    assert net.build(input_channels=2, num_classes=5)(torch.zeros(3, 2, 32, 32)).shape == (3, 5)
    assert [net.group_of(layer) for layer in ("conv", "fc")] == ["early", "later"]
    assert net.grouped(["conv", "fc"]) is net


SIZED = """
from torch import nn

def told(*, input_channels, num_classes, image_size):
    height, width = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    return nn.Sequential(nn.Flatten(), nn.Linear(input_channels * height * width, num_classes))

def guessed(input_channels, num_classes, image_size=16, **others):
    assert not others
    return told(input_channels=input_channels, num_classes=num_classes, image_size=image_size)
"""


@pytest.mark.parametrize("factory", ["told", "guessed"])
@pytest.mark.parametrize("size", [(32, 32), (64, 64), (20, 30)])
def test_a_factory_that_takes_image_size_is_told_it(tmp_path: Path, factory: str, size: tuple[int, int]) -> None:
    (tmp_path / "sized.py").write_text(SIZED)
    network = find(f"{tmp_path / 'sized.py'}:{factory}").build(input_channels=2, num_classes=5, image_size=size)
    assert network(torch.zeros(3, 2, *size)).shape == (3, 5)


def test_a_factory_without_groups_gets_thirds_of_its_layers(file: Path) -> None:
    net = find(f"{file}:plain")
    assert net.groups == {}
    grouped = net.grouped([f"layer.{number}" for number in range(7)])
    assert [grouped.group_of(f"layer.{number}") for number in range(7)] == [
        "early", "early", "middle", "middle", "middle", "later", "later",
    ]  # fmt: skip
    assert net.grouped(["only"]).group_of("only") == "middle"


def test_a_custom_model_may_have_the_name_of_a_registered_one(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NETWORK.replace("Net(", "AlexNet("))
    custom, registered = find(f"{tmp_path / 'net.py'}:AlexNet"), find("AlexNet")
    assert custom.source
    assert custom != registered


def test_code_runs_once_and_later_edits_are_ignored(file: Path, tmp_path: Path) -> None:
    file.write_text(f"with open({str(tmp_path / 'ran')!r}, 'a') as file:\n    file.write('x')\n{NETWORK}")
    first = find(f"{file}:Net")
    file.write_text("broken (")
    assert find(f"{file}:Net") == first
    assert (tmp_path / "ran").read_text() == "x"


def test_a_file_may_import_modules_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "parts_of_a_net.py").write_text(NETWORK)
    (tmp_path / "whole.py").write_text("from parts_of_a_net import Net as Whole\n")
    assert find(f"{tmp_path / 'whole.py'}:Whole").build(input_channels=1, num_classes=2)


@pytest.mark.parametrize(
    ("content", "factory", "remedy"),
    [
        (None, "Net", "cannot be read (No such file or directory): give path/to/file.py:factory"),
        (b"\xff\xfe", "Net", "cannot be read"),
        (b"def (", "Net", "cannot be run (SyntaxError"),
        (b"import no_such_package", "Net", "cannot be run (ModuleNotFoundError: No module named 'no_such_package')"),
        (b"import sys; sys.exit(0)", "Net", "cannot be run (SystemExit"),
        (NETWORK.encode(), "Nett", "has no factory 'Nett' (did you mean Net?)"),
        (NETWORK.encode(), "number", "has no factory 'number'"),
        (NETWORK.encode(), "", "name one of Net, plain, wrong"),
        (NETWORK.encode(), "wrong", "callable with input_channels and num_classes alone"),
        (NETWORK.replace('{"early"', '{"early": "conv"} #').encode(), "Net", "groups must be like"),
    ],
)
def test_a_file_that_cannot_be_used_is_rejected_with_a_remedy(
    tmp_path: Path, content: bytes | None, factory: str, remedy: str
) -> None:
    path = tmp_path / "net.py"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError) as error:
        find(f"{path}:{factory}" if factory else str(path))
    assert remedy in str(error.value)
