"""The configuration: params.yaml, options over it, the paper's table, names, and a remedy for everything wrong."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from models import ARCHITECTURES
from models.torchvision_models import TORCHVISION_MODELS
from pipeline.config.params import TABLE
from pipeline.config.resolve import load
from pipeline.config.settings import Config
from pipeline.config.values import ConfigError
from pipeline.host.hardware import can_compile

ROOT = Path(__file__).parents[3]
PAPER_TABLE = {
    ("ResNet18", "CIFAR-10"): (0.1, 1e-4),
    ("ResNet18", "CIFAR-100"): (0.1, 1e-4),
    ("ResNet18", "MNIST"): (0.1, 1e-4),
    ("ResNet18", "FMNIST"): (0.1, 1e-4),
    ("VGG19", "CIFAR-10"): (0.05, 5e-4),
    ("VGG19", "CIFAR-100"): (0.05, 5e-4),
    ("VGG19", "MNIST"): (0.05, 5e-4),
    ("VGG19", "FMNIST"): (0.05, 5e-4),
    ("AlexNet", "CIFAR-10"): (0.001, 1e-4),
    ("AlexNet", "CIFAR-100"): (0.01, 1e-4),
    ("AlexNet", "MNIST"): (0.1, 1e-4),
    ("AlexNet", "FMNIST"): (0.1, 1e-4),
    ("ResNet18", "Digits"): (0.1, 1e-4),
    ("VGG19", "my.npz"): (0.05, 5e-4),
    ("AlexNet", "Digits"): (0.001, 1e-4),
    ("Xception", "CIFAR-10"): (0.001, 1e-4),
}


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a params.yaml to spoil, as the working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text())
    return path


@pytest.mark.usefixtures("params")
def test_defaults_are_the_original_readme_s() -> None:
    config = load({})
    assert (config.model_name, config.dataset, config.epochs, config.batch_size) == ("AlexNet", "CIFAR-10", 150, 128)
    assert (config.lr, config.momentum, config.weight_decay, config.target_val_acc) == (0.001, 0.9, 1e-4, 94)
    assert config.seeds == (0, 42, 123, 1000, 1234)


@pytest.mark.usefixtures("params")
@pytest.mark.parametrize(("cell", "expected"), PAPER_TABLE.items(), ids=str)
def test_paper_resolves_to_table_1(cell: tuple[str, str], expected: tuple[float, float]) -> None:
    config = load({"model_name": cell[0], "dataset": cell[1]})
    assert (config.lr, config.weight_decay) == expected


def test_names_in_table_1_ignore_case_and_dashes_and_a_weight_decay_may_be_zero(params: Path) -> None:
    params.write_text(params.read_text().replace("ResNet18: {other: [0.1, 1e-4]}", "resnet-18: {cifar10: [0.7, 0]}"))
    config = load({"model_name": "ResNet18"})
    assert (config.lr, config.weight_decay) == (0.7, 0)


@pytest.mark.usefixtures("params")
def test_lr_and_weight_decay_resolve_one_by_one() -> None:
    config = load({"model_name": "VGG19", "lr": "0.2"})
    assert (config.lr, config.weight_decay) == (0.2, 5e-4)


@pytest.mark.usefixtures("params")
@pytest.mark.parametrize(
    ("written", "meant"),
    [("resnet18", "ResNet18"), ("RES_NET-18", "ResNet18"), ("alexnet", "AlexNet"), ("vgg_19", "VGG19")],
)
def test_model_names_ignore_case_and_dashes(written: str, meant: str) -> None:
    assert load({"model_name": written}).model_name == meant


@pytest.mark.usefixtures("params")
@pytest.mark.parametrize(
    ("written", "meant"),
    [("cifar10", "CIFAR-10"), ("Cifar_100", "CIFAR-100"), ("FashionMNIST", "FMNIST"), ("digits", "Digits")],
)
def test_dataset_names_ignore_case_and_dashes(written: str, meant: str) -> None:
    assert load({"dataset": written}).dataset == meant


@pytest.mark.usefixtures("params")
def test_an_npz_is_named_after_its_file() -> None:
    config = load({"dataset": "some/where/cats.npz"})
    assert config.dataset == "some/where/cats.npz"
    assert config.study_name == "AlexNet-cats"


def test_both_spellings_of_a_small_number_work(params: Path) -> None:
    params.write_text(params.read_text().replace("lr: paper ", "lr: 1e-3 "))
    assert load({}).lr == load({"lr": "0.001"}).lr == 0.001


def test_an_edit_of_params_yaml_changes_the_default_and_an_option_overrides_it(params: Path) -> None:
    params.write_text(params.read_text().replace("epochs: 150", "epochs: 7"))
    assert load({}).epochs == 7
    assert load({"epochs": "9"}).epochs == 9


@pytest.mark.usefixtures("params")
def test_none_switches_early_stopping_off() -> None:
    assert load({"target_val_acc": "none"}).target_val_acc is None


@pytest.mark.usefixtures("params")
def test_everything_is_resolved() -> None:
    written = load({"model_name": "resnet18", "dataset": "fashionmnist", "pretrained": "True"}).as_text()
    assert not {"auto", "paper"} & set(written.values())
    assert written["pretrained"] == "true"
    assert written["device"] == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.usefixtures("params")
def test_compile_without_a_compiler_is_refused_or_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ConfigError, match=r"compile must be false or auto here: .*g\+\+"):
        load({"compile": "true"})
    assert load({}).compile is False


@pytest.mark.usefixtures("params")
@pytest.mark.skipif(not can_compile(), reason="torch.compile needs a C++ compiler and Python's headers")
def test_compiling_changes_the_study_hash() -> None:
    assert load({"compile": "true"}).study_hash("digest") != load({"compile": "false"}).study_hash("digest")


def test_config_yaml_gives_the_same_configuration_again(params: Path) -> None:
    config = load({"model_name": "ResNet18", "seeds": "3,4", "target_val_acc": "none"})
    table = yaml.safe_load(params.read_text())[TABLE]
    params.write_text(config.files()["config.yaml"] + yaml.safe_dump({TABLE: table}))
    assert load({}) == config


WRONG = {
    "model_name=ResNet19": "did you mean ResNet18",
    "dataset=CIFAR10O": "did you mean CIFAR-10",
    "epochs=0": "whole number of 1 or more",
    "epochs=abc": "whole number of 1 or more",
    "epochs=1.5": "whole number of 1 or more",
    "lr=-1": "greater than 0",
    "lr=0": "greater than 0",
    "lr=nan": "greater than 0",
    "lr=inf": "greater than 0",
    "weight_decay=-1e-4": "0 or more",
    "momentum=1": "from 0 to less than 1",
    "seeds=": "like 0,42,123",
    "seeds=1,1": "none twice",
    "seeds=1,": "like 0,42,123",
    "seeds=-1": "like 0,42,123",
    "batch_size=0": "whole number of 1 or more",
    "target_val_acc=101": "or none",
    "val_split=1": "from 0 to less than 1",
    "precision=fp16": "auto, fp32, bf16",
    "device=tpu": "auto, cpu, cuda",
    "pretrained=yes": "true or false",
    "compile=yes": "true or false, or auto",
    "pretrained=true": f"only {', '.join(name for name, known in ARCHITECTURES.items() if known.imagenet)} and",
    "devices=0": "whole number of 1 or more",
    "checkpoint_every=0": "whole number of 1 or more",
    "data_dir=": "not empty",
    "dataset=": ".npz file",
}


@pytest.mark.usefixtures("params")
@pytest.mark.parametrize(("given", "remedy"), WRONG.items(), ids=WRONG)
def test_a_wrong_value_is_refused_with_the_remedy(given: str, remedy: str) -> None:
    name, _, value = given.partition("=")
    with pytest.raises(ConfigError) as error:
        load({name: value})
    assert remedy in str(error.value)
    assert str(error.value).startswith(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("spoil", "remedy"),
    [
        (lambda text: text + "epoch: 3\n", "unknown key epoch (did you mean epochs?)"),
        (lambda text: text.replace("momentum: 0.9", ""), "momentum is missing"),
        (lambda text: text.replace("epochs: 150", "epochs: [1, 2]"), "epochs must be a whole number"),
        (lambda text: text.replace("epochs: 150", "epochs: true"), "epochs must be a whole number"),
        (lambda text: text.replace("table_1:", "table_2:"), "unknown key table_2"),
        (lambda text: text.split("table_1:")[0], "table_1 must hold a line"),
        (lambda text: text.replace("  other: {other:", "  others: {other:"), "did you mean other?"),
        (
            lambda text: text.replace("CIFAR-10: [0.001, 1e-4]", "CIFAR-10: [0.001]"),
            "table_1 has no [lr, weight_decay]",
        ),
        (lambda text: text.replace("lr: paper", "lr:      "), "lr must be a number"),
        (lambda text: text.replace("target_val_acc: 94", "target_val_acc:   "), "target_val_acc must be a percentage"),
        (lambda text: text + "epochs: 3\n", "epochs stands twice"),
        (lambda text: text.replace("epochs: 150", "epochs: 2020-13-45"), "params.yaml is not YAML"),
        (lambda text: text.replace("epochs: 150", f"epochs: {'[' * 3000}"), "params.yaml is not YAML"),
        (lambda _text: "a: b: c", "is not YAML"),
        (lambda _text: "", "holds no settings"),
        (lambda _text: "- 1", "holds no settings"),
    ],
)
def test_a_spoilt_params_yaml_is_refused_with_the_remedy(params: Path, spoil, remedy: str) -> None:
    params.write_text(spoil(params.read_text()))
    with pytest.raises(ConfigError) as error:
        load({})
    assert remedy in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_params_yaml_names_the_folder(params: Path) -> None:
    params.unlink()
    with pytest.raises(ConfigError, match="run in the project's folder"):
        load({})


@pytest.mark.usefixtures("params")
def test_the_study_hash_depends_on_what_changes_the_numbers_alone() -> None:
    common = {"dataset": "Digits", "precision": "fp32"}
    base = load(common)
    same = [{"seeds": "7"}, {"epochs": "3"}, {"checkpoint_every": "5"}, {"data_dir": "/elsewhere"}, {"lr": "1e-3"}]
    other = [{"lr": "0.2"}, {"model_name": "VGG19"}, {"batch_size": "64"}, {"precision": "bf16"}, {"val_split": "0.1"}]
    for given in same:
        assert load(common | given).study_hash("digest") == base.study_hash("digest")
    hashes = {load(common | given).study_hash("digest") for given in other}
    assert len(hashes | {base.study_hash("digest"), base.study_hash("other digest")}) == len(other) + 2


@pytest.mark.usefixtures("params")
def test_one_device_has_the_hash_of_the_time_before_there_could_be_several() -> None:
    common = {"precision": "fp32", "device": "cpu", "compile": "false"}
    before = {
        "070f9d50c7d8": {"dataset": "Digits"},
        "d50cb1c6e1be": {"model_name": "ResNet18", "dataset": "CIFAR-10", "val_split": "0.1"},
    }
    for expected, given in before.items():
        assert load(common | given).study_hash("digest") == expected
        several = [load(common | given | {"devices": str(count)}).study_hash("digest") for count in (2, 3)]
        assert len({expected, *several}) == 3


@pytest.mark.usefixtures("params")
def test_too_many_devices_are_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for given, remedy in (
        ({"device": "cuda", "devices": "3"}, "devices must be at most 2 here: torch finds no more CUDA devices; got 3"),
        ({"device": "cpu", "devices": "3", "batch_size": "5"}, "devices must be at most half of batch_size=5, for"),
        ({"device": "cpu", "devices": "3", "jobs": "2"}, "devices must be 1 with jobs=2: "),
    ):
        with pytest.raises(ConfigError) as error:
            load(given)
        assert str(error.value).startswith(remedy)
        assert "\n" not in str(error.value)


@pytest.mark.usefixtures("params")
def test_jobs_are_of_this_machine_and_take_no_threads_on_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert load({"device": "cpu", "executor": "ray", "jobs": "4"}).threads == 4


@pytest.mark.usefixtures("params")
def test_threads_are_shared_by_jobs_or_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 12)
    given = [{}, {"devices": "3"}, {"jobs": "4"}, {"jobs": "4", "seeds": "0,1"}, {"devices": "24"}]
    assert [load({"device": "cpu"} | each).threads for each in given] == [12, 4, 3, 6, 1]


def test_params_yaml_has_a_comment_a_line_and_every_setting() -> None:
    settings = (ROOT / "params.yaml").read_text().split("# Table 1")[0].splitlines()
    lines = [line for line in settings if line and not line.startswith("#")]
    assert [line.partition(":")[0] for line in lines] == [field.name for field in dataclasses.fields(Config)]
    assert all("  # " in line for line in lines)


@pytest.mark.parametrize(
    "spell", [str, str.upper, lambda name: name.replace("_", "-")], ids=["as it is", "upper", "dashes"]
)
def test_every_name_of_torchvision_is_its_own(spell: Callable[[str], str]) -> None:
    given = {"dataset": "Digits"}
    names = [load(given | {"model_name": f"torchvision:{spell(name)}"}).model_name for name in TORCHVISION_MODELS]
    assert names == [f"torchvision:{name}" for name in TORCHVISION_MODELS]


def test_a_name_of_torchvision_without_underscores_will_do_where_it_is_clear() -> None:
    assert load({"model_name": "torchvision:VitB16"}).model_name == "torchvision:vit_b_16"
    with pytest.raises(ConfigError, match="did you mean regnet_x_16gf"):
        load({"model_name": "torchvision:regnetx16gf"})


@pytest.mark.parametrize("name", ["net.pyx", "x.pytorch", "foo.py.bak", "net.py:a:b", "net.py:a b"])
def test_what_is_no_name_of_a_file_is_one_line(name: str) -> None:
    with pytest.raises(ConfigError, match=r"or path/to/file\.py:factory"):
        load({"model_name": name})
