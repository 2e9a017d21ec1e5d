"""`flyball outcomes FILE`: what really happened, from a file."""

import sys
from collections.abc import Iterator
from datetime import datetime
from math import isfinite
from pathlib import Path

import click

from flyball.cli.frame import as_json, at_time, now_option, project, say, show_json
from flyball.core.errors import DataError
from flyball.core.schema import did_you_mean
from flyball.core.table import Table
from flyball.core.window import from_micros
from flyball.data.snapshot import as_text, micros
from flyball.serving.records import Outcome, Rejected
from flyball.stores import open_stores

_BATCH = 5_000
_NAMES = ("prediction_id", "id", "unit")


@click.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, file: Path, now: str | None, as_json: bool) -> None:
    """Take outcomes from a CSV or Parquet FILE with the columns `actual`, one of `prediction_id`, `id`, `unit`, and `at` and `value`
    (optional).

    Each belongs to one prediction: by its id, or the latest one before `at` of that id or unit. An empty `at` means now. `value` is what
    the outcome was worth, a number in whatever unit, larger is better; empty where nobody knows. What is not taken is listed on stderr.
    """
    from flyball.adapters.pandas.frames import load_table

    settings, spec = project(ctx)
    stores = open_stores(settings)
    stores.predictions.ingest()
    table = load_table(file, times=["at"], texts=_NAMES).table
    accepted, rejected = 0, list[Rejected]()
    for batch in _batches(table, file.name, now):
        answer = stores.outcomes.take(spec.model.name, batch, within=spec.data.matures)
        accepted += answer.accepted
        rejected += answer.rejected
    if as_json:
        show_json({"accepted": accepted, "rejected": [{"prediction_id": r.prediction_id, "error": r.error} for r in rejected]})
    else:
        say(f"{accepted} taken, {len(rejected)} not taken")
        for one in rejected[:20]:
            say(f"  {one.prediction_id}: {one.error}")
        if len(rejected) > 20:
            say(f"  and {len(rejected) - 20} more; --json lists all")
    if rejected and not accepted:
        sys.exit(1)


def _batches(table: Table, name: str, now: str | None) -> Iterator[list[Outcome]]:
    keys = [key for key in _NAMES if key in table]
    for needed, there in (("actual", "actual" in table), ("prediction_id, id or unit", bool(keys))):
        if not there:
            raise DataError(
                f"{name} has no column {needed}{did_you_mean(needed, table.columns)}", hint=f"columns present: {', '.join(table.columns)}"
            )
    moment = at_time(now)
    names = {key: as_text(table[key]).tolist() if key in table else [None] * len(table) for key in _NAMES}
    actual = table["actual"].tolist()
    values = _values(table, name)
    times: list[datetime | None] = [None] * len(table)
    if "at" in table:
        times = [None if told != told else from_micros(at) for told, at in zip(table["at"], micros(table["at"]).tolist(), strict=True)]
    for start in range(0, len(table), _BATCH):
        yield [
            Outcome(
                actual=actual[row],
                at=times[row] or moment,
                prediction_id=names["prediction_id"][row],
                entity=names["id"][row],
                unit=names["unit"][row],
                value=values[row],
            )
            for row in range(start, min(start + _BATCH, len(table)))
        ]


def _values(table: Table, name: str) -> list[float | None]:
    """What outcomes were worth; None where it is not told. Anything but a finite number is named with its row."""
    if "value" not in table:
        return [None] * len(table)
    found: list[float | None] = []
    for row, value in enumerate(table["value"].tolist()):
        if value is None or value != value:
            found.append(None)
        elif isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            found.append(float(value))
        else:
            raise DataError(
                f"{name}: column value has {value!r} in row {row + 1}, which is not a finite number",
                hint="write a number, or leave the cell empty where nobody knows what the outcome was worth",
            )
    return found
