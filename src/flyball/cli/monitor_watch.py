"""`flyball monitor --watch`: looks again and again, in a thread of its own, so that no locked database keeps Ctrl-C waiting."""

import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, Self

from flyball.cli.frame import need
from flyball.core.errors import FlyballError, StoreError
from flyball.core.record import record
from flyball.core.window import Window
from flyball.journal.events import Entry
from flyball.journal.explain import Told, tell
from flyball.journal.known import State
from flyball.journal.state import empty, fold
from flyball.loop.evidence.monitor import keep, monitor
from flyball.loop.memory import Memory
from flyball.loop.picture import Picture, take_picture
from flyball.loop.world import World
from flyball.monitoring.records import MonitorReport
from flyball.monitoring.records import State as ColumnState
from flyball.server.pulse import Numbers, Traffic, asker, traffic
from flyball.settings import Settings
from flyball.spec.records import Spec

Asker = Callable[[float], Numbers | None]
MINUTE = timedelta(minutes=1)
# A look takes milliseconds; one that takes longer than this waits for something.
LATE = timedelta(seconds=3)
# So many of the last entries of the journal are shown.
LAST = 8


@record
class Trouble:
    """What does not answer, since when, and what it said."""

    since: datetime
    message: str


@record
class Moved:
    """A column whose state is another one than at the look before."""

    column: str
    before: ColumnState
    now: ColumnState


@record
class Look:
    """One look. What could not be measured is as it was at the last look that could (`picture`), and `trouble` says since when.

    `before`: the report of about a minute ago. `server`: the rates of the server, None at the first look or if it is `away`; then
    `logged` is what the log says, predictions in a second over the last minute. `told`: the last entries of the journal, of which the
    last `fresh` are new since the look before.
    """

    at: datetime
    picture: Picture | None
    before: MonitorReport | None
    rows: int
    moved: tuple[Moved, ...]
    server: Traffic | None
    away: datetime | None
    logged: float
    told: tuple[Told, ...]
    fresh: int
    trouble: Trouble | None


class View(Protocol):
    """Where looks are shown."""

    def __enter__(self) -> Self:
        """Take the screen, if it takes one."""
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Give it back."""
        ...

    def show(self, look: Look) -> None:
        """Show a look."""
        ...

    def late(self, since: datetime) -> None:
        """Say that the look that began then is not done."""
        ...


class Watcher:
    """Looks; remembers what it takes to say what is new. `began`: when the look that is not done began, None between two."""

    def __init__(self, world: World, spec: Spec, memory: Memory, clock: Callable[[], datetime], ask: Asker) -> None:
        self._world, self._spec, self._memory, self._clock, self._ask = world, spec, memory, clock, ask
        self._entries: list[Entry] = []
        self._state: State = empty(spec.model.name)
        self._past: deque[MonitorReport] = deque()
        self._picture: Picture | None = None
        self._detailed: MonitorReport | None = None  # the last report with everything about performance
        self._numbers: Numbers | None = None
        self._away: datetime | None = None
        self._trouble: Trouble | None = None
        self._logged = 0.0
        self.began: datetime | None = None

    def now(self) -> datetime:
        """The time it is."""
        return self._clock()

    def look(self) -> Look:
        """Ingest, count, measure, ask the server. Nothing that fails outside of this process ends it."""
        now = self.began = self._clock()
        server = self._server(now)
        rows, moved, known, trouble = 0, tuple[Moved, ...](), len(self._entries), ""
        try:
            rows = self._world.predictions.ingest()
        except FlyballError as error:  # locked against writing: what is there can still be read
            trouble = error.message
        try:
            moved = self._measure(now, save=not trouble)
        except FlyballError as error:
            trouble = trouble or error.message
        since = self._trouble.since if self._trouble else now
        self._trouble = Trouble(since=since, message=trouble) if trouble else None
        self.began = None
        first = known == 0
        return Look(
            at=now,
            picture=self._picture,
            before=self._past[0] if len(self._past) > 1 else None,
            rows=rows,
            moved=moved,
            server=server,
            away=self._away,
            logged=self._logged,
            told=tuple(tell(entry) for entry in self._entries[-LAST:]),
            fresh=0 if first else len(self._entries) - known,
            trouble=self._trouble,
        )

    def _measure(self, now: datetime, *, save: bool) -> tuple[Moved, ...]:
        world, spec, model = self._world, self._spec, self._spec.model.name
        fresh = world.journal.read(model, after=self._state.seq)
        self._state = fold(model, fresh, start=self._state)
        self._entries += fresh
        version = self._state.champion
        need(version is not None, f"{model} has no champion to watch", "`flyball train` makes the first")
        assert version is not None
        last = self._detailed
        fresh_details = last is None or last.version != version or now - last.window.end >= MINUTE
        report = monitor(world, spec, self._state, version, self._memory, now=now, detailed=fresh_details)
        if fresh_details:
            self._detailed = report
        elif last is not None:  # what takes long to measure changes slowly
            report = replace(report, details=last.details)
        if save:
            keep(world, self._state, report, spec.monitor.window)
        if self._away is not None:
            window = Window(start=now - MINUTE, end=now)
            self._logged = sum(world.predictions.count(model, window).values()) / MINUTE.total_seconds()
        before = self._picture.report if self._picture is not None and self._picture.report.version == version else None
        self._picture = take_picture(world, spec, self._state, self._entries, self._memory, report, now=now, past=False)
        self._remember(report)
        return _moved(before, report)

    def _remember(self, report: MonitorReport) -> None:
        if self._past and self._past[-1].version != report.version:
            self._past.clear()
        self._past.append(report)
        while len(self._past) > 2 and self._past[1].window.end <= report.window.end - MINUTE:
            self._past.popleft()

    def _server(self, now: datetime) -> Traffic | None:
        found = self._ask(now.timestamp())
        before, self._numbers = self._numbers, found
        if found is None:
            self._away = self._away or now
            return None
        self._away = None
        return traffic(before, found) if before is not None else None


def watch(world: World, spec: Spec, settings: Settings, memory: Memory, *, pause: timedelta, json: bool, every_column: bool) -> None:
    """Look until Ctrl-C (or SIGTERM): a screen in a terminal, else one line a look, as words or as JSON."""
    from flyball.cli.monitor_screen import Lines, Objects, Screen
    from flyball.stores import wall_clock

    _needs_champion(world, spec)
    watcher = Watcher(world, spec, memory, wall_clock, asker(spec.serve, spec.model.name, workers=lambda: _workers(world, spec)))
    view: View = Objects(settings, every_column) if json else Screen(settings, spec) if sys.stdout.isatty() else Lines(settings, spec)
    looks: queue.Queue[Look | Exception] = queue.Queue()
    stop = threading.Event()
    looking = threading.Thread(target=_look_until, args=(watcher, pause.total_seconds(), stop, looks), daemon=True)
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with view:
            looking.start()
            while True:
                _show_next(looks, watcher, view)
    except KeyboardInterrupt:  # this is how it is ended; being asked twice changes nothing
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.set()
        looking.join(1.0)  # a look that waits for the database is left behind: it is undone as a whole


def _show_next(looks: "queue.Queue[Look | Exception]", watcher: Watcher, view: View) -> None:
    """Show the next look, or say that it is late."""
    try:
        found = looks.get(timeout=0.5)
    except queue.Empty:
        began = watcher.began
        if began is not None and watcher.now() - began > LATE:
            view.late(began)
        return
    if isinstance(found, Exception):
        raise found
    view.show(found)


def _look_until(watcher: Watcher, pause: float, stop: threading.Event, looks: "queue.Queue[Look | Exception]") -> None:
    due = time.monotonic()
    while not stop.is_set():
        try:
            looks.put(watcher.look())
        except Exception as error:  # noqa: BLE001 - handed to the thread that can tell it
            looks.put(error)
            return
        due = max(due + pause, time.monotonic())
        stop.wait(max(0.0, due - time.monotonic()))


def _needs_champion(world: World, spec: Spec) -> None:
    """Refuse to watch what does not exist yet; a database that does not answer now may later."""
    try:
        state = fold(spec.model.name, world.journal.read(spec.model.name))
    except StoreError:
        return
    need(state.champion is not None, f"{spec.model.name} has no champion to watch", "`flyball train` makes the first")


def _workers(world: World, spec: Spec) -> Collection[str]:
    """The names of the workers that live; none while the database does not answer."""
    try:
        return world.deployments.workers(spec.model.name)
    except FlyballError:
        return ()


def _moved(before: MonitorReport | None, now: MonitorReport) -> tuple[Moved, ...]:
    if before is None:
        return ()
    found = []
    for name, column in now.columns.items():
        was = before.columns.get(name)
        if was is not None and was.state != column.state:
            found.append(Moved(column=name, before=was.state, now=column.state))
    return tuple(found)
