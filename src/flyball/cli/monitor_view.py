"""What `flyball monitor` found, for people in a terminal: the answer first, the worst first, and what is left out said."""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from flyball.cli.frame import console
from flyball.loop.picture import Picture, furthest
from flyball.monitoring.records import ColumnDrift, Estimated, MonitorReport, Performance
from flyball.monitoring.slow import slow_reasons
from flyball.render.report.answer import Answer, answer
from flyball.render.report.page import blocks_name, left_out, worst_slices
from flyball.render.report.text import Words, clean, lasting, percent, when, whole

MOST = 20
_COLOURS = {"good": "bold green", "look": "bold yellow", "act": "bold red"}
_STATES = {"drift": "bold red", "warn": "yellow", "ok": "green", "insufficient data": "dim"}
# How the change of a distance since the look before is shown; less is noise to the eye.
_STIR = 0.0005


def show(picture: Picture, words: Words, *, every: bool, to: Console | None = None) -> None:
    """Print a report; `every`: all columns and slices, not only the worst."""
    out, report = to or console(), picture.report
    out.print(headline(answer(picture), words))
    out.print(clean(title(picture, words), 300))
    if report.dataset is not None:
        out.print(words("dataset_line", reason=words.tell(report.dataset.reason)))
    for reason in slow_reasons(report.columns):
        out.print(Text(words("slow_line", reason=words.tell(reason))))
    if picture.multivariate is not None:
        looked = picture.multivariate
        for reason in (looked.domain.reason, *(one.reason for one in looked.vectors.values()), *looked.notes):
            out.print(Text(words("together_line", reason=words.tell(reason))))
    out.print(columns_table(report, words, len(report.columns) if every else MOST))
    for line in [*performance_lines(picture, words), *_quality(report, words)]:
        out.print(line)
    if report.details is not None:
        out.print(_details(report, words, every=every))
    for one in picture.firing:
        since = f" ({words('since_at', since=when(one.since))})"
        silent = f" {words('silent', until=when(one.silent_until))}" if one.silent_until else ""
        out.print(Text(words("alert_line", key=clean(one.key, 80), reason=words.tell(one.reason)) + since + silent, style="bold"))


def headline(found: Answer, words: Words) -> Group:
    """The answer in one line, further reasons and the next step below it."""
    first = Text(words.pair(words(f"call_{found.call}"), words.tell(found.reasons[0])))
    first.stylize(_COLOURS[found.call], 0, len(words(f"call_{found.call}")))
    rest = [Text("  " + words.tell(reason)) for reason in found.reasons[1:4]]
    step = Text(f"  {words('next')} {words.tell(found.step)}", style="dim")
    return Group(first, *rest, step)


def title(picture: Picture, words: Words) -> str:
    """Which version, how many rows, which window."""
    report = picture.report
    start, end = when(report.window.start), when(report.window.end)
    text = words("title", model=picture.model, version=report.version, rows=report.rows, start=start, end=end)
    if picture.champion != report.version:
        text += "  " + words("not_champion", version=report.version, champion=picture.champion)
    return text


def columns_table(report: MonitorReport, words: Words, most: int, before: MonitorReport | None = None) -> RenderableType:
    """The worst columns; with `before`, how far each moved since that look."""
    names = furthest(report.columns)
    if not names:
        return Text("")
    dated = before is None and any(column.since for column in report.columns.values())
    tail = (
        ["bounds", "rows", "threshold", "missing", *(["since"] if dated else []), "in_words"]
        if before is None
        else ["change", "bounds", "threshold"]
    )
    head = ["column", "state", "distance", *tail]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for code in head:
        right = code in ("distance", "rows", "threshold", "missing", "change")
        table.add_column(words(code), justify="right" if right else "left", overflow="fold", no_wrap=right or code in ("state", "bounds"))
    for name in names[:most]:
        table.add_row(*_row(name, report.columns[name], words, before, dated=dated))
    hidden = names[most:]
    if not hidden:
        return table
    hint = "" if before is not None else f" ({words('all_hint')})"
    return Group(table, Text(left_out(report.columns, hidden, words) + hint, style="dim"))


def _row(name: str, column: ColumnDrift, words: Words, before: MonitorReport | None, *, dated: bool) -> list[Text]:
    state = Text(words(f"state_{'few' if column.state == 'insufficient data' else column.state}"), style=_STATES[column.state])
    bounds = Text(f"[{column.lower:.4f}, {column.upper:.4f}]")
    cells = [Text(clean(name, 40)), state, Text(f"{column.distance:.4f}")]
    rows = Text(whole(column.rows))
    if before is not None:
        return [*cells, _change(column, before.columns.get(name)), bounds, Text(f"{column.threshold:.4f}")]
    since = [Text(when(column.since) if column.since else "-")] if dated else []
    return [*cells, bounds, rows, Text(f"{column.threshold:.4f}"), Text(percent(column.missing)), *since, Text(words.tell(column.reason))]


def _change(column: ColumnDrift, before: ColumnDrift | None) -> Text:
    moved = column.distance - before.distance if before is not None else 0.0
    if abs(moved) < _STIR:
        return Text("·", style="dim")
    return Text(f"{'↑' if moved > 0 else '↓'} {abs(moved):.4f}", style="red" if moved > 0 else "green")


def performance_lines(picture: Picture, words: Words) -> list[Text]:
    """Realised performance against its floor, and what is estimated beside it."""
    report, lines = picture.report, []
    if report.performance is not None:
        reason = picture.floor.reason if picture.floor else report.performance.reason
        lines.append(Text(words("floor_line", reason=words.tell(reason))))
    details = report.details
    if details is not None:
        silent = {one.reason.code: one for one in details.estimated if one.value is None}  # why there is none, once
        lines += [Text(f"{words(f'method_{one.method}')}: {words.tell(one.reason)}") for one in silent.values()]
        c = details.coverage
        numbers = {"predicted": c.predicted, "matured": c.matured, "labelled": c.labelled}
        lines += [Text(words.tell(note), style="dim") for note in details.notes]
        median = None if c.lag_median is None else lasting(c.lag_median)
        lines.append(Text(words("coverage", **numbers, median=median, ninety=lasting(c.lag_90))))
    return lines


def _quality(report: MonitorReport, words: Words) -> list[Text]:
    lines = []
    for one in report.quality[:MOST]:
        severity = words(f"severity_{one.severity}")
        # Most sentences name examples already.
        named = None if "examples" in one.reason.values else ", ".join(clean(name, 40) for name in one.examples[:3]) or None
        text = words("quality_line", severity=severity, reason=words.tell(one.reason), examples=named)
        lines.append(Text(text, style="red" if one.severity == "error" else "yellow"))
    if len(report.quality) > MOST:
        lines.append(Text(words("more_findings", count=len(report.quality) - MOST), style="dim"))
    return lines


def _details(report: MonitorReport, words: Words, *, every: bool) -> Group:
    details = report.details
    assert details is not None
    parts: list[RenderableType] = []
    if details.metrics:
        parts.append(
            _table((words("metric"), words("value"), words("rows"), blocks_name(details, words)), [_metric(one) for one in details.metrics])
        )
    guessed = [one for one in details.estimated if one.value is not None]
    if guessed:
        head = (words(f"method_{guessed[0].method}"), words("value"), words("rows"), words("window"))
        parts += [_table(head, [_guess(one) for one in guessed]), Text(words("estimate_is_blind"), style="dim")]
    slices = worst_slices(details.slices)
    if slices:
        most = len(slices) if every else MOST
        rows = [(clean(f"{one.column} = {one.value}", 50), *_metric(one.performance)[1:]) for one in slices[:most]]
        parts.append(_table((words("slices"), words("value"), words("rows"), blocks_name(details, words)), rows))
        if slices[most:]:
            parts.append(Text(words("more_slices", count=len(slices) - most), style="dim"))
    if details.calibration:
        bins = details.calibration
        rows = [(f"{one.score:.3f}", f"{one.actual:.3f} [{one.lower:.3f}, {one.upper:.3f}]", whole(one.rows)) for one in bins]
        parts.append(_table((words("calibration"), words("value"), words("rows")), rows))
    return Group(*parts)


def _metric(one: Performance) -> tuple[str, ...]:
    bounds = f" [{one.lower:.4f}, {one.upper:.4f}]" if one.lower is not None and one.upper is not None else ""
    return one.metric, "-" if one.value is None else f"{one.value:.4f}{bounds}", whole(one.labelled), whole(one.blocks)


def _guess(one: Estimated) -> tuple[str, ...]:
    bounds = f" [{one.lower:.4f}, {one.upper:.4f}]" if one.lower is not None and one.upper is not None else ""
    span = f"{when(one.window.start)} – {when(one.window.end)}"
    return one.metric, f"{one.value:.4f}{bounds}", whole(one.rows), span


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
