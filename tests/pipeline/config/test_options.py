"""Help of the commands that take settings: each setting once, in its section, with the default of params.yaml."""

import re
from dataclasses import fields
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from pipeline.__main__ import commands
from pipeline.config.options import WithSettings
from pipeline.config.schema import SECTIONS, Settings

ROOT = Path(__file__).parents[3]
NAMES = [setting.name for setting in fields(Settings)]
WITH_SETTINGS = [name for name, command in commands.commands.items() if isinstance(command, WithSettings)]


def help_of(command: str) -> str:
    done = CliRunner().invoke(commands, [command, "--help"], prog_name="python -m pipeline")
    assert done.exit_code == 0, done.output
    return done.output


def described(text: str) -> dict[str, str]:
    """Return {option: its text, in one line} of a help text."""
    parts = re.split(r"^  --(\w+) VALUE\s", text, flags=re.MULTILINE)
    texts = (re.split(r"\n\n\S", part)[0] for part in parts[2::2])
    return dict(zip(parts[1::2], (" ".join(part.split()) for part in texts), strict=True))


def test_commands_with_settings_are_those_that_train_or_average() -> None:
    assert WITH_SETTINGS == ["study", "sweep", "prepare", "train", "aggregate"]


@pytest.mark.parametrize("command", WITH_SETTINGS)
def test_help_shows_every_setting_once_with_its_default(command: str) -> None:
    text = help_of(command)
    defaults = yaml.load((ROOT / "params.yaml").read_text(), yaml.BaseLoader)
    shown = described(text)
    assert [name for name in shown if name in NAMES] == NAMES
    assert {name: shown[name].rpartition("[default: ")[2] for name in NAMES} == {
        name: f"{defaults[name]}]" for name in NAMES
    }


def test_help_has_the_sections_in_order_and_the_command_s_own_options_last() -> None:
    text = help_of("train")
    assert re.findall(r"^(\S.*):$", text, flags=re.MULTILINE) == [*SECTIONS.values(), "Options"]
    last = text.partition("\nOptions:")[2]
    assert "--seed VALUE" in last
    assert "--quiet" in last
    assert "--help" in last
    assert text.count("--seed ") == 1


def test_help_shows_an_edited_default(params: Path) -> None:
    params.write_text(re.sub(r"^epochs: 150", "epochs: 7  ", params.read_text(), flags=re.MULTILINE))
    assert described(help_of("study"))["epochs"].endswith("[default: 7]")


@pytest.mark.parametrize("content", ["a: b: c", "- 1", None], ids=["damaged", "no settings", "missing"])
def test_help_is_shown_without_a_readable_params_yaml(params: Path, content: str | None) -> None:
    params.unlink() if content is None else params.write_text(content)
    shown = described(help_of("study"))
    assert [name for name in shown if name in NAMES] == NAMES
    assert "default" not in shown["epochs"]


@pytest.mark.parametrize("name", NAMES)
def test_both_spellings_of_a_name_are_taken(name: str) -> None:
    for spelling in {name, name.replace("_", "-")}:
        context = commands.commands["study"].make_context("study", [f"--{spelling}=text"])
        assert isinstance(context, click.Context)
        assert context.params[name] == "text"
