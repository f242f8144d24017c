"""The commit of a run: that of the repository which holds the code, and of no other one around it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.host import provenance
from pipeline.tracking.mlflow_internals import with_source

Commit = Callable[[Path], str]
IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


def git(folder: Path, *command: str) -> str:
    ran = subprocess.run(["git", "-C", str(folder), *IDENTITY, *command], capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def repository(folder: Path) -> Path:
    """Return a folder as a repository with a commit of all that it holds and of notes."""
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text("notes")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "all")
    return folder


def unpacked(folder: Path) -> Path:
    """Return a folder with the project's code, as a zip leaves it."""
    (folder / "pipeline" / "host").mkdir(parents=True)
    (folder / "pipeline" / "host" / "provenance.py").write_text("code")
    return folder


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "--short=12", "HEAD")


@pytest.fixture
def commit_of(monkeypatch: pytest.MonkeyPatch) -> Commit:
    """Return a function that asks for the commit of a project in a folder."""
    monkeypatch.delenv(provenance.COMMIT, raising=False)

    def ask(root: Path) -> str:
        monkeypatch.setattr(provenance, "ROOT", root)
        return provenance.commit.__wrapped__()

    return ask


def test_a_clone_has_its_own_commit_and_says_what_differs(commit_of: Commit, tmp_path: Path) -> None:
    clone = repository(unpacked(tmp_path / "clone"))
    assert commit_of(clone) == head(clone)
    (clone / "pipeline" / "host" / "provenance.py").write_text("other code")
    first = commit_of(clone)
    assert first.startswith(f"{head(clone)}-dirty-")
    (clone / "pipeline" / "host" / "provenance.py").write_text("more code")
    assert commit_of(clone) not in (first, head(clone))


@pytest.mark.parametrize("ignored", ["", "*"], ids=["untracked", "ignored"])
def test_an_unpacked_zip_in_another_repository_has_no_commit(commit_of: Commit, tmp_path: Path, ignored: str) -> None:
    around = repository(tmp_path / "around")
    (around / ".gitignore").write_text(ignored)
    assert commit_of(unpacked(around / "layerwise")) == "unknown"


def test_code_that_no_commit_holds_has_none(commit_of: Commit, tmp_path: Path) -> None:
    """Neither without a repository, nor in a new one, nor where it is only added."""
    project = unpacked(tmp_path / "project")
    assert commit_of(project) == "unknown"
    git(project, "init")
    assert commit_of(project) == "unknown"
    (project / "README.md").write_text("read me")
    git(project, "add", "README.md")
    git(project, "commit", "-m", "first")
    git(project, "add", ".")
    assert commit_of(project) == "unknown"


def test_a_folder_of_a_larger_repository_has_its_commit_and_differs_by_its_own_files_alone(
    commit_of: Commit, tmp_path: Path
) -> None:
    project = unpacked(tmp_path / "all" / "layerwise")
    whole = repository(tmp_path / "all")
    assert commit_of(project) == head(whole)
    (whole / "notes.txt").write_text("other notes")
    (whole / "new.txt").write_text("new")
    assert commit_of(project) == head(whole)
    (project / "params.yaml").write_text("new")
    assert commit_of(project).startswith(f"{head(whole)}-dirty-")


def test_a_submodule_and_a_worktree_have_their_own_commits(commit_of: Commit, tmp_path: Path) -> None:
    clone, around = repository(unpacked(tmp_path / "clone")), repository(tmp_path / "around")
    git(around, "-c", "protocol.file.allow=always", "submodule", "add", str(clone), "layerwise")
    assert commit_of(around / "layerwise") == head(clone) != head(around)
    git(clone, "worktree", "add", str(tmp_path / "tree"))
    assert commit_of(tmp_path / "tree") == head(clone)


def test_a_repository_that_variables_of_git_name_is_not_asked(
    commit_of: Commit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a hook of another repository."""
    clone, other = repository(unpacked(tmp_path / "clone")), repository(unpacked(tmp_path / "other"))
    (other / "notes.txt").write_text("other notes")
    git(other, "commit", "-a", "-m", "second")
    expected = head(clone)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert commit_of(clone) == expected


def test_a_run_of_code_without_a_commit_does_not_show_that_of_a_repository_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MLflow looks for one in all folders above."""
    theirs = {"mlflow.source.git.commit": "c0ffee", "mlflow.source.git.branch": "main", "mlflow.user": "ada"}
    monkeypatch.setattr("pipeline.tracking.mlflow_internals.resolve_tags", lambda tags: {**theirs, **tags})
    monkeypatch.setattr("pipeline.tracking.mlflow_internals.commit", lambda: "unknown")
    assert with_source({"a": "b"}) == {"mlflow.user": "ada", "a": "b"}
    monkeypatch.setattr("pipeline.tracking.mlflow_internals.commit", lambda: "c0ffee")
    assert with_source({"a": "b"}) == {**theirs, "a": "b"}
