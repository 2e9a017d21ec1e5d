"""What a person sees while the demo runs: a live picture in a terminal, plain lines anywhere else. Everything goes to stderr."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flyball.core.record import record
from flyball.demo.decisions import Decided

_DAYS_SHOWN = 7
_PLAIN_EVERY = 7


@record
class DayStatus:
    """How things stand after one simulated day. `roc_auc`, `brier`: over the landings of 7 days; `worst`: the column that moved most."""

    day: datetime
    number: int
    days: int
    predictions: int
    per_second: float
    champion: int | None
    shadow: tuple[int, ...]
    roc_auc: float | None
    brier: float | None
    worst: str
    worst_distance: float
    drifting: int


class View(Protocol):
    """Somebody who is shown what goes on."""

    def stage(self, text: str) -> None:
        """Something that takes a moment begins."""
        ...

    def note(self, text: str) -> None:
        """Something worth a line of its own."""
        ...

    def waiting(self, text: str) -> None:
        """The replay waits for something; empty: it goes on."""
        ...

    def day(self, status: DayStatus) -> None:
        """A day is over."""
        ...

    def decided(self, decisions: Sequence[Decided]) -> None:
        """The loop has decided something."""
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...


class PlainView:
    """One line per event and per week, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def stage(self, text: str) -> None:
        """Say it."""
        self._say(text)

    def note(self, text: str) -> None:
        """Say it."""
        self._say(text)

    def waiting(self, text: str) -> None:
        """Not worth a line: the decision that caused it has one."""

    def day(self, status: DayStatus) -> None:
        """Every seventh day and the last."""
        if status.number % _PLAIN_EVERY == 0 or status.number == status.days:
            shadow = f", in shadow {_versions(status.shadow)}" if status.shadow else ""
            self._say(
                f"{status.day:%Y-%m-%d}  day {status.number}/{status.days}  {status.predictions:,} predictions  "
                f"{status.per_second:,.0f}/s  champion @{status.champion}{shadow}  "
                f"AUC {_figure(status.roc_auc)}  Brier {_figure(status.brier)}  {_drift(status)}"
            )

    def decided(self, decisions: Sequence[Decided]) -> None:
        """One line each."""
        for one in decisions:
            self._say(f"{one.at:%Y-%m-%d}  {_headline(one)}: {one.reason}")

    def close(self) -> None:
        """Nothing to tidy."""

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveView:
    """Decisions scroll by; below them stands a picture of the present."""

    def __init__(self, console: Console, model: str) -> None:
        self._model = model
        self._stage = ""
        self._waiting = ""
        self._days: deque[DayStatus] = deque(maxlen=_DAYS_SHOWN)
        self._live = Live(console=console, get_renderable=self._picture, refresh_per_second=8, transient=True)
        self._live.start()

    def stage(self, text: str) -> None:
        """Show it below, and leave it standing above when the next one begins."""
        if self._stage:
            self._live.console.print(Text(f"  {self._stage}", style="dim"))
        self._stage = text

    def note(self, text: str) -> None:
        """Print it above the picture."""
        self._live.console.print(Text(text, style="bold"), soft_wrap=True)

    def waiting(self, text: str) -> None:
        """Show it beside the bar."""
        self._waiting = text

    def day(self, status: DayStatus) -> None:
        """A row of the table."""
        self._stage = ""
        self._days.append(status)

    def decided(self, decisions: Sequence[Decided]) -> None:
        """Print each above the picture."""
        for one in decisions:
            line = Text(f"{one.at:%d %b}  ", style="dim")
            line.append(_headline(one), style=_STYLES.get(one.action.split(":")[0], "bold"))
            line.append(f"  {one.reason}")
            self._live.console.print(line)

    def close(self) -> None:
        """Take the picture away."""
        self._live.stop()

    def _picture(self) -> RenderableType:
        if not self._days:
            return Text(f"  {self._stage} ...", style="bold") if self._stage else Text("")
        now = self._days[-1]
        head = Text("  ")
        head.append(f"{now.day:%d %B %Y}", style="bold")
        head.append(f"   day {now.number} of {now.days}   {now.predictions:,} predictions   {now.per_second:,.0f}/s   ")
        head.append(f"champion {self._model}@{now.champion}", style="bold green")
        if now.shadow:
            head.append(f"   in shadow {_versions(now.shadow)}", style="yellow")
        if self._waiting or self._stage:
            head.append(f"   {self._waiting or self._stage} ...", style="cyan")
        bar = ProgressBar(total=now.days, completed=now.number, width=72)
        return Group(Text(""), head, Padding(bar, (0, 0, 1, 2)), self._table())

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=True, header_style="dim")
        for name in ("day", "ROC AUC, 7 days", "Brier, 7 days", "moved most", "distance", "columns in drift"):
            table.add_column(name, justify="left" if name in ("day", "moved most") else "right")
        for status in self._days:
            table.add_row(
                f"{status.day:%d %b}",
                _figure(status.roc_auc),
                _figure(status.brier),
                status.worst,
                f"{status.worst_distance:.2f}" if status.worst else "",
                str(status.drifting),
                style="red" if status.drifting else "",
            )
        return table


_STYLES = {
    "promote": "bold green",
    "roll back": "bold red",
    "compared": "bold yellow",
    "retrain": "bold cyan",
    "registered": "bold",
}


def _headline(one: Decided) -> str:
    return f"{one.action} @{one.version}" if one.version else one.action


def _versions(versions: Sequence[int]) -> str:
    return ", ".join(f"@{version}" for version in versions)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _drift(status: DayStatus) -> str:
    return f"moved most: {status.worst} {status.worst_distance:.2f} ({status.drifting} in drift)" if status.worst else ""
