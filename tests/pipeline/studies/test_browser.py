"""MLflow in a real browser, after real studies: the pages show what people look at, without errors."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: make setup")
from docs.tour import CHROMIUM, STOPS, Browser, Stop, Store, browse, fill, follow, wait_for
from pipeline.tracking.run import CHANGED_MOST
from tests.support.server import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt install chromium"),
]
# MLflow's page itself complains of these, whatever is logged
MLFLOWS_OWN = ("/mlflow/users/current", "ResizeObserver loop")
SMALL = {"epochs": "2", "seeds": "0,1", "lr": "0.05"}
STUDIES = (
    SMALL | {"model_name": "examples/own_network.py:SmallNet"},
    SMALL | {"model_name": "examples/own_network.py:SmallNet", "lr": "0.02"},
)


@pytest.fixture(scope="module")
def store(environment: dict[str, str], server: Server) -> Store:
    variables = environment | {
        "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "true",
        "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "0.2",
    }
    return fill(server.address, variables, STUDIES)


@pytest.fixture(scope="module")
def browser(store: Store) -> Iterator[Browser]:
    with browse(store) as opened:
        yield opened


@pytest.mark.parametrize("stop", STOPS, ids=[stop.name for stop in STOPS])
def test_a_page_shows_what_it_should_and_nothing_of_ours_fails(browser: Browser, stop: Stop) -> None:
    browser.errors.clear()
    browser.visit(stop)
    assert [error for error in browser.errors if not any(own in error for own in MLFLOWS_OWN)] == []


def test_the_study_s_description_leads_to_report_and_figures(browser: Browser) -> None:
    browser.visit(next(stop for stop in STOPS if stop.name == "study"))
    follow(browser.page, "report")
    browser.page.frame_locator("iframe").get_by_text("How much does each layer change?").first.wait_for()
    browser.page.go_back()
    follow(browser.page, "figures")
    browser.page.get_by_text("rwc_layers.png").first.wait_for()


def test_a_figure_is_drawn_in_the_artifact_viewer(browser: Browser) -> None:
    browser.visit(next(stop for stop in STOPS if stop.name == "figure"))
    browser.page.wait_for_function("() => [...document.images].some(image => image.naturalWidth > 1000)")


def test_sections_are_few_and_groups_stand_first(browser: Browser) -> None:
    browser.visit(next(stop for stop in STOPS if stop.name == "charts"))
    text = browser.page.inner_text("body")
    sections = ("RWC of groups", "Accuracy and loss", "RWC of layers")
    positions = [text.index(name) for name in sections]
    assert positions == sorted(positions)
    counts = [re.search(rf"{name}\s*\((\d+)\)", text) for name in sections]
    assert [int(count[1]) for count in counts if count] == [4, 2, 5]


def test_runs_page_leads_a_new_browser_to_accuracy_and_layers(browser: Browser) -> None:
    opener = browser.page.context.browser
    assert opener
    runs = next(stop for stop in STOPS if stop.name == "runs").path(browser.store)
    with opener.new_context(viewport={"width": 1400, "height": 900}) as context:
        page = context.new_page()
        page.goto(f"{browser.store.address}/{runs}")
        wait_for(page, ("test_acc_mean", CHANGED_MOST, "no verdict"))
        assistant = page.get_by_text("MLflow Assistant").bounding_box()
        shown = page.get_by_role("gridcell").filter(has_text="no verdict").first.bounding_box()
        headers = page.locator(".ag-header-cell").all_inner_texts()
    assert shown
    assert shown["x"] + 150 < (assistant["x"] if assistant else 1400)
    columns = [text.strip() for text in headers if text.strip()]
    assert columns[:4] == ["Run Name", "Created", "test_acc_mean", CHANGED_MOST]


def test_every_link_of_a_description_opens_in_the_training_layout(browser: Browser) -> None:
    stop = next(stop for stop in STOPS if stop.name == "study")
    seen = {"tables": "claims.csv", "charts, groups first": "RWC of groups", "all studies": CHANGED_MOST}
    for name, text in seen.items():
        browser.visit(stop)
        follow(browser.page, name)
        wait_for(browser.page, (text, "Model registry"))


def test_a_seed_leads_to_the_report_of_its_study(browser: Browser) -> None:
    browser.visit(next(stop for stop in STOPS if stop.name == "seed"))
    follow(browser.page, "its report")
    browser.page.frame_locator("iframe").get_by_text("How much does each layer change?").first.wait_for()
    wait_for(browser.page, (browser.store.names[-1],))


def test_a_comparison_shows_both_studies_by_the_same_keys(browser: Browser, store: Store) -> None:
    browser.visit(next(stop for stop in STOPS if stop.name == "compare"))
    wait_for(browser.page, ("rwc_group/early", "rwc/01_blocks.0.0", "test_acc_mean", "Show diff only"))
    assert browser.page.inner_text("body").count(store.names[-1]) >= 2


def test_the_registered_model_has_the_alias(browser: Browser) -> None:
    browser.visit(next(stop for stop in STOPS if stop.name == "model"))
    assert "best" in browser.page.inner_text("main")


def test_pictures_of_the_tour_are_those_of_its_stops() -> None:
    pictures = {path.stem for path in (Path(__file__).parents[3] / "docs" / "figures" / "ui").glob("*.png")}
    assert pictures == {stop.name for stop in STOPS}
