"""docs/server.md as it is written: PostgreSQL, basic authentication, proxied artifacts; and studies that use it."""

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import pytest

from tests.support.postgresql import Postgresql, postgresql
from tests.support.server import free_port, wait_until_it_answers

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SECTIONS = (ROOT / "docs" / "server.md").read_text().split("\n## ")
RWC = "rwc/01_features.0"
DATABASES = ("mlflow", "mlflow_auth")


def block(heading: str, number: int = 0) -> str:
    (section,) = (section for section in SECTIONS if section.startswith(f"{heading}\n"))
    return re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)[number]


class Team:
    """A home folder in which the blocks are run, with another port, other databases and one worker."""

    def __init__(self, home: Path, sql: Postgresql, environment: dict[str, str]) -> None:
        self.home, self.port = home, str(free_port())
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment = environment | {"HOME": str(home), "PATH": f"{sql.programs}:{environment['PATH']}"}
        self.other = {"5000": self.port, "--workers 4": "--workers 1"}
        for name in DATABASES:
            self.other[f"postgresql+psycopg:///{name}?host=/var/run/postgresql"] = sql.database(name)
        (home / "server").mkdir()
        (home / "server" / "venv").symlink_to(sys.prefix)

    def script(self, heading: str, number: int = 0, **other: str) -> list[str]:
        text = block(heading, number)
        for old, new in (self.other | other).items():
            text = text.replace(old, new)
        return ["bash", "-euo", "pipefail", "-c", text]

    def run(self, heading: str, number: int = 0, **other: str) -> str:
        done = subprocess.run(
            self.script(heading, number, **other), env=self.environment, capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def serving(self) -> Iterator[None]:
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(self.address, timeout=5)
        with (self.home / "log").open("a") as log:
            process = subprocess.Popen(
                self.script("Start"), env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            wait_until_it_answers(self.address, process, self.home / "log")
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=100)

    def name(self, user: str, password: str) -> dict[str, str]:
        return {
            "MLFLOW_TRACKING_URI": self.address,
            "MLFLOW_EXPERIMENT_NAME": "layers",
            "MLFLOW_TRACKING_USERNAME": user,
            "MLFLOW_TRACKING_PASSWORD": password,
        }


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Team]:
    with postgresql() as sql:
        made = Team(tmp_path_factory.mktemp("team"), sql, environment)
        made.run("Settings")
        yield made


@pytest.fixture(scope="module")
def passwords(team: Team) -> Iterator[dict[str, str]]:
    """The server as it runs, and what it let people in with."""
    with team.serving():
        yield dict(line.split() for line in team.run("People").splitlines())


@pytest.fixture
def study(
    popen: Callable[..., subprocess.Popen[str]], environment: dict[str, str], options: dict[str, str], tmp_path: Path
) -> Callable[..., subprocess.Popen[str]]:
    def start(variables: dict[str, str]) -> subprocess.Popen[str]:
        given = options | {
            "seeds": "0,7",
            "epochs": "1",
            "target_val_acc": "none",
            "threads": "1",
            "data_dir": str(tmp_path),
        }
        return popen(
            *(sys.executable, "-m", "pipeline", "study", *(f"--{name}={value}" for name, value in given.items())),
            cwd=ROOT,
            env=environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start


@pytest.fixture
def client(team: Team, passwords: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> mlflow.MlflowClient:
    """A client with the password of the one who may write."""
    for name, value in team.name("ada", passwords["ada"]).items():
        monkeypatch.setenv(name, value)
    return mlflow.MlflowClient(team.address)


def runs(client: mlflow.MlflowClient, kind: str) -> list:
    found = client.search_runs([client.get_experiment_by_name("layers").experiment_id])
    return [run for run in found if run.data.tags["layerwise.kind"] == kind]


def test_the_packages_are_the_project_s() -> None:
    pins = re.findall(r'"([\w\[\]]+==[\d.]+)"', block("Packages"))
    known = (ROOT / "conda.yaml").read_text() + (ROOT / "requirements-dev.txt").read_text()
    assert len(pins) == 3
    assert all(pin.replace("mlflow[auth]", "mlflow") in known for pin in pins)


def test_backup_gc_restore_and_upgrade(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts the server itself, so it stands before those that want it running."""

    def admin() -> mlflow.MlflowClient:
        settings = (team.home / "server" / "settings").read_text()
        password = re.search(r'ADMIN_PASSWORD="(.*)"', settings)[1]
        for name, value in team.name("admin", password).items():
            monkeypatch.setenv(name, value)
        return mlflow.MlflowClient(team.address)

    with team.serving():
        run = admin().create_run(admin().create_experiment("kept"))
        admin().log_text(run.info.run_id, "what it holds", "file.txt")
        team.run("Backup")
        admin().delete_run(run.info.run_id)
        team.run("Deleted runs", **{"30d": "0s"})
        with pytest.raises(mlflow.MlflowException, match="not found"):
            admin().get_run(run.info.run_id)
        assert not list((team.home / "server" / "artifacts").rglob("file.txt"))
    team.run("Backup", 1)
    team.run("Another version of MLflow")
    with team.serving():
        assert admin().get_run(run.info.run_id).info.lifecycle_stage == "active"
        assert Path(admin().download_artifacts(run.info.run_id, "file.txt")).read_text() == "what it holds"


@pytest.mark.parametrize(
    ("user", "said"),
    [("nobody", "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"), ("kim", "the permission EDIT")],
)
def test_a_user_without_write_permission_gets_one_line(
    user: str, said: str, team: Team, passwords: dict[str, str], study: Callable, client: mlflow.MlflowClient
) -> None:
    process = study(team.name(user, passwords.get(user, "")))
    _out, err = process.communicate(timeout=600)
    assert process.returncode == 2
    assert err.startswith(
        (f"error: the tracking store {team.address} cannot be used", "error: the run AlexNet-tiny is refused")
    )
    assert said in err
    assert len(err.splitlines()) == 1
    assert runs(client, "study") == []


def test_two_studies_at_once_share_the_seeds_and_the_numbers_are_those_of_sqlite(
    team: Team, passwords: dict[str, str], study: Callable, client: mlflow.MlflowClient, tmp_path: Path
) -> None:
    local = f"sqlite:///{tmp_path}/local.db"
    ada = team.name("ada", passwords["ada"])
    processes = [study(ada), study(ada), study({"MLFLOW_TRACKING_URI": local, "MLFLOW_EXPERIMENT_NAME": "layers"})]
    printed = [process.communicate(timeout=600) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], printed
    assert all(run.data.tags["layerwise.seeds"] == "2 of 2" for run in runs(client, "study"))
    seeds, others = (sorted(runs(at, "seed"), key=by_seed) for at in (client, mlflow.MlflowClient(local)))
    assert [by_seed(run) for run in seeds] == ["0", "7"], "each was trained once"
    for seed, other in zip(seeds, others, strict=True):
        assert seed.info.artifact_uri.startswith("mlflow-artifacts:")
        assert history(client, seed) == history(mlflow.MlflowClient(local), other) != []


def by_seed(run: mlflow.entities.Run) -> str:
    return run.data.params["seed"]


def history(client: mlflow.MlflowClient, run: mlflow.entities.Run) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, RWC)]


@pytest.mark.usefixtures("passwords")
def test_a_request_for_another_host_is_refused(team: Team) -> None:
    request = urllib.request.Request(f"{team.address}/api/2.0/mlflow/experiments/search", headers={"Host": "evil.org"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=10)
