"""What a seed of each network uploads and leaves on disk, from the real files; and how fast a server takes them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time
from typing import Any

import mlflow
import numpy as np
import torch
from torch import Generator, nn
from torch.nn.functional import cross_entropy

from benchmarks.aggregation import synthetic_report
from benchmarks.load.crowd import Crowd
from benchmarks.load.cycle import EPOCHS, uploads
from benchmarks.load.place import Place, make_runs, send
from benchmarks.setup import optimizer
from data.moments import Moments
from models import ARCHITECTURES
from pipeline.measure.tracker import copy_of, layer_weights
from pipeline.tracking.checkpoints import INITIAL, SLOTS
from pipeline.tracking.logged_models import EXAMPLES, log_model
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.runs import open_run
from pipeline.tracking.seed_log import SeedLog
from pipeline.training.best import Best
from pipeline.training.checkpoint import Learner
from pipeline.training.export import Classifier

NETWORKS = ("AlexNet", "VGG19", "ResNet18", "Xception")
SHAPE, CLASSES = (32, 32, 3), [str(number) for number in range(10)]
UPLOADERS = (1, 4)
POOL_AND_WORKERS = (50, 4)


class Files(Outbox):
    """An outbox without metrics."""

    def add_metrics(self, _metrics: Mapping[str, float], step: int) -> None:
        """Leave them out: files alone are measured."""


def measure_files(name: str) -> dict[str, Any]:
    """Return the bytes of the files that a seed of a network has after its last epoch on CIFAR-10."""
    with TemporaryDirectory() as folder:
        root = Path(folder) / "artifacts"
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        try:
            experiment = mlflow.create_experiment("files", root.as_uri())
            _write(name, Path(folder), mlflow.MlflowClient().create_run(experiment).info.run_id)
        finally:
            mlflow.set_tracking_uri(before)
        files = {path: path.stat().st_size for path in root.rglob("*") if path.is_file()}
    whole = {kind: sum(size for path, size in files.items() if _is(kind, path)) for kind in ("slot", INITIAL, ".csv")}
    checkpoint, tables = whole["slot"] // len(SLOTS), whole[".csv"]
    total = sum(files.values())
    return {
        "model": name,
        "checkpoint": checkpoint,
        "initial": whole[INITIAL],
        "tables": tables,
        "best_model": total - sum(whole.values()),
        "on_disk": total,
        # the tables, in the checkpoint and beside it, grow by the epoch
        "uploaded": EPOCHS * (checkpoint - tables) + tables * (EPOCHS + 1) + total - whole["slot"] - tables,
    }


def _is(kind: str, path: Path) -> bool:
    return path.name.endswith(".csv") if kind == ".csv" else path.name.startswith(kind)


def _write(name: str, folder: Path, run_id: str) -> None:
    """Write what a seed writes, by the code that writes it: the tables are of made-up numbers, of a real length."""
    torch.manual_seed(0)
    network = ARCHITECTURES[name].build(input_channels=SHAPE[2], num_classes=len(CLASSES))
    learner = _after_a_step(network)
    grouped = ARCHITECTURES[name].grouped(list(learner.start))
    draws = np.random.default_rng(0)
    with open_run("seed", "files", run_id=run_id) as run:
        log = SeedLog(run, Files(run, folder), grouped.group_of)
        log.save({INITIAL: network.state_dict()})
        for epoch in range(1, EPOCHS + 1):
            report = synthetic_report(epoch, list(learner.start), draws)
            learner.best.update(report, network)
            slots = {SLOTS[epoch % 2]: learner.state(epoch)} if epoch > EPOCHS - len(SLOTS) else {}
            log.log_epoch(report, slots)
        images = np.zeros((EXAMPLES, *SHAPE), np.uint8)
        classifier = Classifier(network, Moments([0.5] * SHAPE[2], [0.25] * SHAPE[2]))
        log_model(run, classifier, images, classes=CLASSES, epoch=EPOCHS)


def _after_a_step(network: nn.Module) -> Learner:
    """Return a learner whose momentum is there to be saved."""
    sgd, start = optimizer(network), copy_of(layer_weights(network))
    cross_entropy(network(torch.zeros(2, SHAPE[2], *SHAPE[:2])), torch.zeros(2, dtype=torch.int64)).backward()
    sgd.step()
    return Learner(network, sgd, Generator(), Best(), start)


def measure_uploads(place: Place, size: int, seconds: float) -> Iterator[dict[str, float]]:
    """Yield how many bytes a second a server takes, of checkpoints of that size, from one seed and from several."""
    pool, workers = POOL_AND_WORKERS
    with place.serving(workers, pool) as server:
        runs = make_runs(server, max(UPLOADERS))
        for count in UPLOADERS:
            began = time()
            answers = send(Crowd(server.port, runs[:count], uploads(size), 0, until=began + seconds))
            elapsed = max(answer.ended for answer in answers) - began
            good = sum(answer.status == 200 for answer in answers)
            yield {"uploaders": count, "bytes": size, "bytes_a_second": good * size / elapsed, "uploads": good}
