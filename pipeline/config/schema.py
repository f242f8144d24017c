"""The settings of a study as given: the type and meaning of each, and whether it changes the numbers."""

from collections.abc import Callable, Mapping
from dataclasses import Field, field, fields
from functools import partial
from typing import Any, Literal, Self, get_type_hints

from pydantic import ConfigDict, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic.dataclasses import dataclass

from data.datasets import plain
from models import Architecture, ModelError, find
from pipeline.config.params import PARAMS
from pipeline.config.values import (
    Auto,
    ByTime,
    DatasetName,
    Folder,
    Gpus,
    ImageSize,
    ModelName,
    Nothing,
    NotNegative,
    Paper,
    Percent,
    Positive,
    Seeds,
    Share,
    Switch,
    Text,
    Whole,
    nearest,
    spellings,
    takes,
)
from pipeline.console.errors import BadInput


def _setting(meaning: str, *, changes_numbers: bool = True, measures: bool = False) -> Any:
    """Return a field without a default: params.yaml has it. `measures` is of one that asks for more in training."""
    return field(metadata={"meaning": meaning, "changes_numbers": changes_numbers, "measures": measures})


_same_numbers = partial(_setting, changes_numbers=False)
_measures = partial(_same_numbers, measures=True)


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Settings:
    """Every setting as given, which may be `auto` or `paper`; a wrong value raises BadInput."""

    model_name: ModelName = _setting(
        "a name from `python -m pipeline list models`, `torchvision:<name>`, or `path/to/file.py:factory`"
    )
    dataset: DatasetName = _setting("a name from `python -m pipeline list datasets`, or the path of an .npz file")
    image_size: ImageSize | Nothing = _setting(
        "height and width of the images in pixels, to which they are resized; `none`: images keep their size"
    )
    seeds: Seeds = _same_numbers("whole numbers, separated by commas: one run per seed")
    fresh: Switch = _same_numbers("train every seed again, even if the store has it")
    pretrained: Switch = _setting("start from torchvision's ImageNet weights, if the model has them")
    epochs: Whole | Paper = _same_numbers("passes over the training set; `paper`: as many as the paper shows")
    lr: Positive | Paper = _setting("learning rate, constant; `paper`: from Table 1 of the paper")
    momentum: Share = _setting("momentum of SGD")
    weight_decay: NotNegative | Paper = _setting("L2 penalty on all parameters; `paper`: from Table 1 of the paper")
    batch_size: Whole = _setting("images per step")
    target_val_acc: Percent | Nothing | Paper = _setting(
        "percent: a seed stops at this accuracy; `none`: it runs all epochs; `paper`: as the paper shows"
    )
    val_split: Share = _setting("share of the training images held out to decide when to stop; 0: the test set decides")
    precision: Literal["auto", "fp32", "bf16"] = _setting(
        "`fp32`, `bf16` (autocast; weights stay float32), or `auto`: bf16 if the hardware has it"
    )
    compile: Switch | Auto = _setting("use torch.compile; `auto`: on a single CUDA device only")
    device: Literal["auto", "cpu", "cuda"] = _setting("`cpu`, `cuda`, or `auto`: cuda if available")
    devices: Whole = _setting("processes, each with a device of its own, that share the batches of a seed")
    executor: Literal["local", "ray"] = _same_numbers("`local`: train on this machine; `ray`: train on a Ray cluster")
    jobs: Whole | Auto = _same_numbers(
        "`local`: seeds trained side by side, each in a process of its own; `auto`: as many as pay on this CPU"
    )
    threads: Whole | Auto = _same_numbers(
        "CPU threads per process; `auto`: an equal share of the machine's for each (jobs x devices)"
    )
    ray_address: Text | Nothing = _same_numbers(
        "`ray`: the cluster, like 10.0.0.1:6379; `none`: RAY_ADDRESS, or one is started here"
    )
    ray_cpus: Whole = _same_numbers("`ray`: CPUs for each process of a seed")
    ray_gpus: Gpus | Auto = _same_numbers(
        "`ray`: GPUs for each seed, or a share like 0.25; `auto`: one per device, if there are any"
    )
    data_dir: Folder | Nothing = _same_numbers(
        "folder of data sets, checkpoints and unsent results; `none`: layerwise/ in the user's cache folder"
    )
    server_wait: NotNegative = _same_numbers(
        "seconds to wait for an unreachable tracking server when a seed begins, resumes or ends"
    )
    rwc_every: Whole | Nothing = _measures(
        "steps between measurements of RWC within epochs, into `rwc_steps.csv`; `none`: off"
    )
    step_angle_every: Whole | Auto | Nothing = _measures(
        "steps between measurements of a single step (its angle and size); `auto`: a sixteenth of an epoch; `none`: off"
    )
    checkpoint_every: Whole | ByTime = _same_numbers(
        "epochs between uploaded checkpoints; `auto`: at most one every 10 minutes, and one at the end"
    )
    snapshots: Switch = _measures("keep the weights of epochs 1, 2, 3, 5, 8, 13, ...")
    register: Switch = _same_numbers("register the study's best model in MLflow, as `<model>-<dataset>`")

    @field_validator("*", mode="before")
    @classmethod
    def _read_word(cls, value: object, info: ValidationInfo) -> object:
        words = TAKES[str(info.field_name)].words
        return words.get(plain(value.strip()), value) if isinstance(value, str) else value

    @model_validator(mode="wrap")
    @classmethod
    def _refuse(cls, given: Any, check: Callable[[Any], Self]) -> Self:
        try:
            return check(given)
        except ValidationError as error:
            raise _refusal(error, given.kwargs or {}) from None

    @property
    def architecture(self) -> Architecture:
        """The network that `model_name` names; raise BadInput."""
        try:
            return find(self.model_name)
        except ModelError as error:
            raise BadInput(f"model_name cannot be used: {error}") from error


TAKES = {name: takes(kind) for name, kind in get_type_hints(Settings, include_extras=True).items()}
CHANGE_NUMBERS = [setting.name for setting in fields(Settings) if setting.metadata["changes_numbers"]]
SECTIONS = {  # of help and documentation, by the first setting of each
    "model_name": "What is trained",
    "epochs": "How it is trained",
    "device": "Where it is trained",
    "rwc_every": "What is measured",
    "checkpoint_every": "What is kept",
}
MEASURE = [setting.name for setting in fields(Settings) if setting.metadata["measures"]]


def in_sections() -> dict[str, list[Field[Any]]]:
    """Return the settings of each section, in order."""
    sections: dict[str, list[Field[Any]]] = {}
    for setting in fields(Settings):
        if setting.name in SECTIONS:
            section = sections.setdefault(SECTIONS[setting.name], [])
        section.append(setting)
    return sections


def _refusal(error: ValidationError, given: Mapping[str, object]) -> BadInput:
    """Return the first error, but unknown names before all others: a misspelled name is missing as well."""
    wrong = min(error.errors(), key=lambda each: each["type"] != "unexpected_keyword_argument")
    name = str(wrong["loc"][0])
    if name not in TAKES:
        return BadInput(f"{PARAMS}: unknown key {name}{nearest(name, spellings(TAKES))}: remove it")
    if name not in given:
        return BadInput(f"{PARAMS}: {name} is missing: every setting has its default there")
    remedy = str(wrong.get("ctx", {}).get("error", "")) or TAKES[name].remedy(given[name])
    return BadInput(f"{name} {remedy}; got {given[name]!r}")
