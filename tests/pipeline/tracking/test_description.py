"""The description of a run: what it says and links to, and that what a person wrote stays."""

import base64
import json
import re
import zlib
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import mlflow
import pytest

from data import DataError
from pipeline.execution import local
from pipeline.tracking.charts import share_view
from pipeline.tracking.description import NOTE, describe, plain
from pipeline.tracking.mlflow_internals import SHARED_VIEW, TRAINING_LAYOUT
from pipeline.tracking.run import CHANGED_MOST
from pipeline.tracking.runs import open_run
from pipeline.tracking.shared_view import STUDIES

Call = Callable[..., tuple[int, str, str]]


def unpacked(tag: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(tag.removeprefix("deflate;"))))


def note(run_id: str) -> str:
    return str(mlflow.MlflowClient().get_run(run_id).data.tags[NOTE])


def test_a_person_s_words_stay(store: str) -> None:  # noqa: ARG001  # it sets the environment
    with open_run("study", "x") as run:
        describe(run, ["**first**"])
        describe(run, ["**second**", "more"])
        assert note(run.id) == "**second**\n\nmore"
        run.set_tags({NOTE: "my own words"})
        describe(run, ["third"])
        assert note(run.id) == "my own words"


@pytest.mark.usefixtures("finished_study")
def test_a_study_s_description_has_the_result_and_links() -> None:
    client = mlflow.MlflowClient()
    (study,) = client.search_runs(["0"], "tags.`layerwise.kind` = 'study'")
    text = note(study.info.run_id)
    accuracy = f"It classifies {study.data.metrics['test_acc_mean']:.1f} % of the test images correctly"
    assert text.startswith(f"AlexNet was trained on tiny with 2 seeds for 2 epochs. {accuracy}")
    assert "  \nThe group " in text
    report = Path(client.download_artifacts(study.info.run_id, "report.html")).read_text()
    sentences = [unescape(sentence) for sentence in re.findall("<li>(.*?)</li>", report.split("</ul>")[0])]
    said = text.replace("\\", "").replace("  \n", " ").replace("\n\n", " ")
    assert 5 <= len(sentences) <= 8
    assert all(sentence in said for sentence in sentences)
    artifacts = {"report.html", "figures", "tables"}
    for path in artifacts:
        assert f"(#/experiments/0/runs/{study.info.run_id}/artifacts/{path}?{TRAINING_LAYOUT})" in text
    assert artifacts <= {item.path for item in client.list_artifacts(study.info.run_id)}
    assert f"(get-artifact?path=figures/rwc_layers.svg&run_uuid={study.info.run_id})" in text
    keys = [tag.removeprefix(SHARED_VIEW) for tag in client.get_experiment("0").tags if tag.startswith(SHARED_VIEW)]
    assert len(keys) == 2
    for key in keys:
        mode = "TABLE" if key == STUDIES else "CHART"
        place = f"{TRAINING_LAYOUT}&compareRunsMode={mode}&viewStateShareKey={key}"
        assert f"(#/experiments/0/runs?{place})" in text
    assert "lr 0.01, momentum 0.9" in text


@pytest.mark.usefixtures("finished_study")
def test_each_seed_s_description_has_its_own_numbers_and_leads_to_the_study() -> None:
    client = mlflow.MlflowClient()
    (study,) = client.search_runs(["0"], "tags.`layerwise.kind` = 'study'")
    for seed in client.search_runs(["0"], "tags.`layerwise.kind` = 'seed'"):
        text = note(seed.info.run_id)
        assert text.startswith(
            f"Seed {seed.data.params['seed']} of [AlexNet-tiny](#/experiments/0/runs/{study.info.run_id}?"
        )
        assert f"It classifies {seed.data.metrics['test_acc']:.1f} % of the test images correctly" in text
        assert "The group " in text
        assert f"/runs/{study.info.run_id}/artifacts/report.html?{TRAINING_LAYOUT})" in text


@pytest.mark.usefixtures("finished_study")
def test_a_study_s_columns_show_what_changed_most() -> None:
    client = mlflow.MlflowClient()
    (study,) = client.search_runs(["0"], "tags.`layerwise.kind` = 'study'")
    assert re.fullmatch(r"\w+, [\d.]+ x \w+ \(no verdict\)", study.data.tags[CHANGED_MOST])
    view = unpacked(client.get_experiment("0").tags[f"{SHARED_VIEW}{STUDIES}"])
    assert view["selectedColumns"][:2] == ["metrics.`test_acc_mean`", f"tags.`{CHANGED_MOST}`"]
    assert view["columnOrder"] == ["attributes.`Run Name`", *view["selectedColumns"]]
    assert set(view["columnWidths"]) == set(view["columnOrder"])
    known = {f"{kind}.`{key}`" for kind, keys in study.data.to_dictionary().items() for key in keys}
    assert set(view["selectedColumns"]) <= known


@pytest.mark.usefixtures("finished_study")
def test_the_metrics_of_study_and_seed_are_listed_with_accuracy_first_then_groups_then_layers() -> None:
    client = mlflow.MlflowClient()
    kinds = ["rwc_group", "rwc_third", "rwc_elementwise_group", "rwc", "epoch_seconds"]
    scalars = ["test_acc", "train_acc", "test_loss", "train_loss"]
    for kind, first in (("study", ["test_acc_mean", "test_acc_std"]), ("seed", [])):
        run, *_others = client.search_runs(["0"], f"tags.`layerwise.kind` = '{kind}'")
        keys = [key.partition("/")[0] for key in client.get_run(run.info.run_id).data.metrics if "system" not in key]
        assert list(dict.fromkeys(keys)) == [*first, *scalars, *kinds]


def test_names_are_shown_as_they_are() -> None:
    assert plain("a_b *c* <i>\n[x](y) `z`") == r"a\_b \*c\* \<i\> \[x\](y) \`z\`"


@pytest.mark.usefixtures("unrendered")
def test_a_study_s_description_names_missing_seeds(
    call: Call, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seed 7 fails; 0 is left, and no estimate of the spread."""
    train_seed = local.train_seed

    def fail_for_seven(config: object, start: object, *others: object, **more: object) -> None:
        if start.seed == 7:
            raise DataError("no")
        train_seed(config, start, *others, **more)

    monkeypatch.setattr(local, "train_seed", fail_for_seven)
    arguments = [f"--{name}={value}" for name, value in options.items()]
    assert call("study", *arguments, "--seeds=0,7", "--epochs=1")[0] == 1
    (study,) = mlflow.MlflowClient().search_runs(["0"], "tags.`layerwise.kind` = 'study'")
    text = note(study.info.run_id)
    assert text.startswith("AlexNet was trained on tiny with 1 of 2 seeds for one epoch.")
    assert "How sure that is cannot be told from one seed." in text or "Nothing follows from that difference" in text
    assert "\n\n**Missing: seed 7**; the same command trains it.\n\n" in text


def test_a_view_has_groups_first_then_accuracy_then_layers(store: str) -> None:  # noqa: ARG001
    address = share_view("0", ["conv", "fc", "out"], ["early", "later", ""])
    assert share_view("0", ["conv", "fc", "out"], ["early", "later", ""]) == address
    key = address.partition("viewStateShareKey=")[2]
    view = unpacked(mlflow.MlflowClient().get_experiment("0").tags[f"{SHARED_VIEW}{key}"])
    sections = [section["name"] for section in view["compareRunSections"]]
    assert sections == ["RWC of groups", "RWC of the thirds of the depth", "Accuracy and loss", "RWC of layers"]
    keys = {name: [] for name in sections}
    for chart in view["compareRunCharts"]:
        keys[chart["metricSectionId"]].append(chart["selectedMetricKeys"])
    groups = [[f"{kind}/{group}"] for group in ("early", "later") for kind in ("rwc_group", "rwc_elementwise_group")]
    assert keys["RWC of groups"] == groups, "two charts stand beside each other"
    thirds = [["rwc_third/first"], ["rwc_third/middle"], ["rwc_third/last"]]
    assert keys["RWC of the thirds of the depth"] == thirds
    assert keys["RWC of layers"] == [["rwc/01_conv"], ["rwc/02_fc"], ["rwc/03_out"]]
