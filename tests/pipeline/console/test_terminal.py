"""Colours on a real terminal and nowhere else; --quiet in real processes, and in those that they start."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest

from pipeline.console.terminal import coloured, table

ROOT = Path(__file__).parents[3]
RED, GREEN, YELLOW, BOLD, PLAIN = (f"\x1b[{number}m" for number in (31, 32, 33, 1, 0))
Shown = tuple[int, str, str]


@pytest.fixture
def on_terminal(
    running: Callable, environment: dict[str, str], store: str, open_terminal: Callable
) -> Callable[..., Shown]:
    """Return a runner of commands whose stderr is a terminal: it gives exit, stdout, and what is shown."""

    def run(*arguments: str) -> Shown:
        terminal = open_terminal()
        given = {"cwd": ROOT, "env": environment | {"MLFLOW_TRACKING_URI": store}}
        with running(
            *(sys.executable, "-m", *arguments), stdout=subprocess.PIPE, stderr=terminal.end, **given
        ) as process:
            out, _err = process.communicate(timeout=600)
        return process.returncode, out, terminal.close()

    return run


@pytest.mark.parametrize(
    ("variables", "is_coloured"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "0"}, False),
        ({"TERM": "dumb"}, False),
    ],
    ids=["terminal", "NO_COLOR is empty", "NO_COLOR", "any NO_COLOR", "dumb"],
)
def test_colours_are_for_terminals(
    terminal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], is_coloured: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with os.fdopen(os.dup(terminal.end), "w") as screen, (tmp_path / "file").open("w") as file:
        assert ("\x1b" in coloured("error:", "red", screen)) == is_coloured
        assert coloured("error:", "red", file) == "error:"


@pytest.mark.parametrize("columns", ["38", "10"])
def test_a_table_is_aligned_and_its_last_column_wrapped(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    rows = [("study", "seeds", "time"), ("Net-tiny", "12", "about 0:02:00 or longer"), ("Net", "1,000", "")]
    assert list(table(rows)) == [
        "study     seeds  time",
        "Net-tiny     12  about 0:02:00 or",
        "                 longer",
        "Net       1,000",
    ]


@pytest.fixture
def main_on(terminal: Any, call: Callable, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a runner of the program in this process, whose stdout or stderr is a terminal; it gives what is shown."""

    def run_main(stream: str, *arguments: str, **variables: str) -> str:
        for name, value in ({"TERM": "xterm", "NO_COLOR": ""} | variables).items():
            monkeypatch.setenv(name, value)
        with os.fdopen(os.dup(terminal.end), "w") as screen, monkeypatch.context() as here:
            here.setattr(sys, stream, screen)
            call(*arguments)
        return terminal.close()

    return run_main


ERROR = "what to list must be one of models, datasets, metrics (did you mean models?); got 'modles'"


def test_an_error_is_red_on_a_terminal(main_on: Callable) -> None:
    assert main_on("stderr", "list", "modles") == f"{RED}{BOLD}error:{PLAIN} {ERROR}\r\n"


def test_an_error_has_no_colour_where_none_is_wanted_or_seen(main_on: Callable, call: Callable) -> None:
    assert call("list", "modles")[2] == f"error: {ERROR}\n"
    assert main_on("stderr", "list", "modles", NO_COLOR="1") == f"error: {ERROR}\r\n"


def test_doctor_is_green_and_yellow_on_a_terminal_and_plain_elsewhere(main_on: Callable, call: Callable) -> None:
    plain = call("doctor")[1]
    shown = main_on("stdout", "doctor")
    assert f"{GREEN}{BOLD}ok  {PLAIN}  device" in shown
    assert f"{YELLOW}{BOLD}note{PLAIN}  data" in shown
    assert re.sub(r"\x1b\[\d+m", "", shown).split() == plain.split()


def given(options: dict[str, str], **settings: object) -> list[str]:
    return [f"--{name}={value}" for name, value in (options | {"epochs": "1"} | settings).items()]


@pytest.mark.slow
def test_a_loud_seed_shows_a_bar_and_a_line(on_terminal: Callable, options: dict[str, str], tmp_path: Path) -> None:
    code, out, shown = on_terminal("pipeline", "train", *given(options, seed=3, data_dir=tmp_path))
    assert (code, "seed 3  epoch 1/1  train loss" in out) == (0, True), shown
    assert "seed 3  epoch 1/1 " in shown


def test_a_quiet_seed_shows_nothing(
    call: Callable, terminal: Any, options: dict[str, str], store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with os.fdopen(os.dup(terminal.end), "w") as screen, monkeypatch.context() as here:
        here.setattr(sys, "stderr", screen)
        assert call("train", "--quiet", *given(options, seed=3))[:2] == (0, "")
    assert terminal.close() == ""
    assert [run.info.status for run in mlflow.MlflowClient(store).search_runs(["0"])] == ["FINISHED"]


@pytest.mark.slow
def test_quiet_seeds_side_by_side_show_nothing(
    on_terminal: Callable, options: dict[str, str], store: str, tmp_path: Path
) -> None:
    settings = given(options, seeds="3,4", jobs=2, data_dir=tmp_path)
    assert on_terminal("pipeline", "study", *settings, "--quiet") == (0, "", "")
    assert [run.info.status for run in mlflow.MlflowClient(store).search_runs(["0"])] == ["FINISHED"] * 3


def test_failures_are_printed_when_quiet(call: Callable, options: dict[str, str]) -> None:
    code, out, err = call("study", "--quiet", *given(options, lr="1e30", batch_size=8, seeds="3"))
    assert (code, out) == (1, "")
    seed, study = err.splitlines()
    assert seed.startswith("seed 3 failed: ")
    assert "0 of 1 seeds finished" in study


@pytest.mark.slow
def test_failures_of_seeds_side_by_side_are_printed_when_quiet(
    on_terminal: Callable, options: dict[str, str], tmp_path: Path
) -> None:
    wrong = given(options, lr="1e30", batch_size=8, seeds="3,4", jobs=2, data_dir=tmp_path)
    code, out, shown = on_terminal("pipeline", "study", "--quiet", *wrong)
    assert (code, out) == (1, "")
    *seeds, study = shown.splitlines()
    assert sorted(line.partition(" failed: ")[0] for line in seeds) == ["seed 3", "seed 4"]
    assert "0 of 2 seeds finished" in study


def test_bad_input_ends_with_2_when_quiet(run: Callable, store: str) -> None:
    process = run("python", "-m", "pipeline", "study", "--quiet", "true", "--epochs=0", MLFLOW_TRACKING_URI=store)
    assert (process.returncode, process.stdout, process.stderr.count("\n")) == (2, "", 1)
    assert "epochs must be" in process.stderr


@pytest.mark.slow
def test_mlflow_run_passes_quiet_on(run: Callable, options: dict[str, str], store: str, tmp_path: Path) -> None:
    settings = {"dataset": options["dataset"], "data_dir": tmp_path, "quiet": "true"}
    values = [f"-P{name}={value}" for name, value in settings.items()]
    process = run(
        "mlflow", "run", str(ROOT), "-e", "prepare", "--env-manager=local", *values, MLFLOW_TRACKING_URI=store
    )  # fmt: skip
    assert (process.returncode, process.stdout) == (0, ""), process.stderr
    (only,) = mlflow.MlflowClient(store).search_runs(["0"])
    assert (only.info.status, only.data.params["quiet"]) == ("FINISHED", "true")


def test_only_true_and_false_are_quiet(call: Callable) -> None:
    code, _out, err = call("study", "--quiet=maybe")
    assert (code, err) == (
        2,
        "error: Invalid value for '--quiet': 'maybe' is not one of 'true', 'false': see python -m pipeline --help\n",
    )


def test_help_and_version(call: Callable) -> None:
    code, out, _err = call("--help")
    commands = re.findall(r"^  (\w+) ", out.split("Commands:")[1].split("\n\n")[0], re.MULTILINE)
    assert (code, commands[:1]) == (0, ["study"]), "what most people want comes first"
    assert {"prepare", "train", "aggregate", "compare", "list", "doctor"} <= set(commands)
    assert call("-h")[1] == out
    assert call()[0] == 0
    for command in set(commands) - {"list"}:
        assert "--quiet [true|false]" in call(command, "--help")[1]
    code, out, _err = call("--version")
    assert code == 0
    assert re.fullmatch(r"layerwise \d+\.\d+\.\d+, commit \S+, Python 3\.\S+, torch \d\S+, .*\n", out)
