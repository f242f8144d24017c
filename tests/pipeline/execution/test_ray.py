"""Sweeps on a real Ray cluster: several raylets on this machine, one of which is killed, as is the driver."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import psutil
import pytest
from mlflow.entities import Run
from ray.cluster_utils import Cluster

ROOT = Path(__file__).parents[3]
NETWORKS = """
from torch import nn

def net(width, input_channels, num_classes):
    conv = nn.Conv2d(input_channels, width, 3, stride=2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Dropout(0.1), nn.Linear(width, num_classes))

def Narrow(input_channels, num_classes):
    return net(4, input_channels, num_classes)

def Wide(input_channels, num_classes):
    return net(8, input_channels, num_classes)
"""
SEEDS = 8

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head that trains nothing, and three nodes with a CPU each."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(3):
        made.add_node(num_cpus=1)
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory, tiny_npz: Path) -> list[str]:
    """The options of a sweep of two networks and two data sets with two seeds, some seconds each."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "networks.py").write_text(NETWORKS)
    arrays = dict(np.load(tiny_npz))
    np.savez(
        folder / "inverse.npz", **{name: 255 - array if name[0] == "x" else array for name, array in arrays.items()}
    )
    models = ",".join(f"{folder}/networks.py:{name}" for name in ("Narrow", "Wide"))
    given = {"model_name": models, "dataset": f"{tiny_npz},{folder}/inverse.npz", "seeds": "0,7", "epochs": 24}
    given |= {"batch_size": 16, "lr": 0.05, "threads": 1, "target_val_acc": "none", "precision": "fp32"}
    given |= {"checkpoint_every": 1}
    return [f"--{name}={value}" for name, value in given.items()]


@pytest.fixture
def start(
    popen: Callable[..., subprocess.Popen[str]], store: str, environment: dict[str, str], sweep: list[str]
) -> Callable[..., subprocess.Popen[str]]:
    """Return a starter of the sweep with this test's store."""

    def start_sweep(*options: str, **variables: str) -> subprocess.Popen[str]:
        return popen(
            *(sys.executable, "-m", "pipeline", "sweep", *sweep, *options),
            cwd=ROOT,
            env=environment | {"MLFLOW_TRACKING_URI": store} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start_sweep


@pytest.fixture
def on_ray(start: Callable, cluster: Cluster) -> Callable[..., subprocess.Popen[str]]:
    return lambda *options: start("--executor=ray", f"--ray_address={cluster.address}", *options)


@pytest.fixture
def one(sweep: list[str], tiny_npz: Path) -> list[str]:
    """The options that leave one study of the sweep."""
    return [sweep[0].partition(",")[0], f"--dataset={tiny_npz}"]


def runs(kind: str) -> list[Run]:
    return mlflow.MlflowClient().search_runs(["0"], f"tags.`layerwise.kind` = '{kind}'")


def histories() -> dict[tuple[str, ...], list[tuple[int, float]]]:
    """Return every metric of every seed of which time is no part."""
    client = mlflow.MlflowClient()
    found = {}
    for run in runs("seed"):
        of = tuple(run.data.params[name] for name in ("model_name", "dataset", "seed"))
        for key in set(run.data.metrics) - {"epoch_seconds"}:
            points = client.get_metric_history(run.info.run_id, key)
            found[*of, key] = sorted((point.step, point.value) for point in points)
    assert found, "nothing is equal to nothing"
    return found


def end(process: subprocess.Popen[str], code: int = 0) -> str:
    """Wait for a sweep's end and return what it said on stderr."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == code, out + err
    return err


def await_seeds(process: subprocess.Popen[str], there_are: Callable[[list[Run]], object]) -> None:
    """Wait until the seeds' runs are as asked."""
    until = time.monotonic() + 300
    while not there_are(runs("seed")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.2)


def trained(run: Run) -> int:
    """Return the epoch of a run's newest checkpoint, or 0."""
    said = [value.split()[1] for tag, value in run.data.tags.items() if tag.startswith("layerwise.checkpoint")]
    return max(map(int, said), default=0)


def in_the_middle(seeds: list[Run]) -> list[Run]:
    return [run for run in seeds if run.info.status == "RUNNING" and 3 <= trained(run) <= 12]


def assert_whole() -> None:
    """Assert that a sweep, its studies and its seeds are finished, each seed in one run."""
    (sweep,) = (run for run in runs("sweep") if run.info.status == "FINISHED")
    studies = [run for run in runs("study") if run.data.tags["mlflow.parentRunId"] == sweep.info.run_id]
    assert [run.info.status for run in studies] == ["FINISHED"] * 4
    seeds = runs("seed")
    assert [run.info.status for run in seeds] == ["FINISHED"] * SEEDS
    assert {run.data.tags["mlflow.parentRunId"] for run in seeds} == {run.info.run_id for run in studies}


@pytest.fixture(scope="module")
def undisturbed() -> dict[tuple[str, ...], list[tuple[int, float]]]:
    """What the first test has found, and the others compare with."""
    return {}


def test_a_sweep_on_this_machine(start: Callable, undisturbed: dict) -> None:
    end(start())
    assert_whole()
    undisturbed |= histories()
    assert len({key[:3] for key in undisturbed}) == SEEDS


def test_a_cluster_gives_the_same_bits(on_ray: Callable, undisturbed: dict) -> None:
    assert end(on_ray()) == ""
    assert_whole()
    assert histories() == undisturbed


def test_mlflow_run_s_own_run_is_the_sweep_s_alone_on_a_cluster_that_is_started_for_it(
    start: Callable, one: list[str], undisturbed: dict
) -> None:
    """The workers of such a cluster inherit the variables of the process that `mlflow run` has started."""
    own = mlflow.MlflowClient().create_run("0").info.run_id
    end(start("--executor=ray", *one, MLFLOW_RUN_ID=own))
    assert [(run.info.run_id, run.info.status) for run in runs("sweep")] == [(own, "FINISHED")]
    assert [run.info.status for run in runs("seed")] == ["FINISHED"] * 2
    assert histories().items() <= undisturbed.items()


def test_a_node_that_is_lost_costs_nothing(on_ray: Callable, cluster: Cluster, undisturbed: dict) -> None:
    """The killed seed goes on elsewhere from its checkpoint, in its own run."""
    process = on_ray()
    await_seeds(process, in_the_middle)
    (run, *_others) = in_the_middle(runs("seed"))
    worker = psutil.Process(int(run.data.tags["layerwise.pid"]))
    raylets = {info.process.pid: node for node in cluster.worker_nodes for info in node.all_processes["raylet"]}
    (lost,) = {parent.pid for parent in worker.parents()} & set(raylets)
    cluster.remove_node(raylets[lost], allow_graceful=False)
    end(process)
    cluster.add_node(num_cpus=1)  # not before: on one machine it clears the folder that holds the nodes' code
    assert_whole()
    assert histories() == undisturbed
    (again,) = (other for other in runs("seed") if other.info.run_id == run.info.run_id)
    assert again.data.tags["layerwise.pid"] != run.data.tags["layerwise.pid"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_is_ended_costs_nothing(
    on_ray: Callable, one: list[str], undisturbed: dict, number: signal.Signals
) -> None:
    """SIGTERM is what a node sends that is needed for something else."""
    process = on_ray(*one)
    await_seeds(process, in_the_middle)
    (run, *_others) = in_the_middle(runs("seed"))
    os.kill(int(run.data.tags["layerwise.pid"]), number)
    end(process)
    seeds = runs("seed")
    assert [seed.info.status for seed in seeds] == ["FINISHED"] * 2
    assert histories().items() <= undisturbed.items()
    (again,) = (seed for seed in seeds if seed.info.run_id == run.info.run_id)
    assert again.data.tags["layerwise.pid"] != run.data.tags["layerwise.pid"]


def test_seeds_share_a_gpu(on_ray: Callable, one: list[str], cluster: Cluster, undisturbed: dict) -> None:
    """Ray counts GPUs that nobody has, so that the rest can be tested on the CPU."""
    node = cluster.add_node(num_cpus=2, num_gpus=1)
    try:
        end(on_ray(*one, "--ray_gpus=0.5"))
    finally:
        cluster.remove_node(node)
    first, second = runs("seed")
    assert max(first.info.start_time, second.info.start_time) < min(first.info.end_time, second.info.end_time)
    assert {run.data.params["ray_gpus"] for run in (first, second)} == {"0.5"}
    assert histories().items() <= undisturbed.items()


def test_a_killed_driver_costs_nothing_but_what_was_running(on_ray: Callable, undisturbed: dict) -> None:
    """The same sweep again finishes the rest, and repeats nothing."""
    process = on_ray()
    await_seeds(process, lambda seeds: in_the_middle(seeds) and any(run.info.status == "FINISHED" for run in seeds))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    await_end_of_workers()
    finished = {run.info.run_id: run.info.end_time for run in runs("seed") if run.info.status == "FINISHED"}
    begun = {run.info.run_id: trained(run) for run in runs("seed")}
    end(on_ray())
    assert_whole()
    assert histories() == undisturbed
    after = {run.info.run_id: run.info.end_time for run in runs("seed")}
    assert finished.items() <= after.items()
    assert begun.keys() <= after.keys()
    assert sorted(run.info.status for run in runs("sweep")) == ["FINISHED", "KILLED"]


def test_ctrl_c_cancels_the_seeds_and_marks_them(on_ray: Callable) -> None:
    process = on_ray()
    await_seeds(process, in_the_middle)
    os.killpg(process.pid, signal.SIGINT)
    err = end(process, 130)
    assert err.count("Traceback") == 0
    statuses = {run.info.status for kind in ("sweep", "study", "seed") for run in runs(kind)}
    assert statuses <= {"KILLED", "FINISHED"}
    assert "KILLED" in statuses
    await_end_of_workers()


def await_end_of_workers() -> None:
    """Wait until no process is left that trains a seed."""
    tags = [run.data.tags["layerwise.pid"] for run in runs("seed")]
    pids = [int(pid) for pid in tags if pid.isdecimal()]  # an ended run names none
    until = time.monotonic() + 60
    while any(psutil.pid_exists(pid) for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.2)
