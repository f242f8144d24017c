"""Reports in a browser: readable wide, narrow, dark, on paper, by keyboard, without scripts and in a sandbox."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("playwright", reason="playwright is not installed: make setup")
pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed: make setup")
from axe_playwright_python.sync_playwright import Axe
from matplotlib.colors import to_hex
from playwright.sync_api import Browser, Page, sync_playwright

from docs.tour import CHROMIUM, FLAGS
from pipeline.analysis.answer import answer
from pipeline.analysis.comparison import Compared
from pipeline.analysis.figures import style
from pipeline.analysis.reports.colours import PAGE
from pipeline.analysis.reports.comparison_report import write_comparison
from pipeline.analysis.reports.study_report import Facts, write_report
from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import study_tables
from pipeline.tracking.tables import LEVELS
from tests.support.measurements import with_layers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt install chromium"),
]
WIDE, NARROW = 1400, 360
NAMES = [
    "conv1",
    *(f"layer{stage}.{block}.conv{number}" for stage in (1, 2) for block in (0, 1) for number in (1, 2)),
    "fc",
]
GROUPS = {name: f"block{name[5]}" if name.startswith("layer") else "" for name in NAMES}
MANY = {f"blocks.{number}.attention.weight": f"stage{number // 20}" for number in range(60)}


@pytest.fixture
def report(histories: Callable[..., Histories], tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of reports of three seeds, one of which ends early; all layers in groups have levels."""

    def write(groups: dict[str, str] = GROUPS) -> Path:
        made = histories({0: 6, 42: 6, 123: 4}, groups)
        levels = [
            (name, group, bool(group), *((0.02, 0.3, 2) if group else 3 * [np.nan])) for name, group in groups.items()
        ]
        made = with_layers(made, straightness=made.layers["rwc"])
        made = replace(made, levels=pd.DataFrame(levels, columns=LEVELS))
        seeds = [str(seed) for seed in made.seeds]
        facts = Facts(
            "ResNet18-CIFAR-10", "0123abc", "ResNet18", "CIFAR-10", "d1ge57", (0, 42, 123), {"epochs": "6"},
            runs=[{"seed": seed, "run": f"{seed:0>32}"} for seed in seeds],
            provenance=[{"commit": "c0ffee", "machine": seed} for seed in seeds],
        )  # fmt: skip
        tables = study_tables(made, model=facts.model, dataset=facts.dataset)
        said = answer(made, tables, model=facts.model, dataset=facts.dataset, asked=3, paper={"epochs": "20"})
        write_report(facts, made, tables, said, tmp_path)
        return tmp_path / "report.html"

    return write


@pytest.fixture
def comparison(
    compared: Callable[..., Compared], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Return a writer of pages of compared studies: some of five seeds, one of three, one that has long settings."""
    monkeypatch.setattr(style, "write_all", lambda *_figures: None)
    five = tuple(range(5))
    long = "VGG19-CIFAR-10 lr=0.001 weight_decay=0.0005 epochs=2"
    studies = [
        compared("FMNIST", 2, seeds=five),
        compared("MNIST", seeds=five),
        replace(compared("CIFAR-10", 0.7), label=long),
        replace(compared("CIFAR-10", 0.6), label=f"{long}0"),
        replace(compared("MNIST", 0.8, seeds=five), model="ResNet18", label="ResNet18-MNIST"),
    ]

    def write() -> Path:
        write_comparison(studies, tmp_path)
        return tmp_path / "compare.html"

    return write


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[f"--{flag}" for flag in FLAGS])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return an opener of a page with everything unfolded."""
    contexts = []

    def open_page(path: Path, width: int = WIDE, scheme: str = "light", *, scripts: bool = True) -> Page:
        contexts.append(browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts, offline=True
        ))  # fmt: skip
        page = contexts[-1].new_page()
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")


def colours(page: Page, selector: str, which: str) -> set[str]:
    found = page.eval_on_selector_all(selector, f"all => all.map(one => getComputedStyle(one).{which})")
    numbers = [part[part.index("(") + 1 : -1].split(",")[:3] for part in found]
    return {to_hex([int(number) / 255 for number in three]) for three in numbers}


@pytest.mark.parametrize("groups", [GROUPS, MANY], ids=["names at the ends of lines", "names below"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_of(
    report: Callable[..., Path], visit: Callable[..., Page], groups: dict[str, str], width: int, scheme: str
) -> None:
    page = visit(report(groups), width, scheme)
    unfold(page)
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]][:3]) for rule in found] == []


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_comparison(
    comparison: Callable[..., Path], visit: Callable[..., Page], width: int, scheme: str
) -> None:
    page = visit(comparison(), width, scheme)
    unfold(page)
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]][:3]) for rule in found] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_and_lines_have_the_colours_of_the_scheme(
    report: Callable[..., Path], visit: Callable[..., Page], scheme: str
) -> None:
    page = visit(report(), scheme=scheme)
    assert colours(page, "body", "backgroundColor") == {PAGE[scheme]}
    other = visit(report(), scheme={"light": "dark", "dark": "light"}[scheme])
    for drawn in (".mean", ".bar"):
        assert colours(page, drawn, "stroke").isdisjoint(colours(other, drawn, "stroke"))


@pytest.mark.parametrize("groups", [GROUPS, MANY], ids=["names at the ends of lines", "names below"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_is_wider_than_the_page_and_no_names_overlap(
    report: Callable[..., Path], visit: Callable[..., Page], groups: dict[str, str], width: int
) -> None:
    page = visit(report(groups), width)
    for is_unfolded in (False, True):
        if is_unfolded:
            unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        chart = page.locator(".chart").first
        boxes = [name.bounding_box() for name in chart.locator(".name").all()]
        corners = sorted((round(box["x"]), round(box["y"]), round(box["y"] + box["height"])) for box in boxes)
        for (x, _top, bottom), (other_x, top, _bottom) in pairwise(corners):
            assert x != other_x or top >= bottom - 2


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_no_row_or_panel_of_a_comparison_is_wider_than_the_page(
    comparison: Callable[..., Path], visit: Callable[..., Page], width: int
) -> None:
    page = visit(comparison(), width)
    for is_unfolded in (False, True):
        if is_unfolded:
            unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        rows = [row.bounding_box() for row in page.locator(".rows").first.locator(".name").all()]
        boxes = [box.bounding_box() for box in page.locator(".rows").first.locator(".line svg").all()]
        for name, box in zip(rows, boxes, strict=True):
            beside = abs(box["y"] + box["height"] / 2 - name["y"] - name["height"] / 2) < 2 if width == WIDE else False
            assert beside or 0 <= box["y"] - (name["y"] + name["height"]) < 2, "a box is beside its name, or below it"


@pytest.mark.parametrize("where", [".name", ".hit"])
def test_a_row_that_is_pointed_at_tells_its_values_without_scripts(
    comparison: Callable[..., Path], visit: Callable[..., Page], where: str
) -> None:
    page = visit(comparison(), scripts=False)
    row = page.locator(".rows").first.locator(".line").first
    assert not row.locator(".tip").is_visible()
    row.locator(where).hover(force=True)
    assert row.locator(".tip").is_visible()
    told = row.locator(".tip").inner_text()
    assert told.startswith("VGG19-MNIST · mean of 5 seeds 56 % · lowest to highest seed 54 to 58 % · 95 % interval")


def test_every_row_and_line_of_a_comparison_is_reached_by_the_keyboard(
    comparison: Callable[..., Path], visit: Callable[..., Page]
) -> None:
    page = visit(comparison())
    told = []
    for _press in range(60):
        page.keyboard.press("Tab")
        told += [tip.inner_text() for tip in page.locator(".tip").all() if tip.is_visible()]
    of_rows, of_claims = page.locator(".rows").all()
    expected = [*of_rows.locator(".tip").all_text_contents(), *of_claims.locator(".tip").all_text_contents()]
    assert len(expected) > 10
    assert set(expected) <= set(told)
    lines = [tip for tip in told if " · features.0: " in tip]
    assert len(set(lines)) == 5


def test_the_report_takes_three_screens(report: Callable[..., Path], visit: Callable[..., Page]) -> None:
    assert visit(report()).evaluate("document.documentElement.scrollHeight") < 3 * 900


@pytest.mark.parametrize("where", [".name", ".hit"])
def test_a_line_that_is_pointed_at_stands_out_and_tells_its_values_without_scripts(
    report: Callable[..., Path], visit: Callable[..., Page], where: str
) -> None:
    page = visit(report(), scripts=False)
    line = page.locator(".chart").first.locator(".line").first
    tip = line.locator(".tip")
    assert not tip.is_visible()
    if where == ".name":
        line.locator(where).hover()
    else:
        box = line.locator("svg").bounding_box()
        x, y = (int(number) for number in line.locator(".mean").get_attribute("d")[1:].split()[:2])
        page.mouse.move(box["x"] + box["width"] * x / 1000, box["y"] + box["height"] * y / 1000)
    assert tip.is_visible()
    assert tip.inner_text().startswith("layer1.0.conv1 · block1 · epoch 1: ")
    assert "seed 0 " in tip.inner_text()
    assert "seed 123 " in tip.inner_text()


def test_every_line_is_reached_by_the_keyboard(report: Callable[..., Path], visit: Callable[..., Page]) -> None:
    page = visit(report())
    chart = page.locator(".chart").first
    told = []
    for _press in range(40):
        page.keyboard.press("Tab")
        told += [tip.inner_text().split(" · ")[0] for tip in chart.locator(".tip").all() if tip.is_visible()]
    assert list(dict.fromkeys(told)) == [*NAMES[1:-1], "conv1", "fc"]


def test_the_report_works_in_a_sandbox_like_mlflow_s(report: Callable[..., Path], visit: Callable[..., Page]) -> None:
    text = report().read_text()
    outer = report().with_name("viewer.html")
    outer.write_text(f'<iframe sandbox width=1000 height=800 srcdoc="{escape(text)}"></iframe>')
    frame = visit(outer).frame_locator("iframe")
    line = frame.locator(".line").first
    line.locator(".name").hover()
    assert line.locator(".tip").is_visible()


def test_a_comparison_on_paper_has_what_the_screen_folds(
    comparison: Callable[..., Path], visit: Callable[..., Page]
) -> None:
    page = visit(comparison())
    table = page.locator("details table").first
    assert not table.is_visible()
    page.emulate_media(media="print")
    assert table.bounding_box()["height"] > 20


def test_paper_has_what_the_screen_folds(report: Callable[..., Path], visit: Callable[..., Page]) -> None:
    page = visit(report())
    table = page.locator("details table").first
    assert not table.is_visible()
    page.emulate_media(media="print")
    assert table.bounding_box()["height"] > 20
    assert not page.locator(".hint").first.is_visible()
