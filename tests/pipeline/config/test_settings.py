"""The configuration: params.yaml, options over it, the paper's table, names, and a remedy for everything wrong."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from models import ARCHITECTURES
from models.names import torchvision_models
from pipeline.config.params import LENGTHS, TABLE
from pipeline.config.resolve import load_config, paper_settings, read_settings, resolve
from pipeline.config.schema import Settings
from pipeline.console.errors import BadInput
from pipeline.host import cores
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


@pytest.mark.usefixtures("params")
def test_defaults_are_the_original_readme_s() -> None:
    config = load_config({})
    assert (config.model_name, config.dataset, config.epochs, config.batch_size) == ("AlexNet", "CIFAR-10", 150, 128)
    assert (config.lr, config.momentum, config.weight_decay, config.target_val_acc) == (0.001, 0.9, 1e-4, 94)
    assert config.seeds == (0, 42, 123, 1000, 1234)


@pytest.mark.usefixtures("params")
@pytest.mark.parametrize(("cell", "expected"), PAPER_TABLE.items(), ids=str)
def test_paper_resolves_to_table_1(cell: tuple[str, str], expected: tuple[float, float]) -> None:
    config = load_config({"model_name": cell[0], "dataset": cell[1]})
    assert (config.lr, config.weight_decay) == expected


def test_names_in_table_1_ignore_case_and_dashes_and_a_weight_decay_may_be_zero(params: Path) -> None:
    params.write_text(params.read_text().replace("ResNet18: {other: [0.1, 1e-4]}", "resnet-18: {cifar10: [0.7, 0]}"))
    config = load_config({"model_name": "ResNet18"})
    assert (config.lr, config.weight_decay) == (0.7, 0)


PAPER_LENGTHS = {"CIFAR-10": (150, 94), "CIFAR-100": (150, 94), "MNIST": (20, None), "FMNIST": (20, None)}


@pytest.mark.usefixtures("params")
@pytest.mark.parametrize(
    ("dataset", "expected"), [*PAPER_LENGTHS.items(), ("Digits", (150, 94)), ("fashion-mnist", (20, None))]
)
def test_paper_resolves_to_the_length_of_the_paper_s_studies(dataset: str, expected: tuple[int, float | None]) -> None:
    config = load_config({"dataset": dataset, "epochs": "paper", "target_val_acc": "Paper"})
    assert (config.epochs, config.target_val_acc) == expected


@pytest.mark.usefixtures("params")
def test_epochs_and_target_resolve_one_by_one() -> None:
    common = {"dataset": "MNIST", "target_val_acc": "paper"}
    assert (load_config(common).epochs, load_config(common | {"epochs": "3"}).target_val_acc) == (150, None)
    assert load_config({"dataset": "MNIST", "epochs": "paper"}).target_val_acc == 94


@pytest.mark.usefixtures("params")
def test_a_study_of_the_paper_is_the_same_with_its_numbers_or_with_the_word() -> None:
    word = load_config({"dataset": "MNIST", "epochs": "paper", "target_val_acc": "paper"})
    numbers = load_config({"dataset": "MNIST", "epochs": "20", "target_val_acc": "none", "lr": "0.1"})
    assert word == numbers
    assert (
        word.study_hash("digest")
        == numbers.study_hash("digest")
        != load_config({"dataset": "MNIST"}).study_hash("digest")
    )


def test_an_edit_of_the_lengths_counts_and_names_ignore_case(params: Path) -> None:
    params.write_text(params.read_text().replace("  MNIST: [20, none]", "  mnist: [7, 99.5]\n  digits: [3, none]"))
    lengths = {
        dataset: load_config({"dataset": dataset, "epochs": "paper", "target_val_acc": "paper"})
        for dataset in ("MNIST", "Digits")
    }
    assert {name: (each.epochs, each.target_val_acc) for name, each in lengths.items()} == {
        "MNIST": (7, 99.5), "Digits": (3, None),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "remedy"),
    [
        (lambda text: text.split("lengths:")[0], "lengths must hold a line `data set: [epochs, target_val_acc]`"),
        (lambda text: text.replace("MNIST: [20, none]", "MNIST: [20]"), "lengths must hold a line"),
        (lambda text: text.replace("MNIST: [20, none]", "MNIST: [0, none]"), "lengths must hold a line"),
        (lambda text: text.replace("MNIST: [20, none]", "MNIST: [20, 0.94]"), "lengths must hold a line"),
        (lambda text: text.replace("  FMNIST: [", "  FMNISt: ["), None),
        (lambda text: text.replace("  MNIST: [", "  MNISTS: ["), "a name in lengths must be one of"),
        (lambda text: text.replace("  other: [150, 94]", ""), "lengths has no [epochs, target_val_acc] for CIFAR-10"),
    ],
)
def test_spoilt_lengths_are_refused_where_a_study_or_its_report_needs_them(
    params: Path, spoil, remedy: str | None
) -> None:
    params.write_text(spoil(params.read_text()))
    assert load_config({"dataset": "Digits"}).epochs == 150
    for given in ({}, {"epochs": "paper"}):  # the report of this study compares with the paper's
        if remedy is None:
            assert load_config(given).epochs == 150
            continue
        with pytest.raises(BadInput) as error:
            load_config(given)
        assert remedy in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.usefixtures("params")
def test_settings_of_the_paper_are_those_of_its_twelve_studies_alone() -> None:
    made = paper_settings("AlexNet", "FMNIST")
    config = load_config({"dataset": "FMNIST", "epochs": "paper", "target_val_acc": "paper"})
    assert load_config({"dataset": "FMNIST"} | made) == config
    assert {"lr", "weight_decay", "momentum", "batch_size", "epochs", "target_val_acc", "val_split"} <= set(made)
    assert paper_settings("AlexNet", "Digits") == paper_settings("Xception", "MNIST") == {}


@pytest.mark.usefixtures("params")
def test_lr_and_weight_decay_resolve_one_by_one() -> None:
    config = load_config({"model_name": "VGG19", "lr": "0.2"})
    assert (config.lr, config.weight_decay) == (0.2, 5e-4)


@pytest.mark.usefixtures("params")
@pytest.mark.parametrize(
    ("written", "meant"),
    [("resnet18", "ResNet18"), ("RES_NET-18", "ResNet18"), ("alexnet", "AlexNet"), ("vgg_19", "VGG19")],
)
def test_model_names_ignore_case_and_dashes(written: str, meant: str) -> None:
    assert load_config({"model_name": written}).model_name == meant


@pytest.mark.usefixtures("params")
@pytest.mark.parametrize(
    ("written", "meant"),
    [("cifar10", "CIFAR-10"), ("Cifar_100", "CIFAR-100"), ("FashionMNIST", "FMNIST"), ("digits", "Digits")],
)
def test_dataset_names_ignore_case_and_dashes(written: str, meant: str) -> None:
    assert load_config({"dataset": written}).dataset == meant


@pytest.mark.usefixtures("params")
def test_an_npz_is_named_after_its_file() -> None:
    config = load_config({"dataset": "some/where/cats.npz"})
    assert config.dataset == "some/where/cats.npz"
    assert config.study_name == "AlexNet-cats"


def test_both_spellings_of_a_small_number_work(params: Path) -> None:
    params.write_text(params.read_text().replace("lr: paper ", "lr: 1e-3 "))
    assert load_config({}).lr == load_config({"lr": "0.001"}).lr == 0.001


def test_an_edit_of_params_yaml_changes_the_default_and_an_option_overrides_it(params: Path) -> None:
    params.write_text(params.read_text().replace("epochs: 150", "epochs: 7"))
    assert load_config({}).epochs == 7
    assert load_config({"epochs": "9"}).epochs == 9


@pytest.mark.usefixtures("params")
def test_none_switches_early_stopping_off() -> None:
    assert load_config({"target_val_acc": "none"}).target_val_acc is None


@pytest.mark.usefixtures("params")
def test_everything_is_resolved() -> None:
    written = load_config({"model_name": "resnet18", "dataset": "fashionmnist", "pretrained": "True"}).as_text()
    kept = [name for name, text in written.items() if text in ("auto", "paper")]
    assert kept == ["step_angle_every", "checkpoint_every"]
    assert written["pretrained"] == "true"
    assert written["device"] == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.usefixtures("params")
def test_compile_without_a_compiler_is_refused_or_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(BadInput, match=r"compile must be false or auto here: .*g\+\+"):
        load_config({"compile": "true"})
    assert load_config({}).compile is False


@pytest.mark.usefixtures("params")
@pytest.mark.skipif(not can_compile(), reason="torch.compile needs a C++ compiler and Python's headers")
def test_compiling_changes_the_study_hash() -> None:
    assert load_config({"compile": "true"}).study_hash("digest") != load_config({"compile": "false"}).study_hash(
        "digest"
    )


def test_config_yaml_gives_the_same_configuration_again(params: Path) -> None:
    config = load_config({"model_name": "ResNet18", "seeds": "3,4", "target_val_acc": "none"})
    content = yaml.safe_load(params.read_text())
    tables = {key: content[key] for key in (TABLE, LENGTHS)}
    params.write_text(config.files()["config.yaml"] + yaml.safe_dump(tables))
    assert load_config({}) == config


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
    "momentum=1": "from 0 to less than 1; got",
    "momentum=90": "did you mean 0.9?",
    "seeds=": "like 0,42,123",
    "seeds=1,1": "none twice",
    "seeds=1,": "like 0,42,123",
    "seeds=-1": "like 0,42,123",
    "image_size=33": "must be an even number of 8 or more, or none (did you mean 34?); got '33'",
    "image_size=6": "must be an even number of 8 or more, or none (did you mean 8?); got '6'",
    "image_size=0": "did you mean 8?",
    "image_size=-32": "did you mean 8?",
    "image_size=224x224": "must be an even number of 8 or more, or none; got '224x224'",
    "image_size=32.5": "must be an even number of 8 or more, or none; got '32.5'",
    "image_size=none!": "or none (did you mean none?)",
    "image_size=": "must be an even number of 8 or more, or none; got ''",
    "image_size=64": "must be 32 for AlexNet: only ResNet18, Xception, torchvision:<name> and your own file take other",
    "batch_size=0": "whole number of 1 or more",
    "target_val_acc=101": "must be a percentage, more than 1 to 100, or none, or paper; got '101'",
    "target_val_acc=0.94": "must be a percentage, more than 1 to 100, or none, or paper (did you mean 94?); got '0.94'",
    "target_val_acc=1": "did you mean 100?",
    "target_val_acc=0.005": "more than 1 to 100, or none, or paper; got",
    "target_val_acc=nan": "more than 1 to 100, or none, or paper; got",
    "target_val_acc=94%": "must be a percentage, more than 1 to 100, or none, or paper; got '94%'",
    "val_split=1": "from 0 to less than 1",
    "val_split=10": "from 0 to less than 1 (did you mean 0.1?); got '10'",
    "val_split=100": "from 0 to less than 1; got",
    "val_split=-0.1": "from 0 to less than 1; got",
    "precision=fp16": "auto, fp32, bf16",
    "device=tpu": "auto, cpu, cuda",
    "pretrained=yes": "true or false",
    "compile=yes": "true or false, or auto",
    "pretrained=true": f"only {', '.join(name for name, known in ARCHITECTURES.items() if known.imagenet)} and",
    "devices=0": "whole number of 1 or more",
    "checkpoint_every=0": "whole number of 1 or more",
    "data_dir=": "not empty",
    "dataset=": ".npz file",
    "lr=papre": "or paper (did you mean paper?); got 'papre'",
    "executor=rya": "one of local, ray (did you mean ray?)",
    "ray_gpus=1.5": "0, a share of 1 from 0.001, or a whole number, or auto",
    "data_dir=~no-such-user/x": "~ names a user of this machine",
    f"seeds={','.join(map(str, range(2000)))}": "at most 6,000 characters",
}


@pytest.mark.usefixtures("params")
@pytest.mark.parametrize(("given", "remedy"), WRONG.items(), ids=WRONG)
def test_a_wrong_value_is_refused_with_the_remedy(given: str, remedy: str) -> None:
    name, _, value = given.partition("=")
    with pytest.raises(BadInput) as error:
        load_config({name: value})
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
            "table_1 must hold a line",
        ),
        (
            lambda text: text.split("  VGG19:")[0],  # ResNet18's line alone is left of the table
            "table_1 has no [lr, weight_decay] for AlexNet on CIFAR-10",
        ),
        (lambda text: text.replace("lr: paper", "lr:      "), "lr must be a number"),
        (lambda text: text.replace("target_val_acc: 94", "target_val_acc:   "), "target_val_acc must be a percentage"),
        (lambda text: text + "epochs: 3\n", "epochs appears twice"),
        (lambda text: text.replace("epochs: 150", "epochs: 2020-13-45"), "epochs must be a whole number"),
        (lambda text: text.replace("epochs: 150", f"epochs: {'[' * 3000}"), "params.yaml is not YAML"),
        (lambda _text: "a: b: c", "is not YAML"),
        (lambda _text: "", "holds no settings"),
        (lambda _text: "- 1", "holds no settings"),
    ],
)
def test_a_spoilt_params_yaml_is_refused_with_the_remedy(params: Path, spoil, remedy: str) -> None:
    params.write_text(spoil(params.read_text()))
    with pytest.raises(BadInput) as error:
        load_config({})
    assert remedy in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_params_yaml_names_the_folder(params: Path) -> None:
    params.unlink()
    with pytest.raises(BadInput, match="run in the project's folder"):
        load_config({})


@pytest.mark.usefixtures("params")
def test_the_study_hash_depends_on_what_changes_the_numbers_alone() -> None:
    common = {"dataset": "Digits", "precision": "fp32"}
    base = load_config(common)
    same = [{"seeds": "7"}, {"epochs": "3"}, {"checkpoint_every": "5"}, {"data_dir": "/elsewhere"}, {"lr": "1e-3"}]
    other = [{"lr": "0.2"}, {"model_name": "VGG19"}, {"batch_size": "64"}, {"precision": "bf16"}, {"val_split": "0.1"}]
    for given in same:
        assert load_config(common | given).study_hash("digest") == base.study_hash("digest")
    hashes = {load_config(common | given).study_hash("digest") for given in other}
    assert len(hashes | {base.study_hash("digest"), base.study_hash("other digest")}) == len(other) + 2


@pytest.mark.usefixtures("params")
def test_the_study_hash_is_that_of_stored_studies_and_counts_devices() -> None:
    common = {"precision": "fp32", "device": "cpu", "compile": "false"}
    stored = {
        "b9ebb3afa907": {"dataset": "Digits"},
        "6cca99d1d4e2": {"model_name": "ResNet18", "dataset": "CIFAR-10", "val_split": "0.1"},
    }
    for expected, given in stored.items():
        hashes = [
            load_config(common | given | {"devices": devices}).study_hash("digest") for devices in ("1", "2", "3")
        ]
        assert hashes[0] == expected
        assert len(set(hashes)) == 3


@pytest.mark.usefixtures("params")
def test_an_image_size_is_another_study_unless_it_is_that_of_studies_without_the_setting(params: Path) -> None:
    common = {"precision": "fp32", "device": "cpu", "compile": "false", "dataset": "Digits", "model_name": "ResNet18"}
    hashes = {
        size: load_config(common | {"image_size": size}).study_hash("digest")
        for size in ("32", "8", "224", "none", "NONE")
    }
    assert hashes["32"] == load_config(common).study_hash("digest")
    assert hashes["none"] == hashes["NONE"]
    assert len(set(hashes.values())) == 4
    params.write_text(params.read_text().replace("image_size: 32 ", "image_size: 224 "))
    assert load_config(common).study_hash("digest") == hashes["224"]


@pytest.mark.usefixtures("params")
@pytest.mark.parametrize(("given", "size"), [("32", 32), ("8", 8), ("none", None), ("224", 224), ("1000", 1000)])
def test_the_data_set_is_that_of_the_image_size(given: str, size: int | None) -> None:
    config = load_config({"model_name": "ResNet18", "image_size": given})
    assert (config.image_size, config.data.image_size) == (size, size)
    assert config.as_text()["image_size"] == given


@pytest.mark.usefixtures("params")
@pytest.mark.parametrize("name", [name for name, known in ARCHITECTURES.items() if not known.any_size])
def test_a_network_of_one_size_takes_32_alone(name: str) -> None:
    assert load_config({"model_name": name, "image_size": "32"}).image_size == 32
    with pytest.raises(BadInput, match=f"image_size must be 32 for {name}: only .*; got images of 30 x 30"):
        load_config({"model_name": name, "image_size": "30"})


@pytest.mark.usefixtures("params")
def test_too_many_devices_are_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for given, remedy in (
        ({"device": "cuda", "devices": "3"}, "devices must be at most 2 here: torch finds no more CUDA devices; got 3"),
        ({"device": "cpu", "devices": "3", "batch_size": "5"}, "devices must be at most half of batch_size=5, for"),
        ({"device": "cpu", "devices": "3", "jobs": "2"}, "devices must be 1 with jobs=2: "),
    ):
        with pytest.raises(BadInput) as error:
            load_config(given)
        assert str(error.value).startswith(remedy)
        assert "\n" not in str(error.value)


@pytest.mark.usefixtures("params")
def test_jobs_are_of_this_machine_and_take_no_threads_on_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert load_config({"device": "cpu", "executor": "ray", "jobs": "4"}).threads == 4


@pytest.mark.usefixtures("params")
def test_threads_are_shared_by_jobs_or_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 12)
    given = [{"jobs": "1"}, {"devices": "3"}, {"jobs": "4"}, {"jobs": "4", "seeds": "0,1"}, {"devices": "24"}]
    assert [load_config({"device": "cpu"} | each).threads for each in given] == [12, 4, 3, 6, 1]


@pytest.mark.usefixtures("params")
@pytest.mark.parametrize(
    ("given", "jobs", "threads"),
    [
        ({}, 2, 1),
        ({"seeds": "7"}, 1, 2),
        ({"threads": "1"}, 2, 1),
        ({"threads": "2"}, 1, 2),
        ({"devices": "2"}, 1, 1),
        ({"executor": "ray"}, 1, 2),
        ({"batch_size": "2048"}, 1, 2),
        ({"device": "cuda"}, 1, 2),
        ({"jobs": "9"}, 5, 1),
    ],
    ids=str,
)
def test_auto_trains_as_many_seeds_at_once_as_two_cores_and_16_gb_carry(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], jobs: int, threads: int
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(cores, "memory_bytes", lambda: 16_000_000_000)
    config = load_config({"device": "cpu"} | given)
    assert (config.jobs, config.threads) == (jobs, threads)


def test_params_yaml_has_every_setting_with_its_meaning() -> None:
    settings = (ROOT / "params.yaml").read_text().split("# Table 1")[0].splitlines()
    lines = [line for line in settings if line and not line.startswith("#")]
    assert [line.partition(":")[0] for line in lines] == [setting.name for setting in fields(Settings)]
    assert [line.partition("  # ")[2] for line in lines] == [
        setting.metadata["meaning"] for setting in fields(Settings)
    ]


@pytest.mark.usefixtures("params")
def test_settings_keep_auto_and_paper_and_the_configuration_has_neither() -> None:
    settings = read_settings({"weight_decay": "0"})
    assert (settings.lr, settings.weight_decay, settings.precision, settings.threads) == ("paper", 0, "auto", "auto")
    config = resolve(replace(settings, threads=3))
    assert (config.lr, config.weight_decay, config.threads) == (0.001, 0, 3)
    assert config.precision in ("fp32", "bf16")


@pytest.mark.usefixtures("params")
@pytest.mark.parametrize(("given", "value", "text"), [("AUTO", None, "auto"), ("3", 3, "3")])
def test_checkpoints_come_by_time_or_by_epochs(given: str, value: int | None, text: str) -> None:
    config = load_config({"checkpoint_every": given})
    assert config.checkpoint_every == value
    assert config.as_text()["checkpoint_every"] == text


@pytest.mark.usefixtures("params")
@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"lr": "paper"}, "lr must be a number greater than 0"),
        ({"seeds": (1, 1)}, "none twice"),
        ({"epoch": 3}, "did you mean epochs?"),
    ],
)
def test_a_changed_configuration_is_checked_again(changes: dict[str, Any], remedy: str) -> None:
    with pytest.raises(BadInput, match=remedy):
        replace(load_config({}), **changes)


def test_values_of_params_yaml_are_read_as_text(params: Path) -> None:
    """A YAML 1.1 reader would take 010 for 8, and a float without a point for a text."""
    params.write_text(
        params.read_text().replace("epochs: 150", "epochs: 010").replace("momentum: 0.9", "momentum: 1e-1")
    )
    config = load_config({})
    assert (config.epochs, config.momentum) == (10, 0.1)


@pytest.mark.parametrize(
    "spell", [str, str.upper, lambda name: name.replace("_", "-")], ids=["as it is", "upper", "dashes"]
)
def test_every_name_of_torchvision_is_its_own(spell: Callable[[str], str]) -> None:
    given = {"dataset": "Digits"}
    names = [
        load_config(given | {"model_name": f"torchvision:{spell(name)}"}).model_name for name in torchvision_models()
    ]
    assert names == [f"torchvision:{name}" for name in torchvision_models()]


def test_a_name_of_torchvision_without_underscores_will_do_where_it_is_clear() -> None:
    assert load_config({"model_name": "torchvision:VitB16"}).model_name == "torchvision:vit_b_16"
    with pytest.raises(BadInput, match="did you mean regnet_x_16gf"):
        load_config({"model_name": "torchvision:regnetx16gf"})


@pytest.mark.parametrize("name", ["net.pyx", "x.pytorch", "foo.py.bak", "net.py:a:b", "net.py:a b"])
def test_what_is_no_name_of_a_file_is_one_line(name: str) -> None:
    with pytest.raises(BadInput, match=r"or path/to/file\.py:factory"):
        load_config({"model_name": name})
