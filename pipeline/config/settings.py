"""The configuration of a study: its settings, and what of them makes it another study."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from data import DATASETS, DataSet
from data.npz import npz_dataset
from models import ARCHITECTURES, Architecture, ModelError, find
from pipeline.config import names
from pipeline.config.values import ConfigError, Parser, distinct_seeds, one_of, real, switch, text, whole, word_or

AUTO, PAPER = "auto", "paper"
LOCAL, RAY = "local", "ray"
CONFIG, NETWORK = "config.yaml", "network.py"
RATE = real("a number greater than 0", lambda rate: rate > 0)
DECAY = real("a number of 0 or more", lambda decay: decay >= 0)
_SHARE = real("a number from 0 to less than 1", lambda share: 0 <= share < 1)


def _is_of_gpus(count: float) -> bool:
    """Say whether Ray gives a task so many GPUs."""
    return 0.001 <= count <= 1 or (count >= 0 and count.is_integer())


def _setting(parser: Parser, help_text: str, *, changes_numbers: bool = True) -> Any:
    return field(metadata={"parser": parser, "help": help_text, "changes_numbers": changes_numbers})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Every setting, resolved: no `auto`, `paper` or alias is left."""

    model_name: str = _setting(
        names.model_name, f"{', '.join(ARCHITECTURES)}, torchvision:<name>, or {names.OWN_MODEL}"
    )
    dataset: str = _setting(names.dataset, f"{', '.join(DATASETS)}, or the path of an .npz file")
    seeds: tuple[int, ...] = _setting(distinct_seeds, "whole numbers, separated by commas", changes_numbers=False)
    epochs: int = _setting(whole(1), "passes over the training set", changes_numbers=False)
    lr: float = _setting(word_or(PAPER, PAPER, RATE), "learning rate, or paper: Table 1")
    momentum: float = _setting(_SHARE, "of SGD")
    weight_decay: float = _setting(word_or(PAPER, PAPER, DECAY), "L2 penalty, or paper: Table 1")
    batch_size: int = _setting(whole(1), "images a step")
    target_val_acc: float | None = _setting(
        word_or("none", None, real("a percentage, more than 0 to 100", lambda percent: 0 < percent <= 100)),
        "accuracy, in percent, at which a seed stops, or none",
    )
    val_split: float = _setting(_SHARE, "share of the training images held out for that decision")
    pretrained: bool = _setting(switch, "start from torchvision's ImageNet weights")
    precision: str = _setting(one_of({name: name for name in ("auto", "fp32", "bf16")}), "auto, fp32 or bf16")
    device: str = _setting(one_of({name: name for name in ("auto", "cpu", "cuda")}), "auto, cpu or cuda")
    compile: bool = _setting(
        word_or("auto", None, switch), "auto, true or false: whether torch.compile builds kernels for the model"
    )
    devices: int = _setting(whole(1), "processes, each with a device of its own, that share the batches of a seed")
    executor: str = _setting(
        one_of({name: name for name in (LOCAL, RAY)}),
        "local or ray: where the seeds are trained",
        changes_numbers=False,
    )
    jobs: int = _setting(whole(1), "seeds trained side by side, each in a process of its own", changes_numbers=False)
    ray_address: str | None = _setting(
        word_or("none", None, text),
        "of a Ray cluster, or none: RAY_ADDRESS, or one is started here",
        changes_numbers=False,
    )
    ray_cpus: int = _setting(whole(1), "CPUs that each process of a seed takes on Ray", changes_numbers=False)
    ray_gpus: float = _setting(
        word_or(AUTO, AUTO, real("0, a share of 1 from 0.001, or a whole number", lambda gpus: _is_of_gpus(gpus))),
        "GPUs, or the share of one, that each seed takes on Ray, or auto",
        changes_numbers=False,
    )
    threads: int = _setting(word_or("auto", None, whole(1)), "CPU threads a process, or auto", changes_numbers=False)
    rwc_every: int | None = _setting(
        word_or("none", None, whole(1)), "steps between measurements within epochs, or none", changes_numbers=False
    )
    step_angle_every: int | None = _setting(
        word_or("none", None, whole(1)), "steps between measurements of a single step, or none", changes_numbers=False
    )
    checkpoint_every: int = _setting(whole(1), "epochs between checkpoints", changes_numbers=False)
    fresh: bool = _setting(switch, "train every seed anew, whatever the store has of it", changes_numbers=False)
    snapshots: bool = _setting(switch, "keep the weights of epochs 1, 2, 3, 5, 8, 13, ...", changes_numbers=False)
    register: bool = _setting(switch, "register the study's best model in MLflow", changes_numbers=False)
    server_wait: float = _setting(
        real("a number of 0 or more", lambda seconds: seconds >= 0),
        "seconds to wait, at the end of a seed, for a tracking server that is away",
        changes_numbers=False,
    )
    data_dir: str = _setting(
        word_or("none", None, text), "folder of the data sets, or none: the cache folder", changes_numbers=False
    )

    @property
    def data(self) -> DataSet:
        """The data set that `dataset` names."""
        return DATASETS.get(self.dataset) or npz_dataset(Path(self.dataset))

    @property
    def architecture(self) -> Architecture:
        """The network that `model_name` names."""
        try:
            return find(self.model_name)
        except ModelError as error:
            raise ConfigError(f"model_name cannot be used: {error}") from error

    @property
    def study_name(self) -> str:
        return f"{self.architecture.name}-{self.data.name}"

    def _as_written(self) -> dict[str, Any]:
        values = asdict(self) | {"seeds": ",".join(map(str, self.seeds))}
        return {name: "none" if value is None else value for name, value in values.items()}

    def as_text(self) -> dict[str, str]:
        """Return every setting as text, written as in params.yaml."""
        return {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in self._as_written().items()
        }

    def deciding(self) -> dict[str, str]:
        """Return the settings that change the numbers, and `epochs`, as text."""
        settings = self.as_text()
        return {f.name: settings[f.name] for f in fields(self) if f.metadata["changes_numbers"] or f.name == "epochs"}

    def files(self) -> dict[str, str]:
        """Return what a run keeps of it as files: every setting as YAML, and the code of a network of one's own."""
        settings = {CONFIG: yaml.safe_dump(self._as_written(), sort_keys=False)}
        code = self.architecture.source
        return settings | ({NETWORK: code} if code else {})

    def study_hash(self, digest: str) -> str:
        """Return a short hash of all that changes the numbers: settings, the data's digest, the code of an own network.

        Where the file of a network lies does not count, nor what it imports.
        """
        settings = self.as_text()
        kept = {name: settings[name] for name in (f.name for f in fields(self) if f.metadata["changes_numbers"])}
        if self.devices == 1:
            del kept["devices"]  # studies from before there was this setting are found all the same
        data = self.data
        named = {"dataset": data.name, "classes": " ".join(data.classes)}
        if code := self.architecture.source:
            named |= {"model_name": self.architecture.name, "model_code": hashlib.sha256(code.encode()).hexdigest()}
        kept |= named | {"digest": digest, "padding": str(data.padding), "flip": str(data.flip)}
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:12]
