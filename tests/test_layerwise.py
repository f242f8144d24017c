"""The package `layerwise`: what an own loop gives it to do, and that it needs torch alone."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from email import message_from_string
from importlib.metadata import distribution
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement
from torch import nn

import pipeline.measure
from pipeline.measure import MEASUREMENTS, LayerTracker

ROOT = Path(__file__).parent.parent


def measured(package: str) -> dict[str, object]:
    """Train a small network by a loop of one's own and return what the package of that name measures."""
    import importlib

    import torch
    from torch import nn

    measure = importlib.import_module(package)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 64, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten(), nn.Linear(64 * 36, 10)
    )
    images, labels = torch.randn(32, 1, 8, 8), torch.arange(32) % 10
    start = measure.copy_of(measure.layer_weights(model))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-3)
    tracker = measure.LayerTracker(model, measure.MEASUREMENTS)
    sampler = measure.StepSampler(model, optimizer, every=2, last=4)
    epochs, midway = [], {}
    for _epoch in range(2):
        midway = measure.copy_of(measure.layer_weights(model))
        for batch in torch.randperm(32).split(8):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        layers = tracker.epoch_end()
        epochs.append(layers | sampler.epoch_end(layers["displacement"]))
    return {
        "epochs": epochs,
        "metrics": measure.as_metrics(epochs[-1], ("rwc", "step_angle")),
        "invariant": measure.scale_invariant_layers(model, images),
        "remaining": measure.remaining_distance(midway, start, measure.layer_weights(model)),
        "level": measure.step_angle_level(lr=0.01, momentum=0.9, weight_decay=1e-3),
    }


def test_all_public_names_exist() -> None:
    assert all(hasattr(pipeline.measure, name) for name in pipeline.measure.__all__)
    found = measured("pipeline.measure")
    assert set(MEASUREMENTS) < set(found["epochs"][0])
    assert list(found["metrics"]) == ["rwc/01_0", "rwc/02_4", "step_angle/01_0", "step_angle/02_4"]
    assert found["invariant"] == ["0"]
    assert list(found["remaining"]) == ["0", "4"]
    assert all(0 < left < 1 for left in found["remaining"].values())


def test_an_unknown_measurement_raises_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match=r"^unknown measurement 'rcw' \(did you mean rwc\?\); choose from .*, rwc, "):
        LayerTracker(nn.Linear(2, 2), ["rwc", "rcw"])


def test_a_network_converted_after_the_tracker_was_made_is_followed() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    tracker = LayerTracker(model, ["rwc"])
    model.double()  # moves the weights to other memory, as `model.to(device)` does
    with torch.no_grad():
        model[0].weight.mul_(1.5)
    assert tracker.epoch_end()["rwc"]["0"] == pytest.approx(0.5)


def required(name: str) -> set[str]:
    """Return the names of an installed distribution and of all that it requires here, with the extras it asks for."""
    found: dict[str, set[str]] = {}
    wanted = [Requirement(name)]
    while wanted:
        each = wanted.pop()
        if each.name in found and each.extras <= found[each.name]:
            continue
        found.setdefault(each.name, set()).update(each.extras)
        for needed in map(Requirement, distribution(each.name).requires or []):
            if not needed.marker or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *each.extras)):
                wanted.append(needed)
    return set(found)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The site-packages of an empty environment in which torch, and all that it requires, is linked to this one's."""
    venv.create(tmp_path / "venv", symlinks=True)
    (packages,) = (tmp_path / "venv" / "lib").glob("*/site-packages")
    link("torch", packages)
    return packages


def link(name: str, packages: Path) -> None:
    """Link a distribution, and all that it requires, into an environment."""
    for found in map(distribution, required(name)):
        for entry in {file.parts[0] for file in found.files} - {".."}:
            if not (packages / entry).exists():
                (packages / entry).symlink_to(Path(found.locate_file(entry)))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a person has who cloned the repository, as far as it could be installed."""
    folder = tmp_path / "clone"
    for name in ("models", "data", "pipeline"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "docs").mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore", "docs/own_loop.md"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def run(*command: str | Path, folder: Path) -> str:
    """Return the output of a command; it writes no bytecode, for links lead into this environment."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    variables |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=600, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def names(folder: Path, pattern: str = "**/*") -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.glob(pattern)}


IN_IT = """
import json
from importlib.metadata import version
from importlib.util import find_spec
import layerwise
absent = [name for name in ABSENT if find_spec(name) is None]
print(json.dumps([absent, layerwise.__version__, version("layerwise"), measured("layerwise")]))
"""


ABSENT = ("mlflow", "numpy", "pandas", "matplotlib", "lightning", "transformers", "models", "data", "pipeline")


def built(clone: Path, folder: Path, suffix: str) -> Path:
    """Return the sdist or wheel of a clone, as one publishes it."""
    backend = tomllib.loads((clone / "pyproject.toml").read_text())["build-system"]["requires"]
    run(sys.executable, "-m", "pip", "install", "--quiet", "--target", folder / "backend", *backend, folder=folder)
    copy, hook = shutil.copytree(clone, folder / "copy"), {".tar.gz": "build_sdist", ".whl": "build_wheel"}[suffix]
    code = f"import sys; sys.path.append(sys.argv[1]); from hatchling.build import {hook}; {hook}(sys.argv[2])"
    run(sys.executable, "-c", code, folder / "backend", folder / "dist", folder=copy)
    (found,) = (folder / "dist").glob(f"*{suffix}")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("form", ["clone", ".tar.gz", ".whl"])
def test_pip_brings_one_package_that_measures_the_same_where_there_is_only_torch(
    clone: Path, site: Path, tmp_path: Path, form: str
) -> None:
    python, sources, before = tmp_path / "venv" / "bin" / "python", names(clone), names(site, "*")
    given = clone if form == "clone" else built(clone, tmp_path, form)
    run(sys.executable, "-m", "pip", "--python", python, "install", given, folder=tmp_path)
    assert names(clone) == sources, "building leaves nothing behind"
    version = pipeline.measure.__version__
    assert names(site, "*") ^ before == {"layerwise", f"layerwise-{version}.dist-info"}
    installed = {name for name in names(site / "layerwise") if "__pycache__" not in name}
    assert installed == names(clone / "pipeline" / "measure")
    assert "py.typed" in installed
    asked = f"ABSENT = {ABSENT}"
    absent, *versions, found = json.loads(
        run(python, "-c", "\n".join((inspect.getsource(measured), asked, IN_IT)), folder=tmp_path)
    )
    assert absent == list(ABSENT)
    assert versions == [version] * 2
    assert json.dumps(found) == json.dumps(measured("pipeline.measure"))  # to the last bit, and NaN is NaN


@pytest.mark.slow
def test_a_wheel_says_what_pip_and_an_index_need(clone: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(built(clone, tmp_path, ".whl")) as wheel:
        (path,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
        metadata = message_from_string(wheel.read(path).decode())
    assert metadata["Version"] == pipeline.measure.__version__
    assert set(metadata.get_all("Provides-Extra")) == {"plot", "lightning", "transformers", "mlflow"}
    assert metadata.get_payload().strip() == (ROOT / "docs" / "own_loop.md").read_text().strip()
    assert [line for line in metadata.get_all("Requires-Dist") if "extra" not in line] == ["torch>=2.6"]


LINES = {  # what a new user has: a script for a library, and the lines of docs/own_loop.md
    "lightning": """
import csv
import lightning
import torch
from layerwise.lightning import LayerwiseCallback
from lightning.pytorch.loggers import CSVLogger

class Network(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(4, 1)
    def training_step(self, batch):
        return self.fc(batch).square().mean()
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

images = torch.utils.data.DataLoader(torch.randn(8, 4), batch_size=4)
lightning.Trainer(
    max_epochs=2, callbacks=[LayerwiseCallback()], logger=CSVLogger(".", "", ""), accelerator="cpu"
).fit(Network(), images)
with open("metrics.csv") as file:
    found = [float(row["rwc/01_fc"]) for row in csv.DictReader(file)]
""",
    "transformers[torch]": """
import torch
from layerwise.transformers import LayerwiseCallback
from transformers import Trainer, TrainingArguments

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(4, 1)
    def forward(self, x):
        return {"loss": self.fc(x).square().mean()}

arguments = TrainingArguments("trained", num_train_epochs=2, report_to="none", use_cpu=True, learning_rate=0.1)
trainer = Trainer(Network(), arguments, train_dataset=[{"x": torch.randn(4)} for _ in range(8)])
trainer.add_callback(LayerwiseCallback(trainer))
trainer.train()
found = [line["rwc/01_fc"] for line in trainer.state.log_history if "rwc/01_fc" in line]
""",
    "torch": """
import torch
from layerwise import LayerTracker, log_every
from torch.nn.parallel import DistributedDataParallel

torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
model = DistributedDataParallel(torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
found = []
log_every(2, optimizer, LayerTracker(model, ["rwc"]), lambda metrics, step: found.extend(metrics.values()))
for _ in range(4):
    model(torch.randn(4, 4)).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
torch.distributed.destroy_process_group()
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("library", LINES)
def test_with_one_library_and_the_wheel_a_script_logs_each_epoch(
    library: str, clone: Path, site: Path, tmp_path: Path
) -> None:
    pytest.importorskip(Requirement(library).name, reason=f"{library} is not installed: make test-adapters")
    link(library, site)
    python, wheel = tmp_path / "venv" / "bin" / "python", built(clone, tmp_path, ".whl")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", wheel, folder=tmp_path)
    lines = f"import torch; torch.manual_seed(0)\n{LINES[library]}\nimport json; print(json.dumps(found))"
    first, second = json.loads(run(python, "-c", lines, folder=tmp_path).splitlines()[-1])
    assert 0 < first < 2
    assert 0 < second < 2


def test_the_page_of_the_package_stands_alone() -> None:
    """An index of packages shows it without the other pages and the figures."""
    assert re.findall(r"\]\((?!https?:|#)[^)]*\)", (ROOT / "docs" / "own_loop.md").read_text()) == []
