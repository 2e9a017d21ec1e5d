"""`flyball export DIR`: everything the project knows of its model, as files that need no Flyball."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flyball.cli.frame import as_json, at_time, now_option, project, say, show_json, show_table
from flyball.core.codec import to_json
from flyball.core.errors import RefusedError, UsageError
from flyball.core.window import Window, parse_time

if TYPE_CHECKING:
    from flyball.adapters.arrow.tables import Format
    from flyball.loop.leaving.records import Left
    from flyball.stores import Stores

_FORMATS: Mapping[str, tuple["Format", ...]] = {"both": ("parquet", "jsonl"), "parquet": ("parquet",), "jsonl": ("jsonl",)}
_EVERY = 5.0  # seconds between two lines of progress
_BEGINNING, _END = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--since", metavar="TIME", default=None, help="Only what is of this time or later (RFC 3339).")
@click.option("--until", metavar="TIME", default=None, help="Only what is of before this time.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_FORMATS)),
    default="both",
    show_default=True,
    help="Parquet, JSON lines, or each table as both.",
)
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, folder: Path, since: str | None, until: str | None, form: str, now: str | None, as_json: bool) -> None:
    """Write predictions (with features, context and who answered), outcomes, counts, requests, reports and the journal into a new folder.

    Each table is a Parquet file and a file of JSON lines, without limits of size; manifest.json says what every column means, README.md
    how to read it all. Nothing of the project changes. The models need no export: they are plain MLflow models.

    \b
    flyball export churn-2025 --since 2025-01-01T00:00:00Z --until 2026-01-01T00:00:00Z
    """
    from flyball.stores import open_stores

    settings, spec = project(ctx)
    window, moment = _window(since, until), at_time(now)
    _refuse_full(folder)
    stores = open_stores(settings)
    try:
        with _draft(folder) as draft:
            left = _write(stores, spec.model.name, window, draft, _FORMATS[form], since=since, until=until, now=moment)
    finally:
        stores.database.close()
    rows = {name: table.rows for name, table in left.tables.items()}
    if left.unreadable:
        say(f"warning: {left.unreadable} reports cannot be read back and are left out")
    if as_json:
        show_json(
            {"model": spec.model.name, "folder": str(folder), "since": since, "until": until, "rows": rows, "unreadable": left.unreadable}
        )
        return
    _show(folder, rows)


def _write(
    stores: "Stores",
    model: str,
    window: Window,
    folder: Path,
    formats: Sequence["Format"],
    *,
    since: str | None,
    until: str | None,
    now: datetime,
) -> "Left":
    """Everything into a folder."""
    from flyball.adapters.arrow.tables import FileTables
    from flyball.loop.leaving.leave import History, leave
    from flyball.loop.leaving.tables import TABLES
    from flyball.render.leaving import manifest, readme

    history = History(
        journal=stores.journal,
        predictions=stores.predictions,
        counts=stores.counts,
        traffic=stores.traffic,
        reports=stores.reports,
        bundles=stores.bundles,
    )
    with FileTables(folder, TABLES, formats) as tables:
        left = leave(history, model, window, tables, now=now, progress=_Progress())
    said = manifest(model, left, TABLES, since=since, until=until, at=now)
    (folder / "manifest.json").write_text(to_json(said, indent=2) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(readme(model, left, TABLES), encoding="utf-8")
    return left


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """A folder that becomes the one that is wanted when all went well, and else is gone."""
    there = folder.absolute()
    draft = there.with_name(f".{there.name}.{os.getpid()}.part")
    try:
        draft.mkdir(parents=True)
    except OSError as error:
        raise RefusedError(f"{folder} cannot be made: {error.strerror}", hint="name a folder where you may write") from None
    try:
        yield draft
        if there.exists():
            there.rmdir()
        draft.replace(there)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _show(folder: Path, rows: Mapping[str, int]) -> None:
    show_table(("table", "rows"), list(rows.items()), title="exported")
    say(f"next: {folder}/README.md says how to read them")


def _window(since: str | None, until: str | None) -> Window:
    start, end = _time("--since", since, _BEGINNING), _time("--until", until, _END)
    if end <= start:
        raise UsageError(f"--until {until} is not after --since {since}", hint="exchange them")
    return Window(start=start, end=end)


def _time(option: str, text: str | None, default: datetime) -> datetime:
    if text is None:
        return default
    try:
        return parse_time(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}", hint="write for example 2026-01-31T00:00:00Z") from None


def _refuse_full(folder: Path) -> None:
    if folder.is_symlink() or (folder.is_dir() and any(folder.iterdir())):
        raise RefusedError(f"{folder} is there already and not an empty folder", hint="name a new folder")


class _Progress:
    """Says every few seconds how far it is."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _EVERY

    def __call__(self, table: str, rows: int) -> None:
        if time.monotonic() >= self._next:
            say(f"{rows} rows of {table} …")
            self._next = time.monotonic() + _EVERY
