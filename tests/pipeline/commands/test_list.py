"""What `list` prints, counted and found, in aligned columns; help and messages name everything registered as well."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from data import DATASETS
from data.datasets import DataSet, Fetch
from data.prepared import prepare
from models import ARCHITECTURES
from models.architectures import Architecture
from models.names import torchvision_models
from pipeline.console.terminal import WIDTH
from pipeline.measure import FORMULAS, layer_weights

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")  # where there is no terminal, pytest's processes have 80


def cells(out: str) -> dict[str, list[str]]:
    """Return {first cell: the others} of the rows of a table, without what is wrapped."""
    rows = [re.split(r"  +", line) for line in out.split("\n\n")[0].splitlines() if line[0] != " "]
    return {row[0]: row[1:] for row in rows}


def test_every_model_with_its_numbers(call: Call) -> None:
    code, out, _err = call("list", "models")
    assert code == 0
    table = cells(out)
    assert list(table) == ["name", *ARCHITECTURES]
    for name, architecture in ARCHITECTURES.items():
        network = architecture.build(input_channels=3, num_classes=10)
        parameters, layers, imagenet, groups = table[name]
        assert int(parameters.replace(",", "")) == sum(p.numel() for p in network.parameters())
        assert int(layers) == len(layer_weights(network)) == sum(map(int, re.findall(r" (\d+)(?:,|$)", groups)))
        assert imagenet == ("yes" if architecture.imagenet else "no")
        assert all(group in groups for group in architecture.groups)
    assert "path/to/file.py:factory" in out
    assert "torchvision:resnet50" in out
    assert "resnet50" in torchvision_models()


class LooksAtValues(nn.Module):
    """Its depths are read from a tensor, which a tensor without memory cannot tell."""

    def __init__(self, *, input_channels: int, num_classes: int) -> None:
        super().__init__()
        self.rates = [rate.item() for rate in torch.linspace(0, 0.5, 3)]
        self.fc = nn.Linear(input_channels * 1024, num_classes)


def test_a_new_model_is_listed(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    new = Architecture(name="New", factory=LooksAtValues, groups={"all": ("fc",)})
    monkeypatch.setitem(ARCHITECTURES, "New", new)
    assert cells(call("list", "models")[1])["New"] == ["30,730", "1", "no", "all 1"]


def test_every_data_set_and_where_it_is(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cache" / "layerwise"
    prepare(DATASETS["Digits"], folder)
    (folder / "mnist.npz").touch()
    damaged = folder / "prepared" / "mnist-0" / "manifest.json"
    damaged.parent.mkdir()
    damaged.write_text("{}")
    new = DataSet(
        name="New",
        find=lambda _folder: [],
        read=lambda _folder: pytest.fail("nothing is read"),
        aliases=("Newer",),
        fetches=(Fetch("a parcel", lambda _folder: None), Fetch("a letter", lambda _folder: None)),
        padding=2,
    )
    monkeypatch.setitem(DATASETS, "New", new)
    code, out, _err = call("list", "datasets")
    assert code == 0
    table = cells(out)
    assert list(table) == ["name", *DATASETS]
    assert table["New"] == ["Newer", "crop, padding 2", "no", "a parcel or a letter"]
    assert table["Digits"][:2] == ["unchanged", "yes"]
    assert table["MNIST"] == ["unchanged", "no", "mnist.npz"]
    assert table["CIFAR-10"] == ["crop, padding 4, flip", "no", "torchvision's download"]
    assert f"Datafolder:{folder}." in "".join(out.split())  # however it is wrapped


def test_help_names_every_model_and_data_set(call: Call) -> None:
    code, out, _err = call("study", "--help")
    assert code == 0
    options = " ".join(out.split())
    assert f"{', '.join(ARCHITECTURES)}, torchvision:<name>, or path/to/file.py:factory" in options
    assert f"{', '.join(DATASETS)}, or the path of an .npz file" in options


@pytest.mark.parametrize(("setting", "names"), [("model_name", ARCHITECTURES), ("dataset", DATASETS)])
def test_an_unknown_name_is_answered_with_all_names(call: Call, setting: str, names: dict[str, object]) -> None:
    err = call("study", f"--{setting}=nothing-like-it")[2]
    assert err.startswith(f"error: {setting} must be one of {', '.join(names)}, ")


def test_every_measurement_with_its_formula(call: Call) -> None:
    table = cells(call("list", "metrics")[1])
    assert list(table) == ["name", *FORMULAS]
    assert list(table.values())[1:] == [[formula] for formula in FORMULAS.values()]


@pytest.mark.parametrize("kind", ["models", "datasets", "metrics"])
def test_lines_fit_and_columns_are_aligned(call: Call, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    lines = call("list", kind)[1].splitlines()
    assert max(map(len, lines)) <= WIDTH
    head, *rows = lines[: lines.index("")]
    start = head.rindex("  ") + 2
    assert all(row[start - 1] == " " and row[start] != " " for row in rows), (
        "the last column starts where its name does"
    )
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, call("list", kind)[1].splitlines())) <= 80


@pytest.mark.parametrize(
    ("word", "hint"), [("model", "did you mean models?"), ("dataset", "did you mean datasets?"), ("x", "")]
)
def test_an_unknown_word_ends_with_2_and_one_line(call: Call, word: str, hint: str) -> None:
    code, out, err = call("list", word)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "what to list must be one of models, datasets, metrics" in err
    assert hint in err
    assert call("list")[0] == 2
