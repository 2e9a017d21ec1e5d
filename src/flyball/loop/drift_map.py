"""What moved, column by column over time, of the reports that are kept: a year of them is looked at in a few hundred."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Literal

from flyball.core.record import record
from flyball.core.window import Window
from flyball.monitoring.records import RANK, ColumnDrift, MonitorReport, State
from flyball.ports.watching import Reports

Unit = Literal["hour", "day", "week"]
LENGTH: dict[Unit, timedelta] = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
# Columns of time that can be told apart beside each other, and looks that are read for all of them together.
MOST, READ = 62, 120
_INSTANT = timedelta(microseconds=1)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


@record
class Stretch:
    """A span of time cut into units. `starts`: when each begins, the last one holds the end; `cut`: there was more than is shown."""

    window: Window
    unit: Unit
    starts: tuple[datetime, ...]
    cut: bool = False

    def place(self, end: datetime) -> int:
        """In which of its units a look that ends then lies: it is about the time before its end."""
        return int((end - _INSTANT - self.starts[0]) // LENGTH[self.unit])


@record
class Cell:
    """The worst look of a unit at a column: what it found, when it ended, and at which version."""

    at: datetime
    version: int
    found: ColumnDrift


@record
class MapRow:
    """A column over time; `cells` None where no kept look holds it. `worst`: its worst state in the stretch, `moved`: in how many units
    it drifted for certain.
    """

    name: str
    cells: tuple[Cell | None, ...]
    worst: State | None
    moved: int

    @property
    def newest(self) -> Cell | None:
        """The last cell there is."""
        return next((cell for cell in reversed(self.cells) if cell is not None), None)


@record
class DriftMap:
    """Columns over time, the worst first. `versions`: the version of the last look of each unit, None without a look."""

    stretch: Stretch
    versions: tuple[int | None, ...]
    looks: int
    rows: tuple[MapRow, ...]


def stretch(start: datetime, end: datetime) -> Stretch:
    """The time from `start` to `end` in the finest unit that fits: hours up to two days, days up to two months, weeks up to 62 of them."""
    start = min(start, end - _INSTANT)
    length = end - start
    unit: Unit = "hour" if length <= timedelta(days=2) else "day" if length <= timedelta(days=62) else "week"
    size = LENGTH[unit]
    first, last = (_MONDAY + (at - _MONDAY) // size * size for at in (start, end - _INSTANT))
    many = (last - first) // size + 1
    begins = first if many <= MOST else last - (MOST - 1) * size
    starts = tuple(begins + number * size for number in range(min(many, MOST)))
    return Stretch(window=Window(start=max(start, begins), end=end), unit=unit, starts=starts, cut=many > MOST)


def read_looks(reports: Reports, model: str, wanted: Stretch, known: Sequence[datetime]) -> list[MonitorReport]:
    """The kept reports of a stretch in order of time; where there are very many, some of each unit, always with its last.

    `known`: what `reports.ends` said.
    """
    ends = [end for end in known if wanted.window.start < end <= wanted.window.end]
    each = max(1, READ // len(wanted.starts))
    chosen = [end for _, group in groupby(ends, wanted.place) for end in _spread(list(group), each)]
    if len(chosen) == len(ends):
        return reports.between(model, _until(wanted.window.start, wanted.window.end))
    return [report for end in chosen for report in reports.between(model, Window(start=end, end=end + _INSTANT))]


def drift_map(looks: Sequence[MonitorReport], wanted: Stretch, names: Iterable[str] = ()) -> DriftMap:
    """The looks of a stretch as a map. `names`: columns that are shown also where no look holds them."""
    units = len(wanted.starts)
    cells: dict[str, list[Cell | None]] = {name: [None] * units for name in names}
    versions: list[int | None] = [None] * units
    for report in looks:
        place = wanted.place(report.window.end)
        if not 0 <= place < units:
            continue
        versions[place] = report.version
        for name, column in report.columns.items():
            row = cells.setdefault(name, [None] * units)
            known = row[place]
            if known is None or _worse(column) >= _worse(known.found):
                row[place] = Cell(at=report.window.end, version=report.version, found=column)
    rows = [_row(name, row) for name, row in cells.items()]
    return DriftMap(stretch=wanted, versions=tuple(versions), looks=len(looks), rows=tuple(sorted(rows, key=_order)))


def _row(name: str, cells: Sequence[Cell | None]) -> MapRow:
    states = [cell.found.state for cell in cells if cell is not None]
    worst = max(states, key=lambda state: RANK[state], default=None)
    return MapRow(name=name, cells=tuple(cells), worst=worst, moved=states.count("drift"))


def _order(row: MapRow) -> tuple[int, int, int, float, str]:
    """What is worst now comes first, then what was worst in the stretch, then what is furthest now, then what no look holds."""
    newest = row.newest
    if newest is None:
        return 0, 1, 0, 0.0, row.name
    rank, far = _worse(newest.found)
    return -rank, -RANK[row.worst or newest.found.state], -row.moved, -far, row.name


def _worse(column: ColumnDrift) -> tuple[int, float]:
    return RANK[column.state], column.distance / column.threshold if column.threshold else column.distance


def _spread(ends: Sequence[datetime], most: int) -> list[datetime]:
    """At most so many of them, evenly, with the last."""
    if len(ends) <= most:
        return list(ends)
    return [ends[-1 - (number * len(ends)) // most] for number in reversed(range(most))]


def _until(start: datetime, end: datetime) -> Window:
    """The window of ends that are after `start` and not after `end`."""
    return Window(start=start + _INSTANT, end=end + _INSTANT)
