"""What is answered at the prompt without importing torch, MLflow and the others that take seconds."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SLOW = ("torch", "torchvision", "mlflow", "pandas", "scipy", "sklearn", "matplotlib", "jinja2", "sqlalchemy", "ray")
COMMANDS = (
    "study",
    "sweep",
    "prepare",
    "train",
    "aggregate",
    "compare",
    "record",
    "restore",
    "relocate",
    "list",
    "doctor",
)
REFUSED = [
    ["stduy"],
    ["list"],
    ["list", "model"],
    ["train", "--seed=x"],
    ["study", "--model_name=torchvision:resnet5"],
    ["train"],
    ["aggregate", "--study=0", "--lr=1"],
    ["sweep", "--lr=0.1,x"],
    ["sweep", "--plan=perhaps"],
    ["compare", "--study=0"],
    *(
        [command, option]
        for command in ("study", "prepare", "train", "aggregate", "sweep")
        for option in ("--lr=x", "--lrr=1", "--quiet=perhaps")
    ),
    *(
        [command, "--dataset=missing.npz", *more]
        for command, *more in (("study",), ("prepare",), ("train", "--seed=1"), ("sweep", "--lr=0.1,0.2"))
    ),
    *(
        ["study", option]
        for option in (
            "--model_name=ResNet19",
            "--model_name=absent.py:network",
            "--dataset=foo",
            "--seeds=1,1",
            "--epochs=0",
            "--image_size=33",
            "--image_size=64",  # AlexNet takes 32
            "--momentum=2",
            "--device=tpu",
            "--precision=fp8",
            "--pretrained=true",  # AlexNet has no weights
            "--data_dir=~nobody-of-this-name/x",
        )
    ),
]
ANSWERED = [
    [],
    ["--help"],
    ["--version"],
    ["list", "datasets"],
    ["list", "metrics"],
    *([command, "--help"] for command in COMMANDS),
]
ASK = f"""
import json, sys
from pipeline.__main__ import main

found = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["pipeline", *arguments]
    found.append((main(), sorted(set(sys.modules) & set({SLOW}))))
print(json.dumps(found))
"""


def python(script: str, folder: Path, *arguments: str) -> Any:
    """Run a script in a new process, and return the JSON of the last line that it prints."""
    command = [sys.executable, "-c", script, *arguments]
    here = {"PYTHONPATH": str(folder), "PATH": os.environ["PATH"]}
    process = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True, env=here)
    return json.loads(process.stdout.splitlines()[-1])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the project, in which files may be added."""
    for name in ("models", "data", "pipeline"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def test_help_lists_and_versions_import_nothing_slow() -> None:
    for arguments, answer in zip(ANSWERED, python(ASK, ROOT, json.dumps(ANSWERED)), strict=True):
        assert answer == [0, []], arguments


def test_a_refused_value_imports_nothing_slow() -> None:
    for arguments, answer in zip(REFUSED, python(ASK, ROOT, json.dumps(REFUSED)), strict=True):
        assert answer == [2, []], arguments


MODELS = {
    "named": '@register("Named", groups={})',
    "pretrained": '@register("Pretrained", groups={}, imagenet="ResNet18_Weights.IMAGENET1K_V1")',
    "sized": '@register("Sized", groups={}, any_size=True)',
    "computed": 'NAME = "Comp" + "uted"\n\n\n@register(NAME, groups={})',
    "looped": 'for NAME in ("Looped8", "Looped16"):\n    register(NAME, groups={})(lambda **_sizes: nn.Identity())\n\n',
    "aliased": "from models.architectures import register as network\n\n\n@network('Aliased', groups={})",
}


def test_every_way_to_register_a_network_makes_its_name_known(project: Path) -> None:
    for name, decorator in MODELS.items():
        head = f'"""A network."""\n\nfrom torch import nn\n\nfrom models.architectures import register\n\n{decorator}\n'
        (project / "models" / f"new_{name}.py").write_text(f"{head}class Network(nn.Identity):\n    pass\n")
    script = "import json, models\nknown = models.registered()\nprint(json.dumps([known, list(models.ARCHITECTURES)]))"
    known, imported = python(script, project)
    assert sorted(known) == sorted(imported)
    assert {"Named", "Computed", "Looped8", "Looped16", "Aliased"} <= set(known)
    assert [name for name, (has_weights, _any_size) in known.items() if has_weights] == [
        "Pretrained",
        "ResNet18",
        "VGG19",
    ]
    assert [name for name, (_has_weights, any_size) in known.items() if any_size] == ["Sized", "ResNet18", "Xception"]


NEEDLESS = {
    "pipeline.training.launch": {"mlflow", "pandas", "matplotlib", "jinja2", "torchvision", "sklearn", "ray"},
    "pipeline.execution.local": {"matplotlib", "jinja2", "torchvision", "sklearn", "ray"},
    "pipeline.commands.study": {"torchvision", "sklearn", "ray"},
}
IMPORT = """
import importlib, json, sys

found = []
for module in json.loads(sys.argv[1]):
    importlib.import_module(module)
    found.append(list(sys.modules))
print(json.dumps(found))
"""


def test_what_begins_to_train_imports_only_what_training_needs() -> None:
    """A further device of a seed, a seed in a process of its own, a study: each imports more than the one before."""
    for imported, needless in zip(python(IMPORT, ROOT, json.dumps(list(NEEDLESS))), NEEDLESS.values(), strict=True):
        assert "torch" in imported
        assert needless.isdisjoint(imported)
