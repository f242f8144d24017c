"""A network of one's own, and torchvision's, through the whole study; what they are named, and what is tried first."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow.entities import Run

from pipeline.execution.local import Local

Call = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.usefixtures("undrawn")
NETWORK = """
from torch import nn

class Net(nn.Module):
    groups = {"early": ["conv"], "later": ["fc"]}

    def __init__(self, input_channels, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(input_channels, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, num_classes)

    def forward(self, images):
        return self.fc(self.norm(self.conv(images)).relu().mean((2, 3)))
"""


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(NETWORK)
    return path


@pytest.fixture
def small(options: dict[str, str]) -> list[str]:
    given = options | {"epochs": "1", "seeds": "0", "target_val_acc": "none"}
    return [f"--{name}={value}" for name, value in given.items() if name != "model_name"]


def runs(kind: str) -> list[Run]:
    client = mlflow.MlflowClient()
    return list(client.search_runs(["0"], f"tags.`layerwise.kind` = '{kind}'", order_by=["attributes.start_time ASC"]))


def test_a_study_of_an_own_network_with_a_relative_path(call: Call, network: Path, small: list[str]) -> None:
    code, _out, err = call("study", *small, "--seeds=0,1", f"--model_name={network.name}:Net")
    assert (code, err) == (0, "")
    (study,), seeds = runs("study"), runs("seed")
    assert [run.info.run_name for run in (study, *seeds)] == ["Net-tiny", "seed-0", "seed-1"]
    for run in seeds:
        assert {key for key in run.data.metrics if key.startswith("rwc")} == {
            "rwc/01_conv", "rwc/02_fc", "rwc_group/early", "rwc_group/later", "rwc_elementwise_group/early",
            "rwc_elementwise_group/later", "rwc_third/first", "rwc_third/last",
        }  # fmt: skip
        (output,) = run.outputs.model_outputs
        images = np.zeros((3, 32, 32, 1), dtype=np.uint8)
        assert list(mlflow.pyfunc.load_model(f"models:/{output.model_id}").predict(images)) == ["0", "1"]
    for run in (study, *seeds):
        assert (Path(run.info.artifact_uri) / "network.py").read_text() == NETWORK
    with (Path(seeds[0].info.artifact_uri) / "equilibrium.csv").open() as file:
        assert {row["layer"]: row["scale_invariant"] for row in csv.DictReader(file)} == {"conv": "True", "fc": "False"}


@pytest.mark.usefixtures("unrendered")
def test_other_code_is_another_study_and_another_folder_is_not(
    call: Call, network: Path, small: list[str], tmp_path: Path
) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "moved.py").write_text(NETWORK)
    (tmp_path / "changed.py").write_text(NETWORK.replace(", 4, 3)", ", 4, 5)"))
    for path in (network, tmp_path / "copy" / "moved.py", tmp_path / "changed.py"):
        assert call("study", *small, f"--model_name={path}:Net")[0] == 0
    first, moved, changed = (run.data.tags["layerwise.study"] for run in runs("study"))
    assert first == moved != changed
    assert len(runs("seed")) == 2  # the moved one took the first one's over


@pytest.mark.slow
def test_seeds_of_an_own_network_side_by_side(call: Call, network: Path, small: list[str]) -> None:
    code, _out, err = call("study", *small, "--seeds=0,1", "--jobs=2", f"--model_name={network}:Net")
    assert (code, err) == (0, "")
    assert {run.info.status for run in (*runs("study"), *runs("seed"))} == {"FINISHED"}


@pytest.mark.slow
def test_a_model_of_torchvision_in_thirds(call: Call, small: list[str]) -> None:
    code, _out, err = call("study", *small, "--model_name=torchvision:ShuffleNet-V2_x0_5", "--precision=fp32")
    assert (code, err) == (0, "")
    (study,), (seed,) = runs("study"), runs("seed")
    assert study.info.run_name == "torchvision:shufflenet_v2_x0_5-tiny"
    assert seed.data.params["model_name"] == "torchvision:shufflenet_v2_x0_5"
    groups = {key for key in seed.data.metrics if key.startswith("rwc_group")}
    assert groups == {f"rwc_group/{third}" for third in ("early", "middle", "later")}


@pytest.mark.parametrize(
    ("model", "remedy"),
    [
        ("torchvision:resnet1", "must name a classification model of torchvision, as torchvision:resnet50 (did you"),
        ("torchvision:alexnet", "torchvision:alexnet cannot take batches of 2 x 1 x 32 x 32"),
        ("missing.py:Net", "cannot be read"),
        ("net.py", "name one of Net"),
        ("net.py:Net2", "did you mean Net?"),
        ("AlexNot", "torchvision:<name>, or path/to/file.py:factory (did you mean AlexNet?)"),
    ],
)
@pytest.mark.usefixtures("network")
def test_what_cannot_be_used_ends_with_2_one_line_and_no_run(
    call: Call, small: list[str], model: str, remedy: str
) -> None:
    code, _out, err = call("study", *small, f"--model_name={model}")
    assert (code, err.count("\n")) == (2, 1)
    assert remedy in err
    assert runs("study") == runs("seed") == []


@pytest.mark.slow
def test_seeds_side_by_side_are_of_the_code_that_the_study_began_with(
    call: Call, network: Path, small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is broken as soon as the study has read it: its processes begin later."""
    train = Local.train

    def break_the_file_and_train(*arguments: Any) -> None:
        network.write_text("broken (")
        train(*arguments)

    monkeypatch.setattr(Local, "train", break_the_file_and_train)
    code, _out, err = call("study", *small, "--seeds=0,1", "--jobs=2", f"--model_name={network}:Net")
    assert (code, err) == (0, "")
    assert len({run.data.tags["layerwise.study"] for run in (*runs("study"), *runs("seed"))}) == 1


@pytest.mark.usefixtures("unrendered")
def test_a_last_batch_of_one_image_is_told_before_training(call: Call, network: Path, small: list[str]) -> None:
    """BatchNorm over single pixels needs two images; 47 of 48 leave one."""
    pooled = NETWORK.replace("self.conv(images)", "self.conv(images).mean((2, 3), keepdim=True)")
    network.write_text(pooled.replace(".relu().mean((2, 3))", ".relu().flatten(1)"))
    code, _out, err = call("study", *small, "--batch_size=47", f"--model_name={network}:Net")
    assert code == 2
    assert "last batch has one image, so try another batch_size" in err
    assert call("study", *small, "--batch_size=16", f"--model_name={network}:Net")[0] == 0


def test_a_network_that_cannot_be_exported_is_trained_and_reported_to_have_no_model(
    call: Call, network: Path, small: list[str]
) -> None:
    network.write_text(
        NETWORK.replace("        return", "        images = images if images.sum() < 1e9 else -images\n        return")
    )
    code, out, err = call("study", *small, "--register=true", f"--model_name={network}:Net")
    assert code == 0
    assert "no model is logged: torch.export fails for it" in err
    assert "model:   none to register" in out
    assert mlflow.MlflowClient().search_registered_models() == []
