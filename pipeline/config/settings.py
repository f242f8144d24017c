"""The configuration of a study: its settings, resolved, and what of them makes it another study."""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic.dataclasses import dataclass

from data import DATASETS, DataSet
from data.npz import npz_dataset
from pipeline.config.schema import CHANGE_NUMBERS, MEASURE, TAKES, Settings
from pipeline.config.values import Folder, Gpus, Nothing, NotNegative, Percent, Positive, Switch, Whole

CONFIG, NETWORK = "config.yaml", "network.py"
BEFORE = {"image_size": "32"}  # what studies did that are older than these settings: their hashes lack them
NONE = {name: word for name, kind in TAKES.items() for word, value in kind.words.items() if value is None}


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """Every setting, resolved for the machine that trains."""

    epochs: Whole
    lr: Positive
    weight_decay: NotNegative
    target_val_acc: Percent | Nothing
    precision: Literal["fp32", "bf16"]
    device: Literal["cpu", "cuda"]
    compile: Switch
    jobs: Whole
    ray_gpus: Gpus
    threads: Whole
    data_dir: Folder

    @property
    def data(self) -> DataSet:
        """The data set that `dataset` names, at `image_size`."""
        named = DATASETS.get(self.dataset) or npz_dataset(Path(self.dataset))
        return replace(named, image_size=self.image_size)

    @property
    def study_name(self) -> str:
        return f"{self.architecture.name}-{self.data.name}"

    def _as_written(self) -> dict[str, Any]:
        values = asdict(self) | {"seeds": ",".join(map(str, self.seeds))}
        return {name: NONE[name] if value is None else value for name, value in values.items()}

    def as_text(self) -> dict[str, str]:
        """Return every setting as text, written as in params.yaml."""
        return {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in self._as_written().items()
        }

    def deciding(self) -> dict[str, str]:
        """Return the settings that change the numbers, and `epochs`, as text."""
        return {name: text for name, text in self.as_text().items() if name in (*CHANGE_NUMBERS, "epochs")}

    def measuring(self) -> dict[str, str]:
        """Return the settings that ask for more measurements in training, as text."""
        return {name: text for name, text in self.as_text().items() if name in MEASURE}

    def files(self) -> dict[str, str]:
        """Return the files of a run: every setting as YAML, and the code of a custom network."""
        settings = {CONFIG: yaml.safe_dump(self._as_written(), sort_keys=False)}
        code = self.architecture.source
        return settings | ({NETWORK: code} if code else {})

    def study_hash(self, digest: str) -> str:
        """Return a short hash of all that changes the numbers: settings, the data's digest, a custom network's code.

        The path of a custom network does not count, nor do the modules that it imports.
        """
        settings, data = self.as_text(), self.data
        kept = {name: settings[name] for name in CHANGE_NUMBERS if settings[name] != BEFORE.get(name)}
        named = {"dataset": data.name, "classes": " ".join(data.classes)}
        if code := self.architecture.source:
            named |= {"model_name": self.architecture.name, "model_code": hashlib.sha256(code.encode()).hexdigest()}
        kept |= named | {"digest": digest, "padding": str(data.padding), "flip": str(data.flip)}
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:12]
