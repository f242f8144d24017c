"""Records of studies in a folder: settings, provenance, and the tables of their seeds; no weights, no pictures."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import mlflow
import yaml
from mlflow.entities import Dataset

from data.manifest import MANIFEST
from pipeline.config.settings import CONFIG, NETWORK
from pipeline.console.errors import BadInput
from pipeline.tracking.artifacts import download, list_files
from pipeline.tracking.queries import SETTINGS, StoredStudy, seeds_of_study
from pipeline.tracking.run import KIND, MEASURED, PROVENANCE, SEED, STOPPED, STUDY, setting_tag
from pipeline.tracking.tables import COLUMNS, LEVEL_TABLE

STUDY_FILE, RUN_FILE = "study.zip", "run.json"
PLACES = dict.fromkeys(["data_dir", "ray_address"], "none")  # settings that name places of the machine that trained
KEPT = {KIND, STUDY, SEED, STOPPED, MEASURED, *PROVENANCE.values(), *map(setting_tag, SETTINGS)}
FILES = (CONFIG, NETWORK, f"data/{MANIFEST}", LEVEL_TABLE, *COLUMNS)
OLDEST = (1980, 1, 1, 0, 0, 0)  # of files in an archive, so that equal records have equal bytes


class Record(NamedTuple):
    """A run: its name, when it started (ms since 1970), tags, params, data set, and its small files by name."""

    name: str
    started: int
    tags: dict[str, str]
    params: dict[str, str]
    dataset: dict[str, str]
    files: dict[str, str]

    @property
    def study_hash(self) -> str:
        return self.tags[STUDY]

    @property
    def seed(self) -> int:
        return int(self.tags[SEED])

    @property
    def epochs(self) -> int:
        return int(self.params["epochs"])


def write_record(study: StoredStudy, folder: Path) -> Path:
    """Write a study and its finished seeds, a file each, to a folder of its own in `folder`; return that folder."""
    place = folder / re.sub(r"[^\w.-]+", "-", f"{study.name}-{study.hash}")
    place.mkdir(parents=True, exist_ok=True)
    _write(place / STUDY_FILE, _record_of(study.id))
    for seed in seeds_of_study(study):
        _write(place / f"seed-{seed.number}.zip", _record_of(seed.id))
    return place


def read_records(folder: Path) -> Iterator[tuple[Record, list[Record]]]:
    """Yield the studies in a folder and below it, each with its seeds; raise BadInput for none, or a damaged one."""
    found = sorted(folder.rglob(STUDY_FILE))
    if not found:
        raise BadInput(f"folder must hold records of studies, which `record` writes; there are none in {str(folder)!r}")
    for path in found:
        yield _read(path), [_read(seed) for seed in sorted(path.parent.glob("seed-*.zip"))]


def _record_of(run_id: str) -> Record:
    run = mlflow.MlflowClient().get_run(run_id)
    tags = {name: value for name, value in run.data.tags.items() if name in KEPT}
    tags |= {setting_tag(name): value for name, value in PLACES.items() if setting_tag(name) in tags}
    params = run.data.params | {name: value for name, value in PLACES.items() if name in run.data.params}
    assert run.inputs, "every study and seed logs its data set"
    dataset = run.inputs.dataset_inputs[0].dataset
    return Record(
        name=run.info.run_name,
        started=run.info.start_time,
        tags=tags,
        params=params,
        dataset={name: value for name, value in dict(dataset).items() if value is not None},
        files=dict(_files(run.info.artifact_uri)),
    )


def _files(artifacts: str) -> Iterator[tuple[str, str]]:
    there = list_files(artifacts) | {f"data/{name}" for name in list_files(artifacts, "data")}
    with TemporaryDirectory() as folder:
        for name in FILES:
            if name in there:
                text = download(artifacts, name, folder).read_text()
                yield name, _elsewhere(text) if name == CONFIG else text


def _elsewhere(config: str) -> str:
    """Return the settings in YAML without the places of the machine."""
    return yaml.safe_dump(yaml.safe_load(config) | PLACES, sort_keys=False)


def _write(path: Path, record: Record) -> None:
    described = record._asdict()
    files = described.pop("files")
    texts = {RUN_FILE: json.dumps(described, indent=1, sort_keys=True), **files}
    with ZipFile(path, "w") as archive:
        for name, text in texts.items():
            archive.writestr(ZipInfo(name, OLDEST), text, ZIP_DEFLATED, compresslevel=9)


def _read(path: Path) -> Record:
    try:
        with ZipFile(path) as archive:
            texts = {name: archive.read(name).decode() for name in archive.namelist()}
        record = Record(**json.loads(texts.pop(RUN_FILE)), files=texts)
        Dataset(**record.dataset)
        _complete = record.study_hash, record.epochs
    except Exception as error:  # what a damaged archive raises has many names
        raise BadInput(f"the record {path} is damaged ({error!r}): copy it again") from error
    return record
