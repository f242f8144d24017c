"""Seeds are recorded and simulated: what they send reaches a real database, and the arithmetic is that of a person."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from benchmarks.load import plan, storage
from benchmarks.load.crowd import RUN, Crowd, Template, send_all
from benchmarks.load.place import Place, place
from benchmarks.load.proxy import recording
from benchmarks.load.recording import EPOCHS, Seed, record
from benchmarks.load.saturation import Case, measure
from benchmarks.load.tables import in_units

SMALL, LAYERS, GROUPS, SCALARS = "examples/own_network.py:SmallNet", 5, 2, 5


class Stub(BaseHTTPRequestHandler):
    """Answers what it is sent, and that a path is wrong."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(400 if "wrong" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Stub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_each_run_sends_the_cycle_in_its_own_name_with_the_epoch_counted(port: int) -> None:
    metrics = Template("metrics", "POST", "/log", '{"metrics": [{"key": "a", "value": 1}], "run_id": ""}', 0, True)
    tags = Template("tags", "POST", f"/wrong/{RUN}", f'{{"run_id": "{RUN}"}}', 0, False)
    upload = Template("upload", "POST", f"/file/{RUN}", "", 3000, False)
    with recording(port) as (address, requests):
        proxied = int(address.rpartition(":")[2])
        answers = send_all(Crowd(proxied, ["one", "two"], [metrics, tags, upload], step=10, rounds=2))
    assert sorted((answer.name, answer.status) for answer in answers) == sorted(
        4 * [("metrics", 200)] + 4 * [("tags", 400)] + 4 * [("upload", 200)]
    )
    assert {answer.said for answer in answers if answer.status == 400} == {'{"run_id": "one"}', '{"run_id": "two"}'}
    sent = [request.body.decode() for request in requests if request.path == "/log"]
    assert sorted(("one" in body, step) for body in sent for step in (11, 12) if f'"step": {step}' in body) == [
        (False, 11),
        (False, 12),
        (True, 11),
        (True, 12),
    ]
    assert [request.size for request in requests if request.path.startswith("/file/")] == 4 * [3000]


def test_a_server_that_is_not_there_is_an_error_and_no_end(port: int) -> None:
    nowhere = Crowd(1, ["one"], [Template("tags", "POST", "/", "{}", 0, False)], step=0, rounds=2)
    assert [(answer.status, answer.said) for answer in send_all(nowhere)] == 2 * [(0, "ConnectionRefusedError")]
    assert [answer.status for answer in send_all(nowhere._replace(port=port))] == [200, 200]


def test_seeds_that_a_server_carries_are_those_that_send_what_it_answers() -> None:
    def case(requests: float, epochs: float, every: int, seeds: int = 100) -> dict[str, object]:
        return {
            "seeds": seeds,
            "workers": 4,
            "pool": 50,
            "checkpoint_every": every,
            "proxied": True,
            "requests_a_second": requests,
            "epochs_a_second": epochs,
        }

    found = {
        "load": {
            "measured": [
                case(500, 50, 1, seeds=10),
                case(121, 20, 1),
                case(90, 50, plan.EVERY),
                {**case(999, 1, 1), "pool": 0},
            ]
        },
        "uploads": {"rates": [{"bytes_a_second": 50e6}, {"bytes_a_second": 100e6}]},
        "files": {"networks": [{"model": plan.UPLOADED, "checkpoint": 200e6}]},
    }
    # of 60 x 121 requests a minute an epoch takes 121 / 20, or 121 / 50 with fewer checkpoints; heartbeats 2, samples 6
    assert plan.seeds(found, 60) == [int(60 * 121 / each) for each in (6.05 + 2 + 6, 6.05 + 2, 2.42 + 2)] + [30, 300]


@pytest.mark.parametrize(
    ("size", "text"), [(12, "12 B"), (137.2e6, "137 MB"), (1.24e12, "1.24 TB"), (999.7e3, "1,000 kB")]
)
def test_sizes_have_three_digits(size: float, text: str) -> None:
    assert in_units(size) == text


@pytest.fixture(scope="module")
def there() -> Iterator[Place]:
    with place() as made:
        yield made


@pytest.fixture(scope="module")
def seed(there: Place, tmp_path_factory: pytest.TempPathFactory) -> Seed:
    folder: Path = tmp_path_factory.mktemp("seed")
    with there.serving(workers=1) as server:
        return record(server, folder, SMALL)


@pytest.mark.slow
def test_what_a_real_seed_sends_is_sorted_by_its_life(seed: Seed) -> None:
    rows = {(row["part"], row["route"]): row for row in seed.table()}
    assert len(seed.epochs) == EPOCHS
    epoch = rows["an epoch", "POST /2.0/mlflow/runs/log-batch"]
    assert (epoch["requests"], epoch["points"]) == (2, LAYERS + GROUPS + SCALARS)
    assert rows["an epoch", "PUT /2.0/mlflow-artifacts/<path>"]["requests"] == 3
    assert rows["at its start", "POST /2.0/mlflow/runs/create"]["requests"] == 1
    assert rows["at its end", "POST /2.0/mlflow/logged-models"]["requests"] == 1
    assert rows["system metrics", "POST /2.0/mlflow/runs/log-batch"]["points"] > 0
    assert rows["heartbeat", "POST /2.0/mlflow/runs/set-tag"]["requests"] == 1


@pytest.mark.slow
def test_every_point_that_was_answered_is_in_the_database(there: Place, seed: Seed) -> None:
    before = there.rows()["metrics"]
    found = list(measure(there, seed, [Case(4, workers=1), Case(2, workers=1, checkpoint_every=3)], 2, 1000))
    assert [each["errors"] for each in found] == [{}, {}]
    assert all(each["requests_a_second"] > each["epochs_a_second"] > 0 for each in found)
    assert all(each["points_sent"] == each["points_stored"] > 0 for each in found)
    assert there.rows()["metrics"] - before == sum(each["points_sent"] for each in found)
    assert all(0 < each["median_seconds"] <= each["p95_seconds"] for each in found)


@pytest.mark.slow
def test_rows_of_a_seed_are_its_points(there: Place, seed: Seed) -> None:
    found = storage.measure(there, seed, seeds=2, epochs=3)
    points = LAYERS + GROUPS + SCALARS
    assert (found["rows"]["metrics"], found["rows"]["latest_metrics"]) == (3 * points, points)
    assert found["rows"]["runs"] == 1
    assert found["bytes"] > 0
