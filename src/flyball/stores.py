"""Opens the stores of a project, its own or shared ones, and says what time it is to those who keep times."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flyball.adapters.local.bundles import LocalBundles
from flyball.core.errors import StoreError
from flyball.core.record import record
from flyball.ports.history import Journal, OutcomeLog, PredictionLog, Retention
from flyball.ports.leading import Leases
from flyball.ports.serving import BundleStore, Deployments
from flyball.ports.watching import CountStore, Guards, Looks, Outbox, Reports, Traffic
from flyball.settings import Settings, signing_key

if TYPE_CHECKING:
    from flyball.adapters.held import Held


def wall_clock() -> datetime:
    """The time it is, in UTC."""
    return datetime.now(UTC)


class Opened(Protocol):
    """A database that is open."""

    def close(self) -> None:
        """Give back what it holds; the next use opens it anew."""
        ...


@record
class Stores:
    """The adapters over one project's database, its own or a shared one; cheap to open, and all a server needs."""

    database: Opened
    journal: Journal
    predictions: PredictionLog
    retention: Retention
    outcomes: OutcomeLog
    deployments: Deployments
    reports: Reports
    looks: Looks
    traffic: Traffic
    counts: CountStore
    guards: Guards
    bundles: BundleStore
    outbox: Outbox
    leases: Leases


def open_stores(settings: Settings) -> Stores:
    """Open the database of a project: the shared one that `[stores] database` names, or its own file, which is made if it is not there.

    Only the adapters that are used are imported.
    """
    return _shared_stores(settings) if settings.shared else _own_stores(settings)


class Followed:
    """The stores for who looks for long: opened at the first use, and again where somebody has put another file in the database's place.

    A file that was there and is gone is a StoreError, and not made anew: whoever moved it may be about to move it back.
    """

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._kept: tuple[tuple[int, int], Stores] | None = None

    def __call__(self) -> Stores:
        """The stores as they are now."""
        settings = self._settings()
        with self._lock:
            if self._kept is None:
                opened = open_stores(settings)
            elif settings.shared or _identity(settings.database) == self._kept[0]:
                return self._kept[1]
            else:
                self._kept[1].database.close()
                opened = open_stores(settings)
            self._kept = ((0, 0) if settings.shared else _identity(settings.database), opened)
            return opened


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise StoreError(f"the database {path} is not there any more: {error.strerror}", hint="move it back, or start again") from error
    return found.st_dev, found.st_ino


def _own_stores(settings: Settings) -> Stores:
    from flyball.adapters.sqlite.counts import SqliteCounts
    from flyball.adapters.sqlite.database import Database
    from flyball.adapters.sqlite.deployments import SqliteDeployments
    from flyball.adapters.sqlite.guards import SqliteGuards
    from flyball.adapters.sqlite.journal import SqliteJournal
    from flyball.adapters.sqlite.leases import SqliteLeases
    from flyball.adapters.sqlite.looks import SqliteLooks
    from flyball.adapters.sqlite.outbox import SqliteOutbox
    from flyball.adapters.sqlite.outcomes import SqliteOutcomeLog
    from flyball.adapters.sqlite.predictions import SqlitePredictionLog
    from flyball.adapters.sqlite.reports import SqliteReports
    from flyball.adapters.sqlite.retention import SqliteRetention
    from flyball.adapters.sqlite.traffic import SqliteTraffic

    database = Database(settings.database)
    return Stores(
        database=database,
        journal=SqliteJournal(database),
        predictions=SqlitePredictionLog(database, settings.log),
        retention=SqliteRetention(database),
        outcomes=SqliteOutcomeLog(database, clock=wall_clock),
        deployments=SqliteDeployments(database, clock=wall_clock),
        reports=SqliteReports(database),
        looks=SqliteLooks(database),
        traffic=SqliteTraffic(database),
        counts=SqliteCounts(database),
        guards=SqliteGuards(database),
        bundles=LocalBundles(settings.bundles, signing_key(settings)),
        outbox=SqliteOutbox(database),
        leases=SqliteLeases(database, clock=wall_clock),
    )


def _shared_stores(settings: Settings) -> Stores:
    from flyball.adapters.postgres.bundles import SharedBundles
    from flyball.adapters.postgres.counts import PostgresCounts
    from flyball.adapters.postgres.database import Database
    from flyball.adapters.postgres.deployments import PostgresDeployments
    from flyball.adapters.postgres.guards import PostgresGuards
    from flyball.adapters.postgres.journal import PostgresJournal
    from flyball.adapters.postgres.leases import PostgresLeases
    from flyball.adapters.postgres.looks import PostgresLooks
    from flyball.adapters.postgres.outbox import PostgresOutbox
    from flyball.adapters.postgres.outcomes import PostgresOutcomeLog
    from flyball.adapters.postgres.predictions import PostgresPredictionLog
    from flyball.adapters.postgres.reports import PostgresReports
    from flyball.adapters.postgres.retention import PostgresRetention
    from flyball.adapters.postgres.traffic import PostgresTraffic

    database = Database(settings.shared)
    return Stores(
        database=database,
        journal=PostgresJournal(database),
        predictions=PostgresPredictionLog(database, settings.log),
        retention=PostgresRetention(database),
        outcomes=PostgresOutcomeLog(database, clock=wall_clock),
        deployments=PostgresDeployments(database),
        reports=PostgresReports(database),
        looks=PostgresLooks(database),
        traffic=PostgresTraffic(database),
        counts=PostgresCounts(database),
        guards=PostgresGuards(database),
        bundles=SharedBundles(database, LocalBundles(settings.bundles, signing_key(settings)), scratch=settings.state),
        outbox=PostgresOutbox(database),
        leases=PostgresLeases(database),
    )


def look_at_database(settings: Settings) -> "Held":
    """What a project's database holds; it is neither made nor changed by looking."""
    if not settings.shared:
        from flyball.adapters.sqlite.held import held

        return held(settings.database, settings.bundles)
    from flyball.adapters.postgres.database import Database
    from flyball.adapters.postgres.held import held as held_there

    with Database(settings.shared, checked=False) as database:
        return held_there(database)


@contextmanager
def older_journal(settings: Settings) -> Iterator[Journal]:
    """The journal in a shared database whose tables may be older than this Flyball's, for reading."""
    from flyball.adapters.postgres.database import Database
    from flyball.adapters.postgres.journal import PostgresJournal

    with Database(settings.shared, checked=False) as database:
        yield PostgresJournal(database)


def upgrade_database(settings: Settings, *, say: Callable[[str], None] = lambda _: None) -> tuple[int, int]:
    """Bring the tables of a project's database up to date; from which version to which."""
    if not settings.shared:
        from flyball.adapters.sqlite.database import Database as OwnDatabase

        before = look_at_database(settings).version
        OwnDatabase(settings.database).close()
        return before, look_at_database(settings).version
    from flyball.adapters.postgres.database import Database
    from flyball.adapters.postgres.upgrade import upgrade

    with Database(settings.shared, checked=False) as database:
        return upgrade(database, say=say)


def copy_database(settings: Settings, *, say: Callable[[str], None] = lambda _: None) -> dict[str, int]:
    """Copy everything from a project's own database into the shared one, which has to be empty, and the bundles of its versions.

    Rows of each table. A bundle of a version that is not sound stops it; folders that no version names stay where they are, and are told.
    """
    from flyball.adapters.postgres.bundles import SharedBundles
    from flyball.adapters.postgres.copy import copy_stores
    from flyball.adapters.postgres.database import Database
    from flyball.adapters.postgres.ingest import origin_of
    from flyball.adapters.sqlite.database import Database as OwnDatabase
    from flyball.adapters.sqlite.journal import SqliteJournal
    from flyball.adapters.sqlite.predictions import SqlitePredictionLog

    local = LocalBundles(settings.bundles, signing_key(settings))
    with OwnDatabase(settings.database) as source, Database(settings.shared) as target:
        SqlitePredictionLog(source, settings.log).ingest()
        shared = SharedBundles(target, local, scratch=settings.state)
        there = {one.name for one in settings.bundles.glob("*") if len(one.name) == 64}
        named = _named_bundles(SqliteJournal(source))
        kept = sorted(there & named)
        for digest in sorted(there - named):
            say(f"warning: the bundle {digest[:12]} is not copied: no version of the journal names it")
        for digest in sorted(named - there):
            say(f"warning: the bundle {digest[:12]} of a version is not here and cannot be copied: that version will not serve elsewhere")
        for digest in kept:  # before the tables: whoever is stopped here can begin again, since the tables are empty still
            shared.share(digest)
        copied = copy_stores(source, target, origin=origin_of(settings.log), say=say)
    return {**copied, "bundles": len(kept)} if kept else copied


def _named_bundles(journal: Journal) -> set[str]:
    """The bundles of every version, and those they had before."""
    from flyball.journal.state import fold

    versions = [known for model in journal.models() for known in fold(model, journal.read(model)).versions.values()]
    return {digest for known in versions for digest in (known.registered.bundle, *known.replaced) if digest}


def open_bundles(settings: Settings) -> LocalBundles:
    """The bundles of a project, for what must work without its database."""
    return LocalBundles(settings.bundles, signing_key(settings))
