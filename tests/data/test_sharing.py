"""One data folder for several people: what is prepared is opened by all, and what is created is shared."""

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import DATASETS, DataError, DataSet
from data.datasets import Fetch
from data.manifest import MANIFEST, prepared_names
from data.npz import npz_dataset, read_npz
from data.prepared import prepare
from data.sharing import make_shared, share
from data.sources import locate

ANNE, BERT, TEAM = 4001, 4002, 4000
As = Callable[[int], AbstractContextManager[None]]
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can act for several users")


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users can reach, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def as_user() -> As:
    """Return a block in which this process acts for another user of the team."""

    @contextmanager
    def act(user: int) -> Iterator[None]:
        groups = os.getgroups()
        os.setgroups([TEAM])
        os.setresgid(user, user, 0)
        os.setresuid(user, user, 0)
        try:
            yield
        finally:
            os.setresuid(0, 0, 0)
            os.setresgid(0, 0, 0)
            os.setgroups(groups)

    return act


@pytest.fixture
def team(shared: Path, make_images: Any) -> tuple[Path, DataSet]:
    """A folder in which a team may write, as administrators make it, and a data set that all may read."""
    np.savez(shared / "tiny.npz", **make_images()._asdict())
    read_npz(shared / "tiny.npz")  # imports what it needs, from where other users may not read
    folder = shared / "team"
    folder.mkdir()
    os.chown(folder, ANNE, TEAM)
    folder.chmod(0o2775)
    return folder, npz_dataset(shared / "tiny.npz")


def state(folder: Path) -> dict[Path, tuple[int, int, int]]:
    found = {path: path.lstat() for path in (folder, *folder.rglob("*"))}
    return {path: (its.st_mtime_ns, its.st_ino, its.st_mode) for path, its in found.items()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refuse(*_arguments: Any, **_options: Any) -> None:
    raise AssertionError("something is written")


def test_a_whole_set_is_opened_without_lock_or_writing(
    tmp_path: Path, make_images: Any, npz_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = npz_of(make_images())
    first = prepare(dataset, tmp_path)
    (tmp_path / "prepared" / "tiny.lock").unlink()
    before = state(tmp_path)
    for owner, name in ((Path, "mkdir"), (Path, "chmod"), (Path, "rename"), (np, "save")):
        monkeypatch.setattr(owner, name, refuse)
    assert prepare(dataset, tmp_path).manifest == first.manifest
    assert state(tmp_path) == before


def test_original_files_in_the_first_folder_are_prepared_in_the_last_one(
    tmp_path: Path, make_images: Any, write_idx: Any
) -> None:
    given, own = tmp_path / "given", tmp_path / "own"
    write_idx(make_images(), given / "MNIST" / "raw")
    before = state(given)
    prepared = prepare(DATASETS["MNIST"], given, own)
    assert prepared.manifest.source == str(given / "MNIST" / "raw")
    assert state(given) == before
    assert prepare(DATASETS["MNIST"], given, own).manifest == prepared.manifest
    assert prepared_names(given, own) == {"MNIST"}


@needs_root
def test_a_read_only_folder_that_holds_everything_is_enough(team: tuple[Path, DataSet], as_user: As) -> None:
    folder, dataset = team
    with as_user(ANNE):
        first = prepare(dataset, folder)
    for path in (folder, folder / "prepared"):
        path.chmod(0o555)
    before = state(folder)
    with as_user(BERT):
        again = prepare(dataset, folder)
        assert prepared_names(folder) == {"tiny"}
    assert again.manifest == first.manifest
    assert state(folder) == before


@needs_root
def test_what_a_read_only_folder_lacks_is_prepared_in_the_last_one(
    team: tuple[Path, DataSet], shared: Path, as_user: As
) -> None:
    folder, dataset = team
    folder.chmod(0o555)
    own = shared / "own"
    own.mkdir()
    os.chown(own, BERT, BERT)
    with as_user(BERT):
        first = prepare(dataset, folder, own)
        with pytest.raises(DataError, match=rf"the folder {folder}/prepared cannot be written .* with data_dir"):
            prepare(dataset, folder)
    assert list(folder.iterdir()) == []
    make_shared(folder / "prepared")
    with as_user(BERT), pytest.raises(DataError, match=rf"the folder {folder}/prepared cannot be written .*"):
        prepare(dataset, folder)
    before = state(own)
    with as_user(BERT):
        assert prepare(dataset, folder, own).manifest == first.manifest
    assert state(own) == before


@needs_root
def test_damage_in_a_read_only_folder_is_reported_and_prepared_in_the_last_one(
    team: tuple[Path, DataSet], shared: Path, as_user: As, caplog: pytest.LogCaptureFixture
) -> None:
    folder, dataset = team
    own = shared / "own"
    own.mkdir()
    os.chown(own, BERT, BERT)
    with as_user(ANNE):
        first = prepare(dataset, folder)
    (target,) = (path for path in (folder / "prepared").iterdir() if path.is_dir())
    (target / "x_test.npy").write_bytes(b"")
    (folder / "prepared").chmod(0o555)
    with as_user(BERT):
        assert prepare(dataset, folder, own).manifest == first.manifest
    assert caplog.messages == [f"{target}/x_test.npy is damaged: preparing tiny again"]


@needs_root
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_second_user_of_a_team_s_folder_can_prepare_and_repair(
    mask: int, team: tuple[Path, DataSet], as_user: As
) -> None:
    folder, dataset = team
    with as_user(ANNE):
        os.umask(mask)
        first = prepare(dataset, folder)
    assert mode(folder / "prepared") == 0o2775
    (target,) = (path for path in (folder / "prepared").iterdir() if path.is_dir())
    assert (mode(target), mode(target / MANIFEST)) == (0o2775, 0o664)
    assert mode(folder / "prepared" / "tiny.lock") == 0o664
    with as_user(BERT):
        assert prepare(dataset, folder).manifest == first.manifest
        (target / "x_test.npy").write_bytes(b"")
        assert prepare(dataset, folder).manifest == first.manifest
    assert target.stat().st_uid == BERT


@needs_root
def test_what_a_killed_process_of_another_user_left_does_not_block(team: tuple[Path, DataSet], as_user: As) -> None:
    folder, dataset = team
    with as_user(ANNE):
        prepare(dataset, folder)
        (target,) = (path for path in (folder / "prepared").iterdir() if path.is_dir())
        shutil.move(target, f"{target}.{ANNE}.partial")
    (folder / "prepared" / f"{target.name}.{ANNE}.partial").chmod(0o700)
    with as_user(BERT):
        assert prepare(dataset, folder).manifest.name == "tiny"


@needs_root
def test_a_lock_that_cannot_be_opened_is_named_with_the_remedy(team: tuple[Path, DataSet], as_user: As) -> None:
    folder, dataset = team
    make_shared(folder / "prepared")
    lock = folder / "prepared" / "tiny.lock"
    lock.touch()
    os.chown(lock, ANNE, TEAM)  # with 0644, as earlier versions made it
    with as_user(BERT), pytest.raises(DataError) as failure:
        prepare(dataset, folder)
    assert str(failure.value) == (
        f"{lock} cannot be opened (Permission denied): delete it if nobody prepares tiny now, or name another folder "
        "with data_dir"
    )


@needs_root
def test_in_a_sticky_folder_a_lock_that_others_may_not_have_is_one_line(
    team: tuple[Path, DataSet], shared: Path, make_images: Any, as_user: As
) -> None:
    folder, dataset = team
    folder.chmod(0o1777)
    make_shared(folder / "prepared")
    with as_user(ANNE):
        first = prepare(dataset, folder)
    with as_user(BERT):
        assert prepare(dataset, folder).manifest == first.manifest
    np.savez(shared / "tiny.npz", **make_images(seed=1)._asdict())
    with (
        as_user(BERT),
        pytest.raises(DataError, match=r"tiny.lock cannot be opened \(.*name another folder") as failure,
    ):
        prepare(dataset, folder)
    assert "\n" not in str(failure.value)


@needs_root
def test_a_set_that_another_user_has_closed_is_one_line(team: tuple[Path, DataSet], as_user: As) -> None:
    folder, dataset = team
    with as_user(ANNE):
        prepare(dataset, folder)
    (target,) = (path for path in (folder / "prepared").iterdir() if path.is_dir())
    target.chmod(0o700)
    with as_user(BERT), pytest.raises(DataError, match=r"is closed to this user \(Permission denied\): .*data_dir"):
        prepare(dataset, folder)
    (folder / "prepared").chmod(0o700)
    folder.chmod(0o700)
    with as_user(BERT), pytest.raises(DataError, match=r"is closed to this user|cannot be written"):
        prepare(dataset, folder)


@needs_root
def test_files_that_one_user_fetches_are_the_team_s(team: tuple[Path, DataSet], as_user: As) -> None:
    def fetch(folder: Path) -> None:
        (folder / "Set" / "raw").mkdir(parents=True)
        (folder / "Set" / "raw" / "images").write_text("here")

    def find(data_dir: Path) -> list[Path]:
        return [path for path in [data_dir / "Set" / "raw" / "images"] if path.is_file()]

    folder, _dataset = team
    dataset = DataSet(name="Set", find=find, read=lambda _: None, fetches=(Fetch("a way", fetch),))
    (folder / f".fetching-set-{ANNE}").mkdir(mode=0o700)  # of a killed process
    with as_user(BERT):
        os.umask(0o077)
        (file,) = locate(dataset, folder).files
    assert (mode(file), mode(file.parent), mode(file.parent.parent)) == (0o664, 0o2775, 0o2775)
    with as_user(ANNE):
        assert locate(dataset, folder).files == [file]


def test_new_files_have_the_permissions_of_their_folder_and_a_sticky_one_gives_no_right_to_write(
    tmp_path: Path,
) -> None:
    for given, folders, files in ((0o700, 0o700, 0o600), (0o775, 0o775, 0o664), (0o1777, 0o755, 0o644)):
        above = tmp_path / f"{given:o}"
        (above / "new" / "inner").mkdir(parents=True)
        (above / "new" / "inner" / "file").touch(mode=0o600)
        above.chmod(given)
        share(above / "new")
        assert mode(above / "new") == mode(above / "new" / "inner") == folders
        assert mode(above / "new" / "inner" / "file") == files
        make_shared(above / "shared")
        assert mode(above / "shared") == given
