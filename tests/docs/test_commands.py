"""Every command of README, docs/ and the examples' docstrings: run, with fewer seeds and epochs, or accounted for.

RULES says how; a command that fits none of them fails. All of them are parsed by those who would run them. Studies are
run in this process, as `mlflow run` would have them, which saves half a minute each; the example's goes through it.
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
from mlflow.cli import cli

from models import ARCHITECTURES
from pipeline.__main__ import commands as pipeline
from pipeline.__main__ import main
from pipeline.config.grid import combinations
from pipeline.config.resolve import read_settings, resolve
from pipeline.config.settings import Config
from pipeline.host.signals import SIGNALS
from tests.support.server import free_port, wait_until_it_answers

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
AS_BLOCKS = {"server.md"}  # its blocks are scripts of several lines
LEFT_OUT = (".venv*", ".git", ".*_cache", "__pycache__", "site", "mlruns", "mlflow.db")
SMALL = "examples/own_network.py:SmallNet"  # in place of the paper's networks
SETTINGS = set(Config.__dataclass_fields__)


class Place:
    """A copy of the repository in which the commands of a page are run, one after another, and servers stay up."""

    def __init__(self, folder: Path, popen: Callable[..., subprocess.Popen[str]]) -> None:
        self.folder, self.popen = folder / "clone", popen
        shutil.copytree(ROOT, self.folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
        packages = folder / "packages"  # in which layerwise lies as `pip install .` would bring it
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
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"

    def pipeline(self, entry: str, values: dict[str, str]) -> None:
        """Run an entry point of the project in this process."""
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{self.folder / 'mlflow.db'}")
            patch.setenv("XDG_CACHE_HOME", self.environment["XDG_CACHE_HOME"])
            patch.setattr(sys, "argv", ["pipeline", *as_arguments(entry, values)])
            try:
                assert main() == 0, (entry, values)
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)

    def serve(self, command: str) -> None:
        written = (re.findall(r"--port (\d+)", command) or ["5000"])[0]
        self.ports[written] = str(free_port())
        command = f"{command.replace(f'--port {written}', '')} --port {self.ports[written]}"
        log = self.folder / f"log-{written}"
        with log.open("w") as file:
            given = {"cwd": self.folder, "env": self.environment, "stdout": file, "stderr": file}
            server = self.popen("bash", "-c", f"exec {command}", **given)
        wait_until_it_answers(f"http://127.0.0.1:{self.ports[written]}", server, log)


def as_it_is(place: Place, command: str) -> None:
    place.run(command)


def smaller(place: Place, command: str) -> None:
    """Run a study with one seed, one epoch, and a small network in place of the paper's."""
    entry, values = run_of(command)
    place.pipeline(entry, fewer(entry, values))


def by_mlflow(place: Place, command: str) -> None:
    """Run it as a process, by MLflow's front end; it is smaller as well."""
    entry, values = run_of(command)
    kept = [word for word in shlex.split(command) if word != "-P" and word.partition("=")[0] not in values]
    place.run(shlex.join([*kept, *(f"-P{name}={value}" for name, value in fewer(entry, values).items())]))


def fewer(entry: str, values: dict[str, str]) -> dict[str, str]:
    study = {"epochs": "1", "seeds": "0", "threads": "1"}
    few = {"main": study, "sweep": study, "train": {"epochs": "1", "threads": "1"}}.get(entry, {})
    if entry == "aggregate" and "epochs" in values:
        few = {"epochs": "1"}  # as many as those that were trained
    names = values.get("model_name", "").split(",")
    return values | few | ({"model_name": SMALL} if names[0] in ARCHITECTURES else {})


def served(place: Place, command: str) -> None:
    place.serve(command)


def not_run(_place: Place, _command: str) -> None:
    """It is parsed alone; `why` of its rule says what else would have to be there."""


class Rule(NamedTuple):
    """What is done with the commands that a pattern fits on the pages; the first rule that fits counts."""

    pattern: str
    how: Callable[[Place, str], None]
    why: str = ""
    pages: str = ".*"


ENVIRONMENT = "sets up what these tests run in: .ci/run begins with it"
RULES = (
    Rule(
        ".*",
        not_run,
        "root, ssh, another machine; the rest is run by tests/pipeline/studies/test_team_server.py",
        "server.md",
    ),
    Rule(r"git clone <address of this repository> layerwise|cd layerwise", not_run, "the commands are run in a copy"),
    Rule(r"make setup|source \.venv/bin/activate", not_run, ENVIRONMENT),
    Rule(r"make (test|demo)", not_run, "minutes; .ci/run runs make test, and what the demo calls is parsed"),
    Rule(r"make ui", not_run, "`mlflow ui`, which the tutorial has served"),
    Rule(r"make docs", not_run, "tests/docs/test_site.py runs it"),
    Rule(r"pip install \.( [\w-]+)*", not_run, "tests/test_layerwise.py installs it, where it changes nothing here"),
    Rule(r"python -m docs\.tour", not_run, "minutes; tests/pipeline/studies/test_browser.py goes the same way"),
    Rule(r"mlflow run .*|study=.*|python -m benchmarks\.results .*", not_run, "hours, and downloads", "results.md"),
    Rule(
        r"python -m benchmarks\.sweeps",
        not_run,
        "half an hour; tests/benchmarks/test_sweeps.py has it smaller",
        "scale.md",
    ),
    Rule(r"mlflow run \. --env-manager local -P model_name=ResNet18", not_run, "days, and a download"),
    Rule(r"mlflow run \. .*", by_mlflow, pages="own_network.py"),
    Rule(r"mlflow run \. .*", smaller),
    Rule(r"mlflow ui|mlflow models serve .*", served),
    Rule(r"mlflow (artifacts download|models predict|gc) .*", as_it_is),
    Rule(r"curl .*", as_it_is),
    Rule(r"python -m pipeline doctor", as_it_is),
    Rule(r"python examples/\w+\.py", not_run, "tests/test_examples.py runs them"),
    Rule(r"python \w+\.py", as_it_is),
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
    """Yield what stands in indented lines, and what stands in backticks and begins as a command does."""
    yield from split("\n".join(line.strip() for line in text.splitlines() if line.startswith("    ")))
    yield from re.findall(r"`((?:pip|python|mlflow|make) [^`]+)`", text)


def split(block: str) -> Iterator[str]:
    """Yield the commands of a block, a line each, without comments and with its variables put in."""
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
    assert len({name for name, _, _ in pairs}) == len(pairs), f"mlflow refuses a name twice: {shlex.join(words)}"
    return words[words.index("-e") + 1] if "-e" in words else "main", {name: value for name, _, value in pairs}


def as_arguments(entry: str, values: dict[str, str]) -> list[str]:
    """Return what MLflow calls `python -m pipeline` with."""
    return ["study" if entry == "main" else entry, *(f"--{name}={value}" for name, value in values.items())]


ALL = [(page, command) for page in (*PAGES, *EXAMPLES) for command in commands_of(page)]
NAMES = [f"{page.name}: {' '.join(command.split())[:100]}" for page, command in ALL]


def rule_of(page: Path, command: str) -> Rule:
    for rule in RULES:
        if re.fullmatch(rule.pages, page.name) and re.fullmatch(rule.pattern, command, flags=re.S):
            return rule
    pytest.fail(f"{page.name}: no rule fits {command!r}: add one to RULES in {__file__}, to run it or to say why not")


def parse(command: click.Command, arguments: list[str], name: str) -> click.Context:
    """Parse as the program itself would; click raises what is wrong."""
    context = command.make_context(name, list(arguments))
    if not isinstance(command, click.Group):
        return context
    name, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
    return parse(inner, rest, name)


def parse_run(entry: str, values: dict[str, str]) -> None:
    """Have the pipeline parse what an entry point is given, and check it as settings of one study or of many."""
    parse(pipeline, as_arguments(entry, values), "pipeline")
    settings = {name: value for name, value in values.items() if name in SETTINGS}
    for study in combinations(settings) if entry == "sweep" else [read_settings(settings)]:
        resolve(study)


def parse_program(words: list[str]) -> None:
    """Have mlflow, the pipeline or another module of the project parse a command; others are only words."""
    if words[0] == "mlflow":
        parse(cli, words[1:], "mlflow")
        if words[1] == "run":
            parse_run(*run_of(shlex.join(words)))
    elif words[:2] == ["python", "-m"] and words[2] == "pipeline":
        parse(pipeline, words[3:], "pipeline")
    elif words[:2] == ["python", "-m"] and words[2].startswith("benchmarks"):
        module = import_module(words[2])
        package = hasattr(module, "__path__")
        parse((import_module(f"{words[2]}.__main__") if package else module).main, words[3:], words[2])
    elif words[0] == "make":
        printed = subprocess.run(
            ["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=True
        )
        for line in split(printed.stdout):
            if line.startswith("mlflow "):
                parse_program(shlex.split(line.partition("|")[0]))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml, the examples, and the files that pages have their readers write."""
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
def test_every_command_has_a_rule_and_is_understood(page: Path, command: str) -> None:
    rule = rule_of(page, command)
    assert rule.how is not not_run or rule.why
    for named in re.findall(r"tests/[\w/]+\.py", rule.why):
        assert (ROOT / named).is_file()
    filled = re.sub(r"<[a-z][^<>\n]*>", "placeholder", command)
    checked = subprocess.run(["bash", "-n", "-c", filled], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    if page.name not in AS_BLOCKS:
        parse_program(shlex.split(filled))


def test_no_rule_is_left_over() -> None:
    used = {rule_of(page, command).pattern for page, command in ALL}
    assert used == {rule.pattern for rule in RULES}


def test_a_command_without_a_rule_is_named_with_the_remedy() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"no rule fits 'make coffee': add one to RULES"):
        rule_of(ROOT / "README.md", "make coffee")


PYTHON = [(page, title, text) for page in PAGES for title, text in blocks(page, "python")]


@pytest.mark.parametrize(
    ("page", "text"), [(page, text) for page, _title, text in PYTHON], ids=lambda of: getattr(of, "name", "code")
)
def test_python_blocks_compile(page: Path, text: str) -> None:
    compile(text, page.name, "exec")


@pytest.mark.parametrize(("page", "title"), [(page, title) for page, title, _text in PYTHON if title])
def test_files_that_readers_write_are_used(page: Path, title: str) -> None:
    assert any(title in command for command in commands_of(page)), f"{title} is written and not used"


def runs_something(page: Path) -> bool:
    return any(rule_of(page, command).how is not not_run for command in commands_of(page))


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in (*PAGES, *EXAMPLES) if runs_something(page)], ids=lambda page: page.name
)
def test_the_commands_of_a_page_work_one_after_another(page: Path, tmp_path: Path, popen: Callable) -> None:
    place = Place(tmp_path, popen)
    write_files(page, place.folder)
    for command in commands_of(page):
        rule_of(page, command).how(place, command)
