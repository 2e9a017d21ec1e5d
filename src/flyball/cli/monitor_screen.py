"""How a look of `flyball monitor --watch` is shown: a screen that is drawn anew, a line of words, or a line of JSON."""

from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from flyball.cli.frame import console, told
from flyball.cli.monitor_report import plain
from flyball.cli.monitor_view import columns_table, headline, performance_lines, title
from flyball.cli.monitor_watch import Look, Moved
from flyball.core.codec import to_json, to_plain
from flyball.journal.explain import Told
from flyball.loop.picture import Picture, furthest
from flyball.render.report.answer import answer
from flyball.render.report.text import Words, clean
from flyball.server.pulse import address
from flyball.settings import Settings
from flyball.spec.records import Spec

MOST = 10
_CODES = {"drift": "drift", "warn": "warn", "ok": "ok", "insufficient data": "few"}


class Screen:
    """A screen in a terminal. What stood there last stays when it ends."""

    def __init__(self, settings: Settings, spec: Spec) -> None:
        self._words = Words(settings.language)
        self._address = address(spec.serve)
        self._last: list[RenderableType] = []
        self._live = Live(console=console(), auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def show(self, look: Look) -> None:
        """Draw it over the one before."""
        self._last = self._parts(look)
        self._live.update(Group(*self._last), refresh=True)

    def late(self, since: datetime) -> None:
        """Say it above what stood there last."""
        self._live.update(Group(Text(self._words("watch_late", since=_second(since)), style="yellow"), *self._last), refresh=True)

    def _parts(self, look: Look) -> list[RenderableType]:
        words, picture = self._words, look.picture
        parts: list[RenderableType] = [Text(f"{_second(look.at)}  {words('watch_end')}", style="dim")]
        if look.trouble is not None:
            text = words("watch_trouble", since=_second(look.trouble.since), message=clean(look.trouble.message, 300))
            parts.append(Text(text, style="bold red"))
        parts.append(Text(traffic_line(look, self._address, words), style="" if look.away is None else "yellow"))
        if picture is None:
            return [*parts, Text(words("watch_none"))]
        parts += [headline(answer(picture), words), Text(title(picture, words)), Text(rows_line(look, picture, words))]
        room = self._live.console.size.height - 22
        parts.append(columns_table(picture.report, words, min(max(room, 3), MOST), look.before or picture.report))
        parts += [_short(line.plain) for line in performance_lines(picture, words)]
        for one in picture.firing[:MOST]:
            parts.append(_short(words("alert_line", key=clean(one.key, 60), reason=words.tell(one.reason)), "bold red"))
        parts.append(Text(words("watch_news"), style="bold"))
        older = len(look.told) - look.fresh
        parts += [_short(event(one, words), "" if at < older else "bold") for at, one in enumerate(look.told)]
        parts += [_short(move(one, picture, words), "yellow") for one in look.moved[:MOST]]
        if not look.told and not look.moved:
            parts.append(Text(words("watch_quiet"), style="dim"))
        return parts


class Lines:
    """One line a look, for a pipe or a file."""

    def __init__(self, settings: Settings, spec: Spec) -> None:
        self._words = Words(settings.language)
        self._address = address(spec.serve)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing is held."""

    def show(self, look: Look) -> None:
        """Print it."""
        click.echo(one_line(look, self._address, self._words))

    def late(self, since: datetime) -> None:
        """A line stands for a look that is done."""


class Objects:
    """One JSON document a look, each on a line of its own."""

    def __init__(self, settings: Settings, every_column: bool) -> None:
        self._settings, self._every = settings, every_column

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing is held."""

    def show(self, look: Look) -> None:
        """Print it."""
        click.echo(to_json(to_plain(as_object(look, self._settings, every_column=self._every))))

    def late(self, since: datetime) -> None:
        """A line stands for a look that is done."""


def as_object(look: Look, settings: Settings, *, every_column: bool) -> dict[str, object]:
    """A look as `--json` prints it: that of one look, of the worst columns, with what is new."""
    picture, fresh = look.picture, look.told[len(look.told) - look.fresh :]
    names = None if picture is None or every_column else furthest(picture.report.columns)[:20]
    return {
        "at": look.at,
        "new_rows": look.rows,
        "traffic": look.server,
        "server_away_since": look.away,
        "logged_per_second": look.logged if look.away is not None else None,
        "trouble": look.trouble,
        "events": [
            {"at": one.entry.at, "action": one.action, "version": one.version or None, "reason": told(one.reason, settings)}
            for one in fresh
        ],
        "moved": look.moved,
        **(plain(picture, settings, names) if picture is not None else {}),
    }


def one_line(look: Look, server: str, words: Words) -> str:
    """A look as one line of words: the answer, the rows, the server, the worst column, performance, and what is new."""
    picture = look.picture
    parts = []
    if picture is None:
        parts.append(f"{_second(look.at)}  {words('watch_none')}")
        parts.append(traffic_line(look, server, words))
    else:
        parts.append(f"{_second(look.at)}  {_state_of(look, picture, server, words)}")
    if look.trouble is not None:
        parts.append(words("watch_trouble", since=_second(look.trouble.since), message=clean(look.trouble.message, 300)))
    parts += [event(one, words) for one in look.told[len(look.told) - look.fresh :]]
    if picture is not None:
        parts += [move(one, picture, words) for one in look.moved[:MOST]]
    return " | ".join(parts)


def _state_of(look: Look, picture: Picture, server: str, words: Words) -> str:
    found, report = answer(picture), picture.report
    parts = [words.pair(words(f"call_{found.call}"), words.tell(found.reasons[0]))]
    parts += [rows_line(look, picture, words), traffic_line(look, server, words)]
    for name in furthest(report.columns)[:1]:
        column = report.columns[name]
        parts.append(f"{clean(name, 40)} {column.distance:.4f} {words(f'state_{_CODES[column.state]}')}")
    p = report.performance
    if p is not None and p.value is not None:
        bounds = f" [{p.lower:.4f}, {p.upper:.4f}]" if p.lower is not None and p.upper is not None else ""
        parts.append(f"{p.metric} {p.value:.4f}{bounds}")
    if picture.firing:
        parts.append(words("watch_alerts", count=len(picture.firing)))
    return "; ".join(parts)


def traffic_line(look: Look, server: str, words: Words) -> str:
    """What the server does, or what the log says while it does not answer."""
    if look.away is not None:
        return words("watch_log", address=server, since=_second(look.away), requests=look.logged)
    if look.server is None:
        return words("watch_first", address=server)
    one = look.server
    return words(
        "watch_server", address=server, requests=one.requests, errors=one.errors, median=_latency(one.median), slow=_latency(one.slow)
    )


def rows_line(look: Look, picture: Picture, words: Words) -> str:
    """The rows of the window, and how many came since the look before."""
    return words("watch_rows", rows=picture.report.rows, fresh=look.rows)


def event(one: Told, words: Words) -> str:
    """An entry of the journal as it is told while it happens."""
    version = f" @{one.version}" if one.version else ""
    return f"{_second(one.entry.at)}  {words.pair(one.action + version, words.tell(one.reason))}"


def move(one: Moved, picture: Picture, words: Words) -> str:
    """A column that changed its state."""
    before, now = (words(f"state_{_CODES[state]}") for state in (one.before, one.now))
    reason = words.tell(picture.report.columns[one.column].reason)
    return words.pair(clean(one.column, 60), words.pair(f"{before} → {now}", reason))


def _short(text: str, style: str = "") -> Text:
    """One line of the screen, cut where the screen ends: what is wrapped pushes the rest out."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _latency(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return "> 1 s" if seconds == float("inf") else f"{seconds * 1000:g} ms"


def _second(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
