"""The site of docs/ builds without a warning, loads nothing from outside, and has no broken link."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from pipeline.measure import __version__

ROOT = Path(__file__).parents[2]
DOCS_VENV = ROOT / ".venv-docs"  # created once: it takes half a minute
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "object": "data"}
RELATIONS = {"stylesheet", "icon", "preload", "preconnect", "prefetch", "modulepreload", "manifest"}


class Page(HTMLParser):
    """The files that a page loads, its links, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fetched: set[str] = set()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.classes: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        self.classes |= set(values.get("class", "").split())
        if tag == "a":
            self.links.add(values.get("href", ""))
        if tag == "link" and set(values.get("rel", "").split()) & RELATIONS:
            self.fetched.add(values["href"])
        if FETCHED.get(tag) in values:
            self.fetched.add(values[FETCHED[tag]])


@pytest.fixture(scope="module")
def output_and_site(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The output of `make docs` in a copy of the sources, and the site."""
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    subprocess.run(["make", ".venv-docs/ready"], cwd=ROOT, env=environment, check=True, timeout=600)
    copy = tmp_path_factory.mktemp("docs") / "copy"
    left_out = shutil.ignore_patterns(".venv*", ".git", ".*_cache", "__pycache__", "site", "mlruns", "mlflow.db")
    shutil.copytree(ROOT, copy, ignore=left_out)
    (copy / ".venv-docs").symlink_to(DOCS_VENV)
    done = subprocess.run(
        ["make", "--no-print-directory", "docs"], cwd=copy, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr, copy / "site"


@pytest.fixture(scope="module")
def pages(output_and_site: tuple[str, Path]) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(output_and_site[1].rglob("*.html"))}


@pytest.mark.slow
def test_make_docs_builds_without_a_warning_and_prints_what_to_open(output_and_site: tuple[str, Path]) -> None:
    output, site = output_and_site
    lines = output.splitlines()
    assert all(line.startswith(("INFO", "NO_MKDOCS_2_WARNING=1", "Open site/index.html")) for line in lines), output
    assert (site / "index.html").is_file()


@pytest.mark.slow
def test_the_site_has_every_page_of_docs(pages: dict[Path, Page]) -> None:
    written = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert {path.stem for path in pages} == written | {"404"}


def outside(address: str) -> bool:
    return re.match(r"(\w+:)?//", address) is not None


@pytest.mark.slow
def test_no_page_loads_anything_from_outside(pages: dict[Path, Page], output_and_site: tuple[str, Path]) -> None:
    for path, page in pages.items():
        assert page.fetched, f"{path.name} has no style sheet"
        assert not [address for address in page.fetched if outside(address)], path.name
        assert "mermaid" not in page.classes, f"the theme would fetch mermaid for {path.name}"
        styles = re.findall(r"<style.*?</style>", path.read_text(), flags=re.S)
        assert not [style for style in styles if outside_in_css(style)]
    sheets = list(output_and_site[1].rglob("*.css"))
    assert sheets
    for sheet in sheets:
        assert not outside_in_css(sheet.read_text()), sheet.name


def outside_in_css(text: str) -> list[str]:
    addresses = re.findall(r"(?:@import\s+|url\(\s*)[\"']?([^\"')\s]+)", text)
    return [address for address in addresses if outside(address)]


def broken_links(pages: dict[Path, Page], site: Path) -> Iterator[str]:
    for path, page in pages.items():
        for link in page.links | page.fetched:
            if outside(link) or link.startswith(("mailto:", "javascript:", "data:")):
                continue
            target, _, anchor = unquote(link.partition("?")[0]).partition("#")
            file = (site / target.lstrip("/") if target.startswith("/") else path.parent / target).resolve()
            if not target:
                file = path
            if file.is_dir():
                file /= "index.html"
            if not file.is_file() or (anchor and file in pages and anchor not in pages[file].anchors):
                yield f"{path.name}: {link}"


@pytest.mark.slow
def test_every_link_has_its_page_and_anchor(pages: dict[Path, Page], output_and_site: tuple[str, Path]) -> None:
    assert all(page.links and page.anchors for page in pages.values())
    assert list(broken_links(pages, output_and_site[1].resolve())) == []


def test_version_and_ruff_pin_are_the_same_in_both_places() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
    pins = [(ROOT / f"requirements-{name}.txt").read_text() for name in ("dev", "docs")]
    assert len({re.search(r"^ruff==[\d.]+", text, flags=re.M)[0] for text in pins}) == 1


def test_the_workflow_calls_targets_of_the_makefile() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "check.yml").read_text())
    matrix = workflow["jobs"]["make"]["strategy"]["matrix"]
    targets = {*matrix["target"], *(more["target"] for more in matrix["include"])}
    assert targets == {"check", "test", "test-all", "docs"}
    phony = re.search(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(), flags=re.M)[1].split()
    assert targets <= set(phony)
