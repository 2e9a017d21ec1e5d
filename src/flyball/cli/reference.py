"""`flyball reference`: what drift is measured from, shown, or made from a file."""

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from flyball.cli.frame import as_json, at_time, now_option, project, say, show_json, show_table
from flyball.cli.serve import trusted_option
from flyball.data.profile import ColumnReference, Reference, reference_digest, reference_to_json
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.settings import Settings
from flyball.spec.records import Spec
from flyball.stores import open_stores
from flyball.wiring import open_shelf, open_world

version_option = click.option(
    "--version", type=click.IntRange(1), default=None, metavar="N", help="Of which version (default: the champion)."
)


@click.group()
def command() -> None:
    """What drift is measured from: the counts of a version's training rows, kept in its bundle without any of the rows.

    A training makes one. For a model that was logged by plain MLflow and adopted without data, or to begin from newer rows, make one
    from a file of rows like those the model meets.
    """


@command.command()
@click.argument("data", type=click.Path(path_type=Path))
@version_option
@click.option("--no-scores", is_flag=True, help="Do not ask the model what it says of the rows: its scores are then not watched.")
@trusted_option
@now_option
@as_json
@click.pass_context
def make(ctx: click.Context, data: Path, version: int | None, no_scores: bool, trusted_code: bool, now: str | None, as_json: bool) -> None:
    """Make the reference of a version from DATA (CSV, Parquet, or a folder of them) and hand it to whoever serves and watches.

    DATA needs the columns the model reads and 100 rows at least; thousands are better. Take rows the model was not trained on, if you
    can: on its own training rows a model is surer than it will ever be again. With the column that [data] time names, and eight days or
    more of it, the reference also learns what days do by themselves, and drift has to exceed that.

    The engine is packed again, byte for byte, with the new reference: a signed bundle of its own, and the journal says so. Servers take
    it up without a pause. Live counts begin anew where the cells of the reference are others.
    """
    from flyball.adapters.pandas.frames import load_table
    from flyball.loop.reference import Wanted, make_reference, reference_of, version_meant

    settings, spec = project(ctx)
    stores = open_stores(settings)
    state = _state(settings, spec)
    manifest, _ = reference_of(stores.bundles, state, version_meant(state, version))
    texts = [column.name for column in manifest.schema.columns if column.kind == "category"]
    read = load_table(data, times=[spec.data.time] if spec.data.time else [], texts=texts)
    wanted = Wanted(table=read.table, source=data.name, scores=not no_scores, trusted=trusted_code)
    settings.state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="reference-", dir=settings.state) as work:
        made = make_reference(
            open_shelf(settings),
            spec,
            wanted,
            version=version,
            work=Path(work),
            actor=settings.actor,
            now=at_time(now),
            registry=open_world(settings).registry,
        )
    if as_json:
        show_json(
            {**plain(made.reference), "version": made.version, "bundle": made.bundle, "changed": made.changed, "notes": list(made.notes)}
        )
        return
    for note in made.notes:
        say(f"note: {note}")
    name = f"{spec.model.name}@{made.version}"
    if not made.changed:
        say(f"{name} has this reference already")
        return
    counts = "begin anew" if made.recounted else "stay"
    before = f" (before: {made.replaced} rows)" if made.replaced else ""
    say(f"{name} is compared with {made.reference.rows} rows of {data.name} from now on{before}; live counts {counts}")
    click.echo(made.bundle)


@command.command()
@version_option
@as_json
@click.pass_context
def show(ctx: click.Context, version: int | None, as_json: bool) -> None:
    """The reference of a version: its rows, each column's cells and range, what is missing, and for which windows it is calibrated."""
    from flyball.loop.reference import reference_of, version_meant

    settings, spec = project(ctx)
    state = _state(settings, spec)
    number = version_meant(state, version)
    _, reference = reference_of(open_stores(settings).bundles, state, number)
    if as_json:
        show_json({"model": spec.model.name, "version": number, **plain(reference)})
        return
    name = f"{spec.model.name}@{number}"
    if not reference.columns:
        say(f"{name} has no reference, so drift is not measured; make one: flyball reference make DATA --version {number}")
        return
    rows = [(column, *_row(found)) for column, found in reference.columns.items()]
    title = f"{name}: {reference.rows} rows, {_size(len(reference_to_json(reference)))}, {reference_digest(reference)[:12]}"
    show_table(("column", "kind", "cells", "missing", "values", "calibrated for"), rows, title=title)


def plain(reference: Reference) -> Mapping[str, object]:
    """A reference as `--json` prints it."""
    return {
        "digest": reference_digest(reference),
        "rows": reference.rows,
        "bytes": len(reference_to_json(reference)),
        "columns": {
            name: {
                "kind": column.kind,
                "cells": len(column.counts),
                "rows": column.rows,
                "missing": column.missing,
                "range": _range(column),
                "categories": list(column.categories) if column.kind == "category" else None,
                "calibrated_days": [one.days for one in column.calibration],
            }
            for name, column in reference.columns.items()
        },
    }


def _row(column: ColumnReference) -> tuple[str, ...]:
    if column.kind == "category":
        values = f"{len(column.categories)} known: {', '.join(column.categories[:4])}" + (", …" if len(column.categories) > 4 else "")
    else:
        found = _range(column)
        values = f"{found[0]:.6g} to {found[1]:.6g}" if found else "none"
    days = ", ".join(f"{one.days} d" for one in column.calibration) or "not calibrated"
    return column.kind, str(len(column.counts)), f"{column.missing / max(column.rows, 1):.2%}", values, days


def _range(column: ColumnReference) -> tuple[float, float] | None:
    """The smallest and the largest value: the first edge is the float just below the smallest."""
    return (math.nextafter(column.edges[0], math.inf) + 0.0, column.edges[-1]) if column.edges else None


def _size(content: int) -> str:
    return f"{content / 1024:.1f} kB"


def _state(settings: Settings, spec: Spec) -> State:
    return fold(spec.model.name, open_stores(settings).journal.read(spec.model.name))
