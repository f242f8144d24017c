"""Networks of very many layers and texts of any length stay below the limits of MLflow, which would refuse them."""

import base64
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from pipeline.tracking import limits, study_log
from pipeline.tracking.charts import share_view
from pipeline.tracking.description import NOTE, describe
from pipeline.tracking.limits import listed, shortened
from pipeline.tracking.mlflow_internals import SHARED_VIEW
from pipeline.tracking.registered_models import safe
from pipeline.tracking.runs import open_run

Call = Callable[..., tuple[int, str, str]]
LAYERS = [f"a_very_long_name_of_a_block_{number}.and_of_what_it_holds.{number * 7919}" for number in range(1200)]
DEEP = """
from torch import nn


class Deep(nn.Module):
    def __init__(self, *, input_channels, num_classes):
        super().__init__()
        self.pool, self.first = nn.AdaptiveAvgPool2d(1), nn.Linear(input_channels, 2)
        last = nn.Linear(2, 2)
        for depth in range(40):
            last = nn.ModuleDict({f"nested_{depth}": last})
        self.nested = last
        self.blocks = nn.ModuleDict({f"a_very_long_name_of_a_block_{n}": nn.Linear(2, 2) for n in range(1198)})
        self.last = nn.Linear(2, num_classes)

    def forward(self, images):
        hidden = self.first(self.pool(images).flatten(1))
        for module in (*self.nested.modules(), *self.blocks.values()):
            if isinstance(module, nn.Linear):
                hidden = hidden + module(hidden) / 1000
        return self.last(hidden)
"""


@pytest.fixture(autouse=True)
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let MLflow refuse what is too long, which it may also cut with a warning."""
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "false")


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_a_study_of_1200_layers_with_long_names_is_whole(
    call: Call, small_options: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_log, "write_figures", lambda *_arguments, **_options: None)  # they take half a minute
    (tmp_path / "deep.py").write_text(DEEP)
    given = small_options | {"model_name": "deep.py:Deep", "epochs": "1", "seeds": "0", "snapshots": "true"}
    code, _out, err = call("study", *(f"--{name}={value}" for name, value in given.items()))
    assert (code, err) == (0, "")
    client = mlflow.MlflowClient()
    (study,) = client.search_runs(["0"], "tags.`layerwise.kind` = 'study'")
    keys = [key for key in study.data.metrics if key.startswith("rwc/")]
    assert (len(keys), max(map(len, keys))) == (1201, 250)
    (seed,) = client.search_runs(["0"], "tags.`layerwise.kind` = 'seed'")
    table = pd.read_csv(Path(seed.info.artifact_uri) / "layer_metrics.csv")
    assert table["layer"].nunique() == 1201
    assert max(table["layer"].str.len()) > 300, "tables have the whole names"


def view_of(layers: list[str], groups: list[str]) -> dict[str, int]:
    """Return how many charts each section has."""
    key = share_view("0", layers, groups).partition("viewStateShareKey=")[2]
    packed = mlflow.MlflowClient().get_experiment("0").tags[f"{SHARED_VIEW}{key}"]
    charts = json.loads(zlib.decompress(base64.b64decode(packed.removeprefix("deflate;"))))["compareRunCharts"]
    sections = [chart["metricSectionId"] for chart in charts]
    return {section: sections.count(section) for section in sections}


@pytest.mark.usefixtures("store")
def test_the_view_of_very_many_layers_has_the_charts_for_which_there_is_room() -> None:
    rest = {"RWC of the thirds of the depth": 3, "Accuracy and loss": 2}
    assert view_of(LAYERS[:100], ["early"]) == {"RWC of groups": 2, **rest, "RWC of layers": 100}
    assert view_of(LAYERS, ["early", "later"]) == {"RWC of groups": 4, **rest}
    assert view_of(LAYERS, LAYERS) == rest


@pytest.mark.usefixtures("store")
def test_long_texts_are_cut_and_a_cut_description_is_still_ours() -> None:
    with open_run("study", "n" * 1000, tags={"given": "t" * 9000}) as run:
        run.set_tags({"set": "t" * 9000})
        run.log_params({"studies": "p" * 9000, "short": "p"})
        describe(run, ["d" * 9000])
        describe(run, ["e" * 9000])
        found = mlflow.MlflowClient().get_run(run.id)
    assert (found.info.run_name, found.data.tags["given"]) == ("n" * 247 + "...", "t" * 7997 + "...")
    assert (found.data.tags["set"], found.data.tags[NOTE]) == ("t" * 7997 + "...", "e" * 7997 + "...")
    assert found.data.params == {"studies": "p" * 5997 + "...", "short": "p"}
    assert len(safe("m/" * 1000)) == limits.NAME


def test_what_is_short_stays() -> None:
    assert (shortened("abcd", 4), shortened("abcde", 4)) == ("abcd", "a...")
    assert listed(range(3)) == "0, 1, 2"
    assert listed(range(1022)) == ", ".join(map(str, range(20))) + " and 1,002 more"
