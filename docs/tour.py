"""The tour of docs/ui.md: a real browser looks at real studies in MLflow, and takes the pictures of the page.

`python -m docs.tour` makes two studies on Digits and a comparison in a folder of their own, starts `mlflow server` on
them, and writes docs/figures/ui/. tests/pipeline/studies/test_browser.py goes the same way. It needs Chromium.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import mlflow
from PIL import Image
from playwright.sync_api import Error, Page, sync_playwright

from pipeline.tracking.mlflow_internals import TRAINING_LAYOUT
from pipeline.tracking.shared_view import STUDIES as STUDIES_VIEW
from tests.support.server import Server

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "figures" / "ui"
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ("no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
         "disable-component-update", "disable-sync")  # fmt: skip
SIZE = {"width": 1500, "height": 950}
WAIT_SECONDS = 40
POLL_MS, SETTLE_MS = 200, 2_500  # nothing tells when the last chart is drawn
# what a person has clicked once: model training, no assistant
CHOICES = {
    "mlflow.workflowType_v1": '"machine_learning"',
    "mlflow.assistant.panelOpen_v1": "false",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
}
# one thread: with another number of them the pictures would show other numbers
SHARED = {"dataset": "Digits", "seeds": "0,1,2", "batch_size": "32", "threads": "1", "register": "true"}
STUDIES = (
    {"model_name": "AlexNet", "epochs": "12", "lr": "0.01"},
    {"model_name": "examples/own_network.py:SmallNet", "epochs": "12", "lr": "0.05", "target_val_acc": "none"},
)


class Store(NamedTuple):
    """What there is on a server: studies, the first one first; a seed of the last; a comparison; a registered name."""

    address: str
    studies: list[str]
    names: list[str]
    seed: str
    comparison: str
    registered: str


class Stop(NamedTuple):
    """A page; texts that are seen there, in frames as well; and what is done before the picture is taken."""

    name: str
    path: Callable[[Store], str]
    seen: tuple[str, ...]
    act: Callable[[Page], object] = lambda _page: None


def _run(run_id: str, path: str = "") -> str:
    return f"#/experiments/0/runs/{run_id}{path}"


def _compare_runs(store: Store) -> str:
    runs = ",".join(f'"{study}"' for study in store.studies[-2:])
    return f'#/compare-runs?runs=[{runs}]&experiments=["0"]'


def _open_description(page: Page) -> None:
    page.get_by_text("Show more").first.click()
    page.locator("img[src*='rwc_layers']").wait_for()
    page.wait_for_function("() => [...document.images].every(image => image.complete && image.naturalWidth)")


def follow(page: Page, name: str) -> None:
    """Click a link of a description, in this tab: MLflow opens them in another."""
    link = page.get_by_role("link", name=name, exact=True)
    link.evaluate("link => link.target = '_self'")
    link.click()


def _open_seeds(page: Page) -> None:
    page.locator("button[data-component-id*='runnamecellrenderer']").first.click()
    wait_for(page, ("seed-0",))


def _fold_visualizations(page: Page) -> None:
    page.get_by_text("Visualizations").click()


def _follow_to_charts(page: Page) -> None:
    follow(page, "charts, groups first")
    wait_for(page, ("RWC of groups", "Accuracy and loss"))


STOPS = (
    Stop(
        "runs",
        lambda _store: f"#/experiments/0/runs?{TRAINING_LAYOUT}&viewStateShareKey={STUDIES_VIEW}",
        ("compare-2-studies", "test_acc_mean", "layerwise.changed_most"),
        _open_seeds,
    ),
    Stop(
        "study",
        lambda store: _run(store.studies[-1]),
        ("of the test images correctly", "Child runs", "seed-0"),
        _open_description,
    ),
    Stop("seed", lambda store: _run(store.seed), ("of the test images correctly", "its report")),
    Stop("charts", lambda store: _run(store.studies[-1]), ("of the test images correctly",), _follow_to_charts),
    Stop("system", lambda store: _run(store.seed, "/system-metrics"), ("cpu_utilization_percentage",)),
    Stop(
        "report", lambda store: _run(store.studies[-1], "/artifacts/report.html"), ("How much does each layer change?",)
    ),
    Stop("figure", lambda store: _run(store.studies[-1], "/artifacts/figures/rwc_layers.png"), ("rwc_layers.png",)),
    Stop("compare", _compare_runs, ("Comparing 2 Runs",), _fold_visualizations),
    Stop(
        "comparison",
        lambda store: _run(store.comparison, "/artifacts/compare.html"),
        ("What is left out",),
    ),
    Stop("model", lambda store: f"#/models/{store.registered}", ("best",)),
)


class Browser:
    """A page of Chromium at a store's server; `errors` are what its console and its scripts complained of."""

    def __init__(self, page: Page, store: Store) -> None:
        self.page, self.store, self.errors = page, store, list[str]()
        choose = "".join(f"localStorage.setItem({key!r}, {value!r});" for key, value in CHOICES.items())
        page.add_init_script(f"if (window === top && location.protocol === 'http:') {{{choose}}}")  # others have none
        page.on("console", lambda message: self._note(message.type, f"{message.text} {message.location.get('url')}"))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def visit(self, stop: Stop) -> None:
        """Go to a stop, and wait until what has to be seen is; raise AssertionError."""
        self.page.goto("about:blank")  # else MLflow keeps the artifact that it shows
        self.page.goto(f"{self.store.address}/{stop.path(self.store)}")
        wait_for(self.page, stop.seen)
        stop.act(self.page)
        self.page.wait_for_timeout(SETTLE_MS)

    def _note(self, kind: str, text: str) -> None:
        if kind == "error":
            self.errors.append(text)


def wait_for(page: Page, texts: tuple[str, ...]) -> None:
    missing = list(texts)
    for _attempt in range(WAIT_SECONDS * 1000 // POLL_MS):
        missing = [text for text in missing if not _sees(page, text)]
        if not missing:
            return
        page.wait_for_timeout(POLL_MS)
    raise AssertionError(f"{page.url} does not show {', '.join(missing)}")


def _sees(page: Page, text: str) -> bool:
    try:
        return any(frame.get_by_text(text).first.is_visible() for frame in page.frames)
    except Error:  # a frame went while it was looked at
        return False


@contextmanager
def browse(store: Store) -> Iterator[Browser]:
    """Open Chromium at a store."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[f"--{flag}" for flag in FLAGS])
        try:
            yield Browser(chromium.new_page(viewport=SIZE), store)
        finally:
            chromium.close()


def fill(address: str, environment: Mapping[str, str], studies: tuple[Mapping[str, str], ...]) -> Store:
    """Make studies and their comparison on a server, by processes with an environment."""
    variables = dict(environment) | {"MLFLOW_TRACKING_URI": address}
    for study in studies:
        given = [f"--{name}={value}" for name, value in (SHARED | study).items()]
        subprocess.run([sys.executable, "-m", "pipeline", "study", *given], cwd=ROOT, env=variables, check=True)
    subprocess.run([sys.executable, "-m", "pipeline", "compare"], cwd=ROOT, env=variables, check=True)
    client = mlflow.MlflowClient(address)
    runs = client.search_runs(["0"], "attributes.status = 'FINISHED'", order_by=["attributes.start_time ASC"])
    kinds = {
        kind: [run for run in runs if run.data.tags["layerwise.kind"] == kind] for kind in ("study", "seed", "compare")
    }
    made = kinds["study"][-len(studies) :]
    name = made[-1].info.run_name
    names = [run.info.run_name for run in made]
    ids = [run.info.run_id for run in made]
    return Store(address, ids, names, kinds["seed"][-1].info.run_id, kinds["compare"][-1].info.run_id, name)


def _save(screenshot: bytes, path: Path) -> None:
    """Write a picture with a palette of 256 colours: a third of its size, and no difference to be seen."""
    Image.open(BytesIO(screenshot)).convert("RGB").quantize(256).save(path, optimize=True)


def main() -> None:
    """Make the studies, and write the pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "1"}
    with TemporaryDirectory() as folder, Server(Path(folder), environment) as server:
        store = fill(server.address, environment, STUDIES)
        with browse(store) as browser:
            for stop in STOPS:
                browser.visit(stop)
                _save(browser.page.screenshot(), PICTURES / f"{stop.name}.png")
                print(f"{stop.name}: {browser.page.url}")


if __name__ == "__main__":
    main()
