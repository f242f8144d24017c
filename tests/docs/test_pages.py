"""What the pages say of files, settings and links is true."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from data import DATASETS
from models import ARCHITECTURES

ROOT = Path(__file__).parents[2]


def registers(path: Path) -> bool:
    """Return whether a file registers a model or a data set."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return "register" in {name.id for name in calls if isinstance(name, ast.Name)}


def test_the_tree_in_the_architecture_names_every_module_except_models_and_data_sets() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"\b\w+\.py\b", page.partition("## The tree")[2]))
    found = [path for folder in ("models", "data", "pipeline") for path in (ROOT / folder).rglob("*.py")]
    files = [path for path in found if path.name != "__init__.py"]
    assert {path.name for path in files if not registers(path)} - named == set(), "the tree lacks these"
    assert named - {path.name for path in files} == set(), "these do not exist"


def test_the_settings_page_has_every_setting_with_its_default() -> None:
    rows = (ROOT / "docs" / "settings.md").read_text().splitlines()
    for name, default in yaml.safe_load((ROOT / "params.yaml").read_text()).items():
        if name not in ("table_1", "lengths"):
            (row,) = (row for row in rows if row.startswith(f"| `{name}` |"))
            assert f"`{str(default).lower()}`" in row.lower(), name


@pytest.mark.parametrize(("setting", "kind"), [("model_name", "models"), ("dataset", "datasets")])
def test_settings_of_models_and_data_sets_refer_to_the_list_of_all(setting: str, kind: str) -> None:
    """A list by hand would lack the next one."""
    page, params = (ROOT / "docs" / "settings.md").read_text(), (ROOT / "params.yaml").read_text()
    (row,) = re.findall(rf"^\| `{setting}` \| `[^|]*` \|(.*)\|$", page, flags=re.MULTILINE)
    (comment,) = re.findall(rf"^{setting}: .* # (.*)$", params, flags=re.MULTILINE)
    for text in (row, comment):
        assert f"`python -m pipeline list {kind}`" in text
        assert not [name for name in (*ARCHITECTURES, *DATASETS) if re.search(rf"\b{re.escape(name)}\b", text)]


PAGES = (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))


def test_links_of_pages_have_a_target_and_every_figure_is_shown() -> None:
    linked = set()
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            path = (page.parent / target).resolve()
            assert path.exists(), f"{page.name} links to {target}"
            linked.add(path)
    shown = {path.with_suffix("") for path in linked}  # a PNG may have its SVG beside it
    assert {path.with_suffix("") for path in (ROOT / "docs" / "figures").rglob("*.*")} <= shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_and_modules_that_a_page_names_exist(page: Path) -> None:
    folders = ("benchmarks", "data", "docs", "examples", "models", "pipeline", "tests")
    files = [path.as_posix() for folder in folders for path in (ROOT / folder).rglob("*.py")]
    for name in re.findall(r"`((?:[\w-]+/)+\w+\.py)`", page.read_text()):
        assert any(file.endswith(f"/{name}") for file in files), f"{page.name} names {name}"
