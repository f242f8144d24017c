"""Whatever comes from outside is right, or is refused in one line: nothing else is raised, and no code is run.

Every property has an example that is not damaged, which must be read: a parser that refuses everything fails.
"""

import gzip
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import md5, sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torchvision.datasets import CIFAR10, CIFAR100

from data import DATASETS, DataError
from data.manifest import MANIFEST, Manifest, damaged_file, read_manifest
from data.mnist import FILES
from data.npz import npz_dataset, read_npz
from data.prepared import prepare
from pipeline.config.resolve import load_config
from pipeline.config.settings import Config
from pipeline.console.errors import BadInput
from pipeline.tracking.checkpoints import Damaged, WholeFile
from pipeline.tracking.slots import slot_tag, uploaded_checkpoints

ROOT = Path(__file__).parent.parent
EXAMPLES = int(os.environ.get("BAD_INPUTS", "40"))
pytestmark = pytest.mark.usefixtures("params")
many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad")


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's params.yaml in a folder that is this process's."""
    text = (ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "params.yaml"


class Trap:
    """Pickled bytes that make a file in the working folder when they are unpickled."""

    MARK = Path("sprung")

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.MARK,)


def test_the_trap_works() -> None:
    pickle.loads(pickle.dumps(Trap()))
    assert Trap.MARK.exists()


def refused(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or nothing where it refuses with a message that is not empty."""
    try:
        return call()
    except (BadInput, DataError) as error:
        if not str(error).strip():
            raise AssertionError("refused without a word") from error
        return None


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Draw the content cut short, with bits flipped, with bytes put in, or something else altogether."""
    kind = draw(st.sampled_from(["cut", "flip", "insert", "other"]))
    place = draw(st.integers(0, len(content) - 1))
    if kind == "cut":
        return content[:place]
    if kind == "insert":
        return content[:place] + draw(st.binary(min_size=1, max_size=40)) + content[place:]
    if kind == "other":
        return draw(st.binary(max_size=200))
    changed = bytearray(content)
    for position in draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=8)):
        changed[position] ^= 1 << draw(st.integers(0, 7))
    return bytes(changed)


def npz(**arrays: Any) -> bytes:
    buffer = BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


IMAGES = np.arange(4 * 8 * 8, dtype=np.uint8).reshape(4, 8, 8)
LABELS = np.array([0, 1, 0, 1], dtype=np.uint8)
WHOLE = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS}
WHOLE_NPZ = npz(**WHOLE)
WHOLE_PARAMS = (ROOT / "params.yaml").read_bytes()
TEXTS = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["none", "auto", "paper", "true", "1e400", "-0", "0x10", "1_0", "٣", "1,,2", "~x", "/", ".npz", "\0"]
    ),
)
YAML_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.dates()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@many
@given(st.sampled_from(sorted(Config.__dataclass_fields__)), TEXTS)
@example("epochs", "7")
def test_values_of_options(name: str, value: str) -> None:
    config = refused(lambda: load_config({name: value}))
    if (name, value) == ("epochs", "7"):
        assert config.epochs == 7
    assert config is None or isinstance(config.files()["config.yaml"], str)


@many
@given(content=damaged(WHOLE_PARAMS))
@example(content=WHOLE_PARAMS)
def test_damaged_params(params: Path, content: bytes) -> None:
    params.write_bytes(content)
    config = refused(lambda: load_config({}))
    assert config or content != WHOLE_PARAMS


@many
@given(
    st.dictionaries(
        st.sampled_from([*Config.__dataclass_fields__, "table_1", "lengths", "other"]), YAML_VALUES, max_size=4
    )
)
@example({})
def test_params_of_other_types(params: Path, changed: dict[str, Any]) -> None:
    whole = yaml.safe_load(WHOLE_PARAMS)
    params.write_text(yaml.safe_dump(whole | changed, allow_unicode=True))
    config = refused(lambda: load_config({}))
    assert config or changed


@many
@given(content=damaged(WHOLE_NPZ))
@example(content=WHOLE_NPZ)
def test_damaged_npz(folder: Path, content: bytes) -> None:
    path = folder / "set.npz"
    path.write_bytes(content)
    images = refused(lambda: read_npz(path))
    assert images or content != WHOLE_NPZ
    assert images is None or all(array.dtype == np.uint8 for array in images)


SHAPES = st.lists(st.integers(0, 5), max_size=5).map(tuple)
KINDS = st.sampled_from(["uint8", "int64", "float32", "bool", "U3", "complex64", "datetime64[s]"])


@many
@given(st.sampled_from(sorted(WHOLE)), SHAPES, KINDS)
@example("x_test", IMAGES.shape, "uint8")
def test_npz_of_other_shapes_and_types(folder: Path, name: str, shape: tuple[int, ...], kind: str) -> None:
    path = folder / "other.npz"
    path.write_bytes(npz(**WHOLE | {name: np.zeros(shape, dtype=kind)}))
    prepared = refused(lambda: prepare(npz_dataset(path), folder))
    assert prepared or name == "y_train" or (shape, kind) != (WHOLE[name].shape, "uint8")  # zeros are one class


@many
@given(
    st.sampled_from(sorted(WHOLE)),
    st.sampled_from(["float16", "float32", "float64", "int8", "int64", "uint64", "bool"]),
    st.lists(st.sampled_from([0, 1, 0.5, -1, 7, 255, 256, 65535, 1e300, float("nan"), float("inf")]), min_size=1),
)
@example("y_train", "float64", [0, 1])
@example("x_train", "uint8", [0, 1])
def test_npz_of_other_values(folder: Path, name: str, kind: str, values: list[float]) -> None:
    with np.errstate(all="ignore"):
        changed = np.resize(np.array(values, float).astype(kind), WHOLE[name].shape)
    path = folder / "values.npz"
    path.write_bytes(npz(**WHOLE | {name: changed}))
    prepared = refused(lambda: prepare(npz_dataset(path), folder))
    assert prepared or values != [0, 1]
    assert prepared is None or prepared.x_train.dtype == prepared.y_train.dtype == torch.uint8


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_pickles_in_an_npz_stay_pickled(folder: Path, name: str) -> None:
    path = folder / "trap.npz"
    path.write_bytes(npz(**WHOLE | {name: np.array([Trap()], dtype=object)}))
    assert refused(lambda: read_npz(path)) is None
    assert not Trap.MARK.exists()


def test_an_array_that_claims_to_be_huge(folder: Path) -> None:
    for shape in (IMAGES.shape, (10**10, 8, 8), (4, 8, 10**11), (10**6, 200, 200)):
        claimed = BytesIO()
        np.lib.format.write_array_header_1_0(claimed, {"descr": "|u1", "fortran_order": False, "shape": shape})
        claimed.write(IMAGES.tobytes())
        with zipfile.ZipFile(folder / "huge.npz", "w") as archive:
            for name, array in WHOLE.items():
                whole = BytesIO()
                np.save(whole, array)
                archive.writestr(f"{name}.npy", claimed.getvalue() if name == "x_train" else whole.getvalue())
        assert (refused(lambda: read_npz(folder / "huge.npz")) is None) == (shape != IMAGES.shape)


def idx(array: Any) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">i4").tobytes() + array.tobytes()


WHOLE_IDX = {name: idx(IMAGES if "images" in name else LABELS) for name in FILES}


@many
@given(st.sampled_from(FILES).flatmap(lambda name: st.tuples(st.just(name), damaged(WHOLE_IDX[name]))))
@example((FILES[0], WHOLE_IDX[FILES[0]]))
def test_damaged_idx_files(folder: Path, file: tuple[str, bytes]) -> None:
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    files = WHOLE_IDX | dict([file])
    for name, content in files.items():
        (raw / name).write_bytes(content)
    prepared = refused(lambda: prepare(DATASETS["MNIST"], folder))
    assert prepared or files != WHOLE_IDX


def sum_of(content: bytes) -> str:
    return md5(content, usedforsecurity=False).hexdigest()


def whole_archive(original: type[CIFAR10]) -> tuple[bytes, dict[str, Any]]:
    """Return an archive of one image a batch, and torchvision's tables as they would be if it were the original."""
    batch = pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [0], "fine_labels": [0]})
    meta = pickle.dumps({original.meta["key"]: ["a"]})
    batches = {part: [name for name, _sum in getattr(original, part)] for part in ("train_list", "test_list")}
    files = dict.fromkeys(batches["train_list"] + batches["test_list"], batch) | {original.meta["filename"]: meta}
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{original.base_folder}/{name}")
            entry.size = len(content)
            tar.addfile(entry, BytesIO(content))
    archive = gzip.compress(packed.getvalue(), mtime=0)
    tables = {part: [[name, sum_of(batch)] for name in names] for part, names in batches.items()}
    return archive, tables | {"meta": original.meta | {"md5": sum_of(meta)}, "tgz_md5": sum_of(archive)}


ORIGINALS = {"CIFAR-10": CIFAR10, "CIFAR-100": CIFAR100}
ARCHIVES = {name: whole_archive(original) for name, original in ORIGINALS.items()}
TRAPS = pickle.dumps(Trap()) * 3


@many
@given(
    st.sampled_from(sorted(ARCHIVES)).flatmap(
        lambda name: st.tuples(st.just(name), damaged(ARCHIVES[name][0]) | damaged(TRAPS))
    )
)
@example(("CIFAR-10", ARCHIVES["CIFAR-10"][0]))
@example(("CIFAR-100", ARCHIVES["CIFAR-100"][0]))
def test_damaged_cifar_archives(tmp_path: Path, archive: tuple[str, bytes]) -> None:
    name, content = archive
    original, (whole, tables) = ORIGINALS[name], ARCHIVES[name]
    (tmp_path / original.filename).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        for table, value in tables.items():
            patch.setattr(original, table, value)
        images = refused(lambda: DATASETS[name].read(tmp_path))
    assert (images is not None) == (content == whole)
    assert not Trap.MARK.exists()


WHOLE_MANIFEST = Manifest(
    name="x",
    source="x.npz",
    source_sha256="0" * 64,
    classes=["0", "1"],
    shape=[32, 32, 1],
    train_counts=[2, 2],
    test_counts=[2, 2],
    mean=[0.5],
    std=[0.2],
    sha256={"x_train": "0" * 64},
)


WHOLE_JSON = WHOLE_MANIFEST.to_json().encode()


@many
@given(content=damaged(WHOLE_JSON))
@example(content=WHOLE_JSON)
def test_damaged_manifests(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    damage = damaged_file(tmp_path)
    assert damage == "x_train.npy" or content != WHOLE_JSON, "the file of the tensor is missing"
    if damage != MANIFEST:  # a change between the values
        assert read_manifest(tmp_path) == WHOLE_MANIFEST


@many
@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60))
@example("a plain name")
def test_names_of_files(tmp_path: Path, name: str) -> None:
    """They become names of runs, folders and artifacts."""
    path = tmp_path / f"{name}.npz"
    try:
        path.write_bytes(npz(**WHOLE))
    except OSError:  # longer than a file system allows
        return
    prepared = refused(lambda: prepare(npz_dataset(path), tmp_path / "cache"))
    assert prepared or name != "a plain name"
    assert prepared is None or prepared.manifest.name == path.stem


def test_files_whose_names_differ_by_case_alone_keep_their_names(tmp_path: Path) -> None:
    for name in ("digits", "Digits-", "DIGITS"):
        path = tmp_path / f"{name}.npz"
        path.write_bytes(npz(**WHOLE))
        assert prepare(npz_dataset(path), tmp_path / "cache").manifest.name == name


def saved(state: dict[str, Any]) -> bytes:
    buffer = BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


WHOLE_CHECKPOINT = saved({"epoch": 1, "weights": torch.ones(3)})


@many
@given(content=damaged(WHOLE_CHECKPOINT) | st.just(pickle.dumps(Trap())))
@example(content=WHOLE_CHECKPOINT)
def test_damaged_checkpoints(tmp_path: Path, content: bytes) -> None:
    """Even where the tag has the checksum of the damaged file."""
    (tmp_path / "checkpoints").mkdir(exist_ok=True)
    (tmp_path / "checkpoints" / "slot-a.pt").write_bytes(content)
    (checkpoint,) = uploaded_checkpoints("run", str(tmp_path), slot_tag("slot-a.pt", 1, sha256(content).hexdigest()))
    if content == WHOLE_CHECKPOINT:
        assert checkpoint.load()["epoch"] == 1
    else:
        with suppress(Damaged):  # any other error fails the test
            assert checkpoint.load()
    assert not Trap.MARK.exists()


WHOLE_TAG = slot_tag("slot-a.pt", 3, "a" * 64, WholeFile("best-b.pt", "b" * 64))["layerwise.checkpoint.slot-a"]


@many
@given(st.text(max_size=160) | damaged(WHOLE_TAG.encode()).map(lambda content: content.decode(errors="replace")))
@example(WHOLE_TAG)
def test_tags_of_any_text_name_no_slot_or_a_whole_one(text: str) -> None:
    found = uploaded_checkpoints("", "", {f"layerwise.checkpoint.slot-{slot}": text for slot in "ab"})
    assert len(found) == 2 or text != WHOLE_TAG
    for slot in found:
        assert slot.epoch >= 0
        assert len(slot.sha256) == 64
        assert slot.best is None or len(slot.best.sha256) == 64


def trap_set(folder: Path) -> None:
    (folder / "bad.npz").write_bytes(npz(**WHOLE | {"x_train": np.array([Trap()], dtype=object)}))


def cut_set(folder: Path) -> None:
    (folder / "bad.npz").write_bytes(WHOLE_NPZ[:-40])


def trap_batch(folder: Path) -> None:
    (folder / "cifar-10-python.tar.gz").write_bytes(pickle.dumps(Trap()))


def short_idx(folder: Path) -> None:
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in WHOLE_IDX.items():
        (raw / name).write_bytes(content[:-1])


def other_params(folder: Path) -> None:
    (folder / "params.yaml").write_text("seeds: !!python/object/apply:os.system ['touch sprung']\n")


PROCESSES = {
    "pickle in an npz": (trap_set, "--dataset=bad.npz"),
    "npz cut short": (cut_set, "--dataset=bad.npz"),
    "pickle as CIFAR": (trap_batch, "--dataset=CIFAR-10"),
    "IDX cut short": (short_idx, "--dataset=MNIST"),
    "code in params.yaml": (other_params, "--dataset=Digits"),
    "text as a number": (cut_set, "--epochs=1e400"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("make", "option"), PROCESSES.values(), ids=PROCESSES)
def test_a_process_ends_with_2_and_one_line(params: Path, make: Callable[[Path], None], option: str) -> None:
    folder = params.parent
    make(folder)
    process = subprocess.run(
        [sys.executable, "-m", "pipeline", "study", option, "--data_dir=."],
        env=os.environ | {"PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert process.returncode == 2, process.stderr
    assert process.stderr.startswith("error: ")
    assert process.stderr.count("\n") == 1
    assert not Trap.MARK.exists()
    assert mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db").search_runs(["0"]) == []
