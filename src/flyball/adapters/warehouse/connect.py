"""Asks a warehouse: a connection that only reads, rows in batches, and errors that show no more of an address than must be."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from flyball.core.errors import DataError, SpecError, StoreError, UnsupportedError

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine
    from sqlalchemy.engine import URL

BATCH = 20_000
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_EXTRAS = {"psycopg": "flyball[postgres]"}


class Asked:
    """A query on its way: the names of its columns, and its rows, batch by batch."""

    def __init__(self, columns: tuple[str, ...], batches: Iterator[Sequence[Sequence[object]]]) -> None:
        self.columns = columns
        self.batches = batches


@contextmanager
def asked(query: str, *, address: str, called: str, file: str) -> Iterator[Asked]:
    """The answer to a query. `called`: what the address is called in messages, which never hold it; `file`: where the query stands.

    StoreError if there is no connection, or none any more; DataError if the query is refused. Nothing the query does is committed.
    """
    url = database_url(address, called)
    engine = _engine(url, called)
    try:
        with _connected(engine, url, called) as connection:
            seen, result = 0, None
            try:
                result = _execute(connection, query, url)
                columns = tuple(str(name) for name in result.keys())  # noqa: SIM118 - a result is no dict

                def batches() -> Iterator[Sequence[Sequence[object]]]:
                    nonlocal seen
                    assert result is not None
                    for rows in result.partitions(BATCH):
                        seen += len(rows)
                        yield rows

                yield Asked(columns, batches())
            except Exception as error:  # noqa: BLE001 - told apart below: drivers have errors of their own
                raise _told(error, url, called=called, file=file, seen=seen) from None
            finally:
                if result is not None:
                    with suppress(Exception):  # the connection may be lost, which has been told
                        result.close()
    finally:
        engine.dispose()


def database_url(address: str, called: str) -> "URL":
    """An address as SQLAlchemy understands it, with the driver that Flyball brings. SpecError, which never repeats it, if it is none."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(address)
    except (ArgumentError, ValueError):  # their texts repeat the address
        url = None
    if url is None or "@" in (url.host or ""):  # a part of the password, which drivers would look up and tell as the name of a host
        raise SpecError(
            f"what {called} holds is no address of a database",
            hint="postgresql://user:password@host/database (@ : / % of a password as %40 %3A %2F %25), sqlite:////path/of.db",
        ) from None
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))


def _engine(url: "URL", called: str) -> "Engine":
    from sqlalchemy import create_engine
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    try:
        return create_engine(url, poolclass=NullPool, hide_parameters=True)
    except NoSuchModuleError:
        raise SpecError(
            f"{called} names a kind of database that SQLAlchemy does not know here: {url.drivername}",
            hint="install its dialect, such as `pip install snowflake-sqlalchemy`, or correct the address",
        ) from None
    except ModuleNotFoundError as error:
        wanted = _EXTRAS.get(error.name or "", error.name or "its driver")
        raise UnsupportedError(f"{url.drivername} needs {error.name}", hint=f"pip install '{wanted}'") from None
    except SQLAlchemyError as error:
        raise SpecError(f"{called} cannot be used: {without_secret(error, url)}", hint="correct the address in that variable") from None


@contextmanager
def _connected(engine: "Engine", url: "URL", called: str) -> Iterator["Connection"]:
    try:
        connection = engine.connect()
    except Exception as error:  # noqa: BLE001 - drivers have errors of their own, whose traces show the address
        raise StoreError(
            f"the warehouse that {called} names does not let us in: {without_secret(error, url)}",
            hint=f"is it up, and are host, user, password and database in {called} right?",
        ) from None
    try:
        yield connection
    finally:
        try:
            connection.close()
        except Exception:  # noqa: BLE001 - it is lost, which has been told
            connection.invalidate()


def _execute(connection: "Connection", query: str, url: "URL") -> "CursorResult[Any]":
    if url.get_backend_name() == "sqlite":  # where some statements are committed as they run
        connection.exec_driver_sql("PRAGMA query_only = ON")
    options: dict[str, Any] = {"stream_results": True, "yield_per": BATCH, "no_parameters": True}
    if url.get_backend_name() == "postgresql":
        options |= {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
    return connection.execution_options(**options).exec_driver_sql(query)


def _told(error: Exception, url: "URL", *, called: str, file: str, seen: int) -> Exception:
    """Our words for what went wrong after the connection stood; what is no driver's error stays as it is."""
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ResourceClosedError

    if isinstance(error, ResourceClosedError):
        return DataError(f"{file} gives no rows: it is no query", hint="write one SELECT")
    if not isinstance(error, DBAPIError):
        return error
    words = without_secret(error, url)
    lost = isinstance(error, OperationalError | InterfaceError) and url.get_backend_name() != "sqlite"
    if error.connection_invalidated or lost:
        return StoreError(
            f"the warehouse that {called} names broke off after {seen} rows: {words}",
            hint="nothing was changed: the rows of the last time are still there; try again",
        )
    return DataError(f"{file} was refused by the warehouse: {words}", hint="try the query by hand; it must be one SELECT")


def without_secret(error: Exception, url: "URL") -> str:
    """The first line of what a driver says, without the password and the address, however they are written there."""
    text = str(getattr(error, "orig", None) or error).strip().split("\n")[0][:400]
    password = url.password or ""
    hidden = [url.render_as_string(hide_password=False), password, quote(password, safe=""), quote_plus(password)]
    hidden += [str(value) for pair in url.query.values() for value in ([pair] if isinstance(pair, str) else pair)]
    for part in sorted({part for part in hidden if part}, key=len, reverse=True):
        text = text.replace(part, "…")
    return text
