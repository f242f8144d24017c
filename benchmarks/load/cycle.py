"""The requests of a recorded seed as those of any: with another run's id, and checkpoints that a thousand can send."""

from collections.abc import Sequence

from benchmarks.load.crowd import RUN, Template
from benchmarks.load.proxy import Request
from benchmarks.load.recording import Seed, points, route

EPOCHS = 150  # of a seed, as in params.yaml; its tables are sent at half their length, as on average
METRICS = "metrics of an epoch"


def cycle(seed: Seed, *, checkpoint_bytes: int, every: int = 1, proxied: bool = True) -> list[Template]:
    """Return the requests of so many epochs with one checkpoint among them.

    Where artifacts are not `proxied`, uploads go past the server.
    """
    last, before = seed.epochs[-1], {each.path: each.size for each in seed.epochs[-2]}
    with_checkpoint = [
        _template(seed, each, _size(each, before, checkpoint_bytes))
        for each in last
        if proxied or "mlflow-artifacts" not in each.path
    ]
    return (every - 1) * [each for each in with_checkpoint if each.metrics] + with_checkpoint


def start(seed: Seed) -> list[Template]:
    """Return what a seed writes of itself into the database at its start: params, tags, inputs."""
    return [
        _template(seed, each, 0)
        for each in seed.parts["at its start"]
        if each.method == "POST" and seed.run_id.encode() in each.body
    ]


def system_metrics(seed: Seed) -> list[Template]:
    """Return a sample of the system metrics."""
    return [_template(seed, each, 0) for each in seed.parts["system metrics"]]


def uploads(size: int) -> list[Template]:
    """Return the uploads of a checkpoint of so many bytes, to the two slots in turn."""
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{RUN}/artifacts/checkpoints/slot-"
    return [Template("upload", "PUT", f"{path}{slot}.pt", "", size, False) for slot in "ab"]


def points_of(templates: Sequence[Template]) -> int:
    """Return the metric points of an epoch."""
    return next(each.body.count('"key"') for each in templates if each.metrics)


def _template(seed: Seed, request: Request, size: int) -> Template:
    path = request.path.replace(seed.run_id, RUN)
    upload = request.method == "PUT"
    metrics = points(request) > 0
    name = METRICS if metrics else route(request)
    body = "" if upload else request.body.decode().replace(seed.run_id, RUN)
    return Template(name, request.method, path, body, size if upload else 0, metrics)


def _size(request: Request, before: dict[str, int], checkpoint_bytes: int) -> int:
    """Return the bytes of an upload: tables grow by the epoch, a checkpoint is that of a small network."""
    if request.path.endswith(".pt"):
        return min(checkpoint_bytes, request.size)
    growth = request.size - before.get(request.path, 0)
    return max(1, growth) * EPOCHS // 2
