"""Exits of `python -m pipeline`: bad input trains nothing, a failed seed spares the others, signals kill."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Run

ROOT = Path(__file__).parents[3]
Call = Callable[..., tuple[int, str, str]]


def runs() -> list[Run]:
    return list(mlflow.MlflowClient().search_runs(["0"], order_by=["attributes.start_time ASC"]))


WRONG = {
    "--model_name=ResNet19": "did you mean ResNet18",
    "--dataset=CIFAR10O": "did you mean CIFAR-10",
    "--epochs=0": "whole number of 1 or more",
    "--epochs=abc": "whole number of 1 or more",
    "--lr=-1": "greater than 0",
    "--lr=nan": "greater than 0",
    "--seeds=": "like 0,42,123",
    "--seeds=1,1": "none twice",
    "--batch_size=0": "whole number of 1 or more",
    "--epoch=3": "--epochs",
    "--dataset=missing.npz": "there is no file",
    "--dataset=wrong.npz": "images must be N x H x W",
    "--data_dir=~nobody-of-this-name/x": "names a user of this machine",
}


@pytest.mark.parametrize(("option", "remedy"), WRONG.items(), ids=WRONG)
def test_bad_input_ends_with_2_one_line_and_no_run(call: Call, tmp_path: Path, option: str, remedy: str) -> None:
    np.savez(tmp_path / "wrong.npz", **{name: np.zeros(3) for name in ("x_train", "y_train", "x_test", "y_test")})
    code, _out, err = call("study", option)
    assert code == 2
    assert remedy in err
    assert err.count("\n") == 1
    assert runs() == []


def test_an_unknown_key_in_params_yaml_ends_with_2(call: Call, tmp_path: Path) -> None:
    with (tmp_path / "params.yaml").open("a") as file:
        file.write("epoch: 3\n")
    code, _out, err = call("study")
    assert (code, err.count("\n")) == (2, 1)
    assert "did you mean epochs" in err
    assert runs() == []


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["train", "--dataset=Digits"], "-P seed=42"),
        (["train", "--dataset=Digits", "--seed=1,2"], "-P seed=42"),
        (["aggregate", "--dataset=Digits"], "no finished seed"),
        (["aggregate", "--study=nothing"], "no run 'nothing'"),
        (["stduy"], "python -m pipeline --help"),
    ],
    ids=["no seed", "two seeds", "nothing to aggregate", "no such study", "no such command"],
)
def test_other_commands_name_the_remedy(call: Call, arguments: list[str], remedy: str) -> None:
    code, _out, err = call(*arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert remedy in err
    assert runs() == []


def test_both_spellings_of_an_option(call: Call) -> None:
    for option in ("--batch-size=0", "--batch_size=0"):
        assert call("study", option)[0] == 2
        assert "batch_size must be" in call("study", option)[2]


def test_help_names_every_command(call: Call) -> None:
    code, out, _err = call("--help")
    assert code == 0
    assert all(command in out for command in ("study", "prepare", "train", "aggregate"))


def test_help_is_shown_in_the_cell_of_a_notebook(run: Callable) -> None:
    """Jupyter and Colab name a backend of matplotlib that only their own kernels have."""
    process = run(sys.executable, "-m", "pipeline", "--help", MPLBACKEND="module://matplotlib_inline.backend_inline")
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.usefixtures("undrawn")
def test_a_failed_seed_spares_the_others(call: Call, options: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    import pipeline.training.setup as beginning

    original = beginning.torch.manual_seed

    def poisoned(seed: int) -> object:
        if seed == 7:
            raise RuntimeError("this seed is cursed")
        return original(seed)

    monkeypatch.setattr(beginning.torch, "manual_seed", poisoned)
    given = [f"--{name}={value}" for name, value in (options | {"epochs": "1"}).items()]
    code, out, err = call("study", *given, "--seeds=7,1")
    assert code == 1
    assert "this seed is cursed" in err
    assert "1 of 2 seeds finished; missing: 7" in err
    study, cursed, good = runs()
    assert [run.info.status for run in (study, cursed, good)] == ["FAILED", "FAILED", "FINISHED"]
    assert study.data.tags["layerwise.seeds"] == "1 of 2"
    assert study.data.metrics["test_acc_mean"] == good.data.metrics["test_acc"]
    assert (Path(study.info.artifact_uri) / "figures" / "rwc_layers.png").is_file()
    assert "1 of 2 seeds, test accuracy" in out


@pytest.mark.usefixtures("unrendered")
def test_a_seed_whose_run_cannot_be_opened_is_missing(
    call: Call, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_settings: object) -> None:
        raise RuntimeError("no run for you")

    monkeypatch.setattr("pipeline.training.seed.open_run", refuse)
    given = [f"--{name}={value}" for name, value in options.items()]
    code, _out, err = call("study", *given, "--seeds=0,1")
    assert code == 1
    assert "0 of 2 seeds finished; missing: 0, 1" in err
    (study,) = runs()
    assert (study.info.status, study.data.tags["layerwise.seeds"]) == ("FAILED", "0 of 2")
    assert call("aggregate", f"--study={study.info.run_id}")[0] == 2


def test_a_run_that_cannot_be_started_is_not_left_running(
    call: Call, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_settings: object) -> None:
        raise RuntimeError("no start")

    monkeypatch.setattr("pipeline.tracking.runs.heartbeat", refuse)
    with pytest.raises(RuntimeError, match="no start"):
        call("prepare", f"--dataset={options['dataset']}")
    assert [run.info.status for run in runs()] == ["FAILED"]


def test_a_val_split_that_leaves_nothing_ends_with_2(call: Call, options: dict[str, str]) -> None:
    code, _out, err = call("study", f"--dataset={options['dataset']}", "--val_split=0.999")
    assert (code, err.count("\n")) == (2, 1)
    assert "use a smaller fraction" in err
    assert runs() == []


@pytest.mark.usefixtures("unrendered")
def test_aggregate_takes_only_finished_seeds_and_reports_what_it_moves(call: Call, options: dict[str, str]) -> None:
    given = [f"--{name}={value}" for name, value in (options | {"epochs": "1"}).items()]
    assert call("study", *given, "--seeds=4")[0] == 0
    first, seed = runs()
    client = mlflow.MlflowClient()
    killed = client.create_run("0", tags=dict(seed.data.tags))
    for name, value in (("seed", "99"), ("epochs", "1")):
        client.log_param(killed.info.run_id, name, value)
    client.set_terminated(killed.info.run_id, "KILLED")
    code, out, _err = call("aggregate", *given[:-2], "--lr=0.01", "--seeds=4")
    assert code == 0
    assert "not finished with these settings: seeds 99" in out
    assert f"seed 4: reused from the study {first.info.run_id}" in out
    second = runs()[-1]
    assert (second.data.tags["layerwise.seeds"], second.data.params["epochs"]) == ("1 of 1", "1")
    code, out, _err = call("aggregate", f"--study={first.info.run_id}")
    assert (code, "1 of 1 seeds" in out) == (0, True), "the first study keeps its seed"


def test_a_loss_that_is_not_finite_fails_the_seed(call: Call, options: dict[str, str]) -> None:
    given = [f"--{name}={value}" for name, value in (options | {"lr": "1e30", "batch_size": "8"}).items()]
    code, _out, err = call("train", *given, "--seed=3")
    assert code == 1
    assert "in epoch 1, step" in err
    assert err.count("\n") == 1
    assert [run.info.status for run in runs()] == ["FAILED"]


@pytest.mark.usefixtures("unrendered")
def test_reaching_the_target_stops_the_seed(call: Call, options: dict[str, str]) -> None:
    given = [f"--{name}={value}" for name, value in (options | {"epochs": "3", "target_val_acc": "2"}).items()]
    assert call("train", *given, "--seed=3")[0] == 0
    (run,) = runs()
    assert len(mlflow.MlflowClient().get_metric_history(run.info.run_id, "test_acc")) == 1
    assert (Path(run.info.artifact_uri) / "checkpoints" / "slot-a.pt").is_file()


@pytest.mark.usefixtures("unrendered")
def test_held_out_images_decide_and_are_logged(call: Call, options: dict[str, str]) -> None:
    given = [f"--{name}={value}" for name, value in (options | {"val_split": "0.25", "epochs": "1"}).items()]
    assert call("train", *given, "--seed=3")[0] == 0
    (run,) = runs()
    assert {"val_loss", "val_acc"} <= set(run.data.metrics)


@pytest.mark.usefixtures("unrendered")
def test_rwc_within_epochs_is_a_table_of_the_seed(call: Call, options: dict[str, str]) -> None:
    given = [f"--{name}={value}" for name, value in (options | {"rwc_every": "2"}).items()]
    assert call("train", *given, "--seed=3", "--target_val_acc=none")[0] == 0
    (run,) = runs()
    table = pd.read_csv(Path(run.info.artifact_uri) / "rwc_steps.csv")
    assert table.columns.tolist() == ["epoch", "step", "layer", "group", "value"]
    steps = table[table["layer"] == "features.0"]
    assert steps[["epoch", "step"]].to_numpy().tolist() == [[1, 2], [2, 4], [2, 6]]  # 3 steps an epoch
    assert (table["value"] > 0).all()


def test_prepare_alone_describes_the_data(call: Call, options: dict[str, str]) -> None:
    code, out, _err = call("prepare", f"--dataset={options['dataset']}")
    assert code == 0
    assert "48 training and 24 test images, 2 classes" in out
    (run,) = runs()
    assert (run.data.tags["layerwise.kind"], run.info.status) == ("prepare", "FINISHED")
    assert (Path(run.info.artifact_uri) / "data" / "samples.png").is_file()


FATAL = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)  # an ignored SIGHUP, as the first leaves it, stays ignored
ONE_AFTER_ANOTHER = f"""
import sys
from pipeline.__main__ import main

for _study in range({len(FATAL)}):
    sys.stdin.readline()
    print("code", code := main(), flush=True)
sys.exit(code)
"""


def test_a_signal_kills_the_runs(
    popen: Callable[..., subprocess.Popen], environment: dict[str, str], options: dict[str, str], store: str
) -> None:
    """Each signal ends one study of a process; the next study resumes the seed, and the last ends the process."""
    given = [f"--{name}={value}" for name, value in (options | {"epochs": "500", "target_val_acc": "none"}).items()]
    process = popen(
        *(sys.executable, "-c", ONE_AFTER_ANOTHER, "study", *given),
        cwd=ROOT,
        env=environment | {"MLFLOW_TRACKING_URI": store},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    def read_until(text: str) -> str:
        while text not in (line := process.stdout.readline()):
            assert line, process.stderr.read()
        return line

    for count, number in enumerate(FATAL, start=1):
        process.stdin.write("\n")
        process.stdin.flush()
        read_until("  epoch ")
        process.send_signal(number)
        time.sleep(0.2)
        process.send_signal(number)  # mlflow run sends a second one
        assert read_until("code ") == f"code {128 + number}\n"
        statuses = [run.info.status for run in mlflow.MlflowClient(store).search_runs(["0"])]
        assert statuses == ["KILLED"] * (count + 1)
    _out, err = process.communicate(timeout=600)
    assert process.returncode == 128 + FATAL[-1]
    assert re.findall("interrupted by (.*)", err) == [number.name for number in FATAL]


@pytest.mark.slow
def test_mlflow_run_of_bad_input_ends_with_1_and_a_failed_run(run: Callable, store: str) -> None:
    process = run(
        "mlflow", "run", str(ROOT), "--env-manager", "local", "-P", "epoch=3", MLFLOW_TRACKING_URI=store
    )  # fmt: skip
    assert process.returncode == 1
    assert "--epochs" in process.stderr, "the nearest name"
    (only,) = mlflow.MlflowClient(store).search_runs(["0"])
    assert only.info.status == "FAILED"


@pytest.mark.usefixtures("unrendered")
def test_a_disk_that_is_full_when_figures_are_written_is_named(
    call: Call, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_arguments: object, **_options: object) -> None:
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    monkeypatch.setattr("pipeline.tracking.study_log.write_tables", write)
    given = [f"--{name}={value}" for name, value in (options | {"epochs": "1", "seeds": "3"}).items()]
    code, _out, err = call("study", *given)
    assert code == 1
    assert err.count("\n") == 1
    assert "figures and tables has no room; free some space, and the same command resumes" in err
    assert sorted(run.info.status for run in runs()) == ["FAILED", "FINISHED"]
