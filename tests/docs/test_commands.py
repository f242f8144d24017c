"""Every command of README, docs/ and the examples' docstrings is run, with fewer seeds and epochs, or accounted for.

RULES decides how; a command that matches no rule fails. All commands are parsed by the programs that would run them.
Studies run in this process, with the arguments that `mlflow run` would pass; those of an example run as a process.
"""

import ast
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import yaml
from mlflow.cli import cli

from models import ARCHITECTURES
from pipeline.__main__ import commands as pipeline
from pipeline.__main__ import main
from pipeline.config.grid import combinations
from pipeline.config.resolve import read_settings, resolve
from pipeline.host.signals import SIGNALS
from tests.support.server import free_port, wait_until_it_answers

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
AS_BLOCKS = {"server.md"}  # its blocks are scripts of several lines
LEFT_OUT = (".venv*", ".git", ".*_cache", "__pycache__", "site", "mlruns", "mlflow.db")
SMALL = "examples/own_network.py:SmallNet"  # replaces the paper's networks
SETTINGS = set(yaml.safe_load((ROOT / "params.yaml").read_text()))


class Place:
    """A copy of the repository in which the commands of a page run in order; servers run until the test ends."""

    def __init__(self, folder: Path, popen: Callable[..., subprocess.Popen[str]]) -> None:
        self.folder, self.popen = folder / "clone", popen
        shutil.copytree(ROOT, self.folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
        packages = folder / "packages"  # contains layerwise as `pip install .` would install it
        packages.mkdir()
        (packages / "layerwise").symlink_to(ROOT / "pipeline" / "measure")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        self.environment = kept | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(packages),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        self.ports: dict[str, str] = {}

    def run(self, command: str) -> None:
        for written, port in self.ports.items():
            command = command.replace(f":{written}/", f":{port}/")
        words = ["bash", "-euo", "pipefail", "-c", command]
        given = {"cwd": self.folder, "env": self.environment, "capture_output": True, "text": True, "timeout": 600}
        done = subprocess.run(words, check=False, **given)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"

    def run_smaller(self, command: str) -> None:
        """Run an entry point in this process, with one seed, one epoch, and a small network for one of the paper's."""
        entry, values = run_of(command)
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{self.folder / 'mlflow.db'}")
            patch.setenv("XDG_CACHE_HOME", self.environment["XDG_CACHE_HOME"])
            patch.setattr(sys, "argv", ["pipeline", *as_arguments(entry, fewer(entry, values))])
            try:
                assert main() == 0, command
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)

    def run_smaller_by_mlflow(self, command: str) -> None:
        """Run the same as a process, by MLflow's front end."""
        entry, values = run_of(command)
        kept = [word for word in shlex.split(command) if word != "-P" and word.partition("=")[0] not in values]
        self.run(shlex.join([*kept, *(f"-P{name}={value}" for name, value in fewer(entry, values).items())]))

    def serve(self, command: str) -> None:
        written = (re.findall(r"--port (\d+)", command) or ["5000"])[0]
        port = self.ports[written] = str(free_port())
        command = f"exec {command.replace(f'--port {written}', '')} --port {port}"
        log = self.folder / f"log-{written}"
        with log.open("w") as file:
            server = self.popen("bash", "-c", command, cwd=self.folder, env=self.environment, stdout=file, stderr=file)
        wait_until_it_answers(f"http://127.0.0.1:{port}", server, log)

    def skip(self, command: str) -> None:
        """Run nothing: the command is only parsed; `why` of its rule gives the reason."""


def fewer(entry: str, values: dict[str, str]) -> dict[str, str]:
    study = {"epochs": "1", "seeds": "0", "threads": "1"}
    few = {"main": study, "sweep": study, "train": {"epochs": "1", "threads": "1"}}.get(entry, {})
    if entry == "aggregate" and "epochs" in values:
        few = {"epochs": "1"}  # the number that was trained
    named = values.get("model_name", "").partition(",")[0]
    return values | few | ({"model_name": SMALL} if named in ARCHITECTURES else {})


class Rule(NamedTuple):
    """How to run the commands that match a pattern, on the pages that match one; the first matching rule counts."""

    pattern: str
    run: Callable[[Place, str], None]
    why: str = ""
    pages: str = ".*"


ENVIRONMENT = "creates the environment of these tests: .ci/run begins with it"
SERVER = "root, ssh, another machine; tests/pipeline/studies/test_team_server.py runs the rest"
GPU = "needs a CUDA device; tests/benchmarks/test_gpu.py runs it with small sizes"
SWEEPS = "half an hour; tests/benchmarks/test_sweeps.py measures less"
RULES = (
    Rule(".*", Place.skip, SERVER, "server.md"),
    Rule(r"git clone <address of this repository> layerwise|cd layerwise", Place.skip, "commands run in a copy"),
    Rule(r"make setup|source \.venv/bin/activate", Place.skip, ENVIRONMENT),
    Rule(r"make demo", Place.skip, "minutes; the commands in it are parsed"),
    Rule(r"make ui", Place.skip, "`mlflow ui`, which the tutorial serves"),
    Rule(
        r"pip install (\.|\.\[\S+\]|'\.\[\S+\]')( [\w-]+)*",
        Place.skip,
        "tests/test_layerwise.py installs it into a folder of its own",
    ),
    Rule(r"python -m docs\.tour", Place.skip, "minutes; tests/pipeline/studies/test_browser.py does the same"),
    Rule(r"mlflow run .*|study=.*|python -m benchmarks\.results .*", Place.skip, "hours, and downloads", "results.md"),
    Rule(r"study=.*|python -m pipeline (study|sweep) .*", Place.skip, "days, and downloads", "analysis_plan.md"),
    Rule(r"python -m pipeline (record|restore|compare)( .*)?", Place.run, pages=r"(running|results)\.md"),
    Rule(r"python -m benchmarks\.gpu", Place.skip, GPU, "performance.md"),
    Rule(r"python -m benchmarks\.sweeps", Place.skip, SWEEPS, "scale.md"),
    Rule(
        r"mlflow run .* -P pretrained=true .*",
        Place.skip,
        "downloads; tests/pipeline/studies/test_image_size.py trains",
    ),
    Rule(r"mlflow run \. --env-manager local -P model_name=ResNet18", Place.skip, "days, and a download"),
    Rule(r"mlflow run \. .* -P epochs=paper.*", Place.skip, "weeks, and downloads"),
    Rule(r"mlflow run \. .*", Place.run_smaller_by_mlflow, pages="own_network.py"),
    Rule(r"mlflow run \. .*", Place.run_smaller),
    Rule(r"python -m pipeline study .*", Place.skip, "the line before it runs the same study"),
    Rule(r"mlflow ui|mlflow models serve .*", Place.serve),
    Rule(r"mlflow (artifacts download|models predict|gc) .*", Place.run),
    Rule(r"curl .*", Place.run),
    Rule(r"python -m pipeline doctor", Place.run),
    Rule(r"python examples/\w+\.py", Place.skip, "tests/test_examples.py runs them"),
    Rule(r"python \w+\.py", Place.run),
)


def blocks(page: Path, language: str) -> Iterator[tuple[str, str]]:
    """Yield the title, if any, and the text of each code block of a page in a language."""
    for match in re.finditer(rf'^```{language}(?: title="(.*?)")?\n(.*?)^```', page.read_text(), flags=re.M | re.S):
        yield match[1] or "", match[2]


def commands_of(page: Path) -> list[str]:
    if page.suffix == ".py":
        return list(commands_of_docstring(ast.get_docstring(ast.parse(page.read_text())) or ""))
    found = (text for _title, text in blocks(page, "sh"))
    return list(found) if page.name in AS_BLOCKS else [command for text in found for command in split(text)]


def commands_of_docstring(text: str) -> Iterator[str]:
    """Yield indented lines, and words in backticks that begin with the name of a program."""
    yield from split("\n".join(line.strip() for line in text.splitlines() if line.startswith("    ")))
    yield from re.findall(r"`((?:pip|python|mlflow|make) [^`]+)`", text)


def split(block: str) -> Iterator[str]:
    """Yield each command of a block, without comments and with its variables replaced."""
    variables: dict[str, str] = {}
    for line in block.replace("\\\n", " ").splitlines():
        command = " ".join(re.sub(r"(^|\s+)# .*", "", line).split())
        for name, value in variables.items():
            command = command.replace(f"${name}", value)
        if match := re.fullmatch(r'(\w+)="(.*)"', command):
            variables[match[1]] = match[2]
        if command:
            yield command


def run_of(command: str) -> tuple[str, dict[str, str]]:
    """Return the entry point of a `mlflow run`, and its -P values."""
    words = shlex.split(command)
    pairs = [after.partition("=") for word, after in pairwise(words) if word == "-P"]
    assert len({name for name, _, _ in pairs}) == len(pairs), f"mlflow refuses a name twice: {command}"
    return words[words.index("-e") + 1] if "-e" in words else "main", {name: value for name, _, value in pairs}


def as_arguments(entry: str, values: dict[str, str]) -> list[str]:
    """Return the arguments with which MLflow calls `python -m pipeline`."""
    return ["study" if entry == "main" else entry, *(f"--{name}={value}" for name, value in values.items())]


ALL = [(page, command) for page in (*PAGES, *EXAMPLES) for command in commands_of(page)]
NAMES = [f"{page.name}: {' '.join(command.split())[:100]}" for page, command in ALL]


def rule_of(page: Path, command: str) -> Rule:
    for rule in RULES:
        if re.fullmatch(rule.pages, page.name) and re.fullmatch(rule.pattern, command, flags=re.S):
            return rule
    pytest.fail(
        f"{page.name}: no rule matches {command!r}: add one to RULES in {__file__}, with how to run it, or why not"
    )


def parse(command: click.Command, words: list[str]) -> None:
    """Parse as the program itself would; click raises an error."""
    while isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(click.Context(command), name)
        assert found, f"{command.name} has no command {name}"
        command = found
    command.make_context(command.name, words)


def check_settings(entry: str, values: dict[str, str]) -> None:
    """Check values as the settings of one study, or of the studies of a sweep; raise what the command would."""
    settings = {name: value for name, value in values.items() if name in SETTINGS}
    for study in combinations(settings) if entry == "sweep" else [read_settings(settings)]:
        resolve(study)


def parse_program(words: list[str]) -> None:
    """Have mlflow, the pipeline or a module of benchmarks parse a command; of other programs nothing is checked."""
    match words:
        case ["mlflow", *rest]:
            parse(cli, rest)
            if rest[0] == "run":
                entry, values = run_of(shlex.join(words))
                parse(pipeline, as_arguments(entry, values))
                check_settings(entry, values)
        case ["python", "-m", "pipeline", *rest]:
            parse(pipeline, rest)
        case ["python", "-m", module, *rest] if module.startswith("benchmarks"):
            package = hasattr(import_module(module), "__path__")
            parse(import_module(f"{module}.__main__" if package else module).main, rest)
        case ["make", *rest]:
            command = ["make", "--dry-run", *rest]
            printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
            for line in split(printed):
                if line.startswith("mlflow "):
                    parse_program(shlex.split(line.partition("|")[0]))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml, the examples, and the files that readers of the pages write."""
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for page in PAGES:
        write_files(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_files(page: Path, folder: Path) -> None:
    for title, text in blocks(page, "python"):
        if title:
            (folder / title).write_text(text)


@pytest.mark.parametrize(("page", "command"), ALL, ids=NAMES)
@pytest.mark.usefixtures("here")
def test_every_command_matches_a_rule_and_is_parsed(page: Path, command: str) -> None:
    rule = rule_of(page, command)
    assert rule.run is not Place.skip or rule.why
    for named in re.findall(r"tests/[\w/]+\.py", rule.why):
        assert (ROOT / named).is_file()
    filled = re.sub(r"<[a-z][^<>\n]*>", "placeholder", command)
    syntax = subprocess.run(["bash", "-n", "-c", filled], capture_output=True, text=True, check=False)
    assert (syntax.returncode, syntax.stderr) == (0, "")
    if page.name not in AS_BLOCKS:
        parse_program(shlex.split(filled))


def test_every_rule_matches_a_command() -> None:
    used = {rule_of(page, command) for page, command in ALL}
    assert used == set(RULES)


def test_a_command_without_a_rule_fails_and_the_message_says_what_to_add() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"no rule matches 'make coffee': add one to RULES"):
        rule_of(ROOT / "README.md", "make coffee")


PYTHON = [(page, title, text) for page in PAGES for title, text in blocks(page, "python")]


@pytest.mark.parametrize(
    ("page", "text"), [(page, text) for page, _title, text in PYTHON], ids=lambda of: getattr(of, "name", "code")
)
def test_every_python_block_compiles(page: Path, text: str) -> None:
    compile(text, page.name, "exec")


@pytest.mark.parametrize(("page", "title"), [(page, title) for page, title, _text in PYTHON if title])
def test_a_file_that_readers_write_is_used_by_a_command(page: Path, title: str) -> None:
    assert any(title in command for command in commands_of(page)), f"no command uses {title}"


def runs_something(page: Path) -> bool:
    return any(rule_of(page, command).run is not Place.skip for command in commands_of(page))


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in (*PAGES, *EXAMPLES) if runs_something(page)], ids=lambda page: page.name
)
def test_the_commands_of_a_page_run_in_order(page: Path, tmp_path: Path, popen: Callable) -> None:
    place = Place(tmp_path, popen)
    write_files(page, place.folder)
    for command in commands_of(page):
        rule_of(page, command).run(place, command)
