"""Where load is measured: a real server over a real PostgreSQL, what is in its tables, and who is busy."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.request import Request, urlopen

import psutil
from sqlalchemy import Connection, NullPool, create_engine, text

from benchmarks.load.crowd import Answer, Crowd
from benchmarks.postgresql import Postgresql, postgresql
from benchmarks.report import ROOT
from benchmarks.server import Server

MAKERS = 8  # requests at once that make the runs
CONNECTIONS = 400  # that PostgreSQL takes
SETTLE_SECONDS, IDLE_SECONDS, IDLE_CORES = 60, 2, 0.1
SIZES = """
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


class Place(NamedTuple):
    """A folder for artifacts, and a database that servers with more or fewer workers use one after another."""

    folder: Path
    sql: Postgresql
    store: str

    @contextmanager
    def serving(self, workers: int, pool: int = 0, loop: str = "auto") -> Iterator[Server]:
        """Serve, with so many connections a worker, or MLflow's own number; one that hangs is ended as well."""
        pools = {"MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": str(pool)} if pool else {}
        server = Server(self.folder, os.environ | pools, self.store, workers=workers, loop=loop)
        try:
            self._settle(server)
            yield server
        finally:
            server.end(signal.SIGKILL)

    def _settle(self, server: Server) -> None:
        """Wait until a server that has just started has nothing left to do by itself."""
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until:
            busy = Busy(server, self.sql)
            time.sleep(IDLE_SECONDS)
            if busy.cores()["server"] < IDLE_CORES:
                return

    def rows(self) -> dict[str, int]:
        """Return the rows of each table that has any."""
        with self._connection() as connection:
            tables = [name for name, _size in connection.execute(text(SIZES))]
            counts = {name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in tables}
        return {name: count for name, count in counts.items() if count}

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each table with its indices, as they are on disk."""
        with self._connection() as connection:
            return {row[0]: row[1] for row in connection.execute(text(SIZES))}

    def _connection(self) -> Connection:
        return create_engine(self.store, poolclass=NullPool).connect()


@contextmanager
def place() -> Iterator[Place]:
    with TemporaryDirectory() as folder, postgresql(CONNECTIONS) as sql:
        yield Place(Path(folder), sql, sql.database("mlflow"))


def make_runs(server: Server, count: int) -> list[str]:
    """Return the ids of so many new runs."""

    def make(number: int) -> str:
        content = {"experiment_id": "0", "run_name": f"seed-{number}", "start_time": time.time_ns() // 1_000_000}
        request = Request(
            f"{server.address}/api/2.0/mlflow/runs/create",
            json.dumps(content).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=100) as answer:
            run_id: str = json.load(answer)["run"]["info"]["run_id"]
            return run_id

    with ThreadPoolExecutor(MAKERS) as threads:
        return list(threads.map(make, range(count)))


def send(crowd: Crowd, processes: int = 1) -> list[Answer]:
    """Have so many processes send what a crowd sends; return when all of it is answered."""
    parts = [crowd._replace(runs=crowd.runs[number::processes]) for number in range(processes)]
    with ThreadPoolExecutor(processes) as threads:
        return [answer for answers in threads.map(_send_apart, parts) for answer in answers]


def _send_apart(crowd: Crowd) -> list[Answer]:
    command = [sys.executable, "-m", "benchmarks.load.crowd"]
    done = subprocess.run(
        command, input=json.dumps(crowd._asdict()), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [Answer(*each) for each in json.loads(done.stdout)]


class Busy:
    """Seconds of processor time of the server, of PostgreSQL and of the whole machine, since it was made."""

    def __init__(self, server: Server, sql: Postgresql) -> None:
        self.roots = {"server": server.process.pid, "PostgreSQL": sql.server.get_pid()}
        self.began, self.before = time.time(), self._seconds()

    def cores(self) -> dict[str, float]:
        """Return how many cores each kept busy, in the mean."""
        elapsed, now = time.time() - self.began, self._seconds()
        return {name: round((now[name] - self.before[name]) / elapsed, 2) for name in now}

    def _seconds(self) -> dict[str, float]:
        whole = psutil.cpu_times()
        by_tree = {name: sum(map(_of_process, _tree(pid))) for name, pid in self.roots.items()}
        return by_tree | {"the machine": sum(whole[:8]) - whole.idle - whole.iowait}


def _tree(pid: int) -> Sequence[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def _of_process(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)  # of those that ended
