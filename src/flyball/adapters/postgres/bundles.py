"""Bundles shared by all machines: kept in the database in pieces, and in a verified copy on each machine that uses them."""

import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from flyball.adapters.local.bundles import LocalBundles
from flyball.adapters.postgres.database import Connection, Database
from flyball.core.errors import IntegrityError, NotFoundError, StoreError

_PIECE = 4 * 1024 * 1024
"""Bytes of a file that stand in one row."""
_COPY = "COPY bundle_pieces (digest, name, piece, content) FROM STDIN (FORMAT BINARY)"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}(/[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}){0,15}")


class SharedBundles:
    """The port `BundleStore`: what a machine has not got yet it fetches, so that it needs neither MLflow nor a disk that others see.

    Bytes from the database are trusted as little as any others: the local store verifies them against the signature before they get
    their name. All machines sign and verify with one key. `scratch`: a folder on the disk of the local store.
    """

    def __init__(self, database: Database, local: LocalBundles, *, scratch: Path) -> None:
        self._database = database
        self._local = local
        self._scratch = scratch

    def put(self, folder: Path) -> str:
        """Keep a copy of a complete, signed bundle folder here and for all machines, all or nothing; give its digest."""
        digest = self._local.put(folder)
        self.share(digest)
        return digest

    def path(self, digest: str) -> Path:
        """The folder of a bundle on this machine, verified; fetched first if it is not here. A copy that is not sound is refused."""
        try:
            return self._local.path(digest)
        except NotFoundError:
            if not self._fetch(digest):
                raise
        return self._local.path(digest)

    def share(self, digest: str) -> None:
        """Let all machines have a bundle that is here; nothing if they have it."""
        folder = self._local.path(digest)
        with self._database.write(f"bundle {digest}") as connection:
            if connection.execute("SELECT 1 FROM bundles WHERE digest = %s", (digest,)).fetchone():
                return
            connection.execute("INSERT INTO bundles (digest) VALUES (%s)", (digest,))
            with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.set_types(["text", "text", "int4", "bytea"])
                for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                    for number, content in enumerate(_pieces(path)):
                        copy.write_row((digest, path.relative_to(folder).as_posix(), number, content))

    def shared(self) -> list[str]:
        """The digests of what all machines can have, oldest first."""
        with self._database.read() as connection:
            return [digest for (digest,) in connection.execute("SELECT digest FROM bundles ORDER BY kept_at, digest")]

    def _fetch(self, digest: str) -> bool:
        """Get a bundle from the database; False if it is not there."""
        fresh = self._scratch / f".fetched.{digest[:16]}.{secrets.token_hex(8)}"
        try:
            with self._database.read() as connection:
                if not connection.execute("SELECT 1 FROM bundles WHERE digest = %s", (digest,)).fetchone():
                    return False
                fresh.mkdir(parents=True)
                _write(connection, digest, fresh)
            if self._local.put(fresh) != digest:
                raise IntegrityError(f"the bundle {digest[:12]} in {self._database.place} is another than its name says")
        except OSError as error:
            raise StoreError(
                f"the bundle {digest[:12]} cannot be written to {self._scratch}: {error.strerror or error}",
                hint="allow this user to write there, and free some space",
            ) from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return True


def _write(connection: Connection, digest: str, folder: Path) -> None:
    """Write the files of a bundle, a piece at a time."""
    names = connection.execute("SELECT DISTINCT name FROM bundle_pieces WHERE digest = %s ORDER BY name", (digest,)).fetchall()
    for (name,) in names:
        if not _NAME.fullmatch(name):
            raise IntegrityError(f"the bundle {digest[:12]} in the database holds a file that no bundle has: {name[:80]!r}")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            number = 0
            while True:
                row = connection.execute(
                    "SELECT content FROM bundle_pieces WHERE digest = %s AND name = %s AND piece = %s", (digest, name, number), binary=True
                ).fetchone()
                if row is None:
                    break
                file.write(row[0])
                number += 1


def _pieces(path: Path) -> Iterator[bytes]:
    """A file in pieces; an empty one has one, which is empty."""
    with path.open("rb") as file:
        yield file.read(_PIECE)
        while content := file.read(_PIECE):
            yield content
