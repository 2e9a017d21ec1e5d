"""What the verbs share: finding the project, saying things in the right place, and printing JSON."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

from flyball.cli.admission import INNER, allow
from flyball.core.codec import to_json, to_plain
from flyball.core.errors import FlyballError, RefusedError, UsageError
from flyball.core.reason import Reason
from flyball.core.window import parse_duration, parse_time
from flyball.journal.explain import tell
from flyball.loop.records import Written
from flyball.settings import Settings, read_settings
from flyball.spec.load import FILE, load_spec
from flyball.spec.records import Spec
from flyball.words.sentences import sentence

R = TypeVar("R")

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")
on_option = click.option(
    "--on",
    default="local",
    show_default=True,
    metavar="WHERE",
    help="Where it runs: local, dask or ray (a cluster on this machine), dask:ADDRESS or ray:ADDRESS.",
)
now_option = click.option(
    "--now", metavar="TIME", default=None, help="Act as if it were this time (RFC 3339), for replays; default: the clock.", hidden=False
)


def project(ctx: click.Context) -> tuple[Settings, Spec]:
    """The settings and the spec of the project named by -C."""
    folder: Path = ctx.obj
    settings, spec = opened(folder)
    allow(_verb(ctx), {**ctx.params, INNER: ctx.info_name}, settings, spec)
    return settings, spec


def _verb(ctx: click.Context) -> str:
    """The word after `flyball`, also of a verb that has verbs of its own."""
    while ctx.parent is not None and ctx.parent.parent is not None:
        ctx = ctx.parent
    return ctx.info_name or ""


def opened(folder: Path) -> tuple[Settings, Spec]:
    """The settings and the spec of a project, in the environment that was chosen."""
    settings = read_settings(folder)
    return settings, load_spec(settings.folder, settings.environment)


def projects(ctx: click.Context) -> list[Path]:
    """The project named by -C, or, if that is a folder of projects, all of them by name."""
    folder: Path = ctx.obj
    if (folder / FILE).exists() or not folder.is_dir():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{FILE}")) or [folder]


def each_project(ctx: click.Context, look: Callable[[Settings, Spec], R]) -> tuple[list[R], bool]:
    """Do something with each project; one that fails is told and never keeps the others from their turn. Say whether all went well."""

    def one(folder: Path) -> R:
        settings, spec = opened(folder)
        allow(_verb(ctx), {**ctx.params, INNER: ctx.info_name}, settings, spec)
        return look(settings, spec)

    return each_folder(ctx, one)


def each_folder(ctx: click.Context, look: Callable[[Path], R]) -> tuple[list[R], bool]:
    """The same with the folders of projects, of which nothing has been read yet."""
    folders = projects(ctx)
    found, well = [], True
    for folder in folders:
        try:
            found.append(look(folder))
        except FlyballError as error:
            if len(folders) == 1:
                raise
            well = False
            say(f"{folder.name}: error: {error}")
    return found, well


def at_time(text: str | None) -> datetime:
    """The time an option names, or the clock's."""
    if text is None:
        from flyball.stores import wall_clock

        return wall_clock()
    try:
        return parse_time(text)
    except ValueError as error:
        raise UsageError(f"--now {text}: {error}", hint="write for example 2026-01-31T00:00:00Z") from None


def span(option: str, text: str | None) -> Any:
    """The duration an option names, or None."""
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def version_of(text: str, model: str) -> int:
    """The version in `NAME@3`, `@3` or `3`, checked against the project's model."""
    name, _, number = text.rpartition("@")
    if name and name != model:
        raise UsageError(f"{text!r} names another model; this project's is {model!r}", hint=f"write {model}@{number or 'N'}")
    if not number.isdecimal() or int(number) < 1:
        raise UsageError(f"{text!r} names no version", hint=f"write {model}@N, with N from `flyball models`")
    return int(number)


def same_model(name: str | None, model: str) -> None:
    """Refuse the name of another model."""
    if name is not None and name != model:
        raise UsageError(f"this project's model is {model!r}, not {name!r}", hint=f"leave the name out or write {model}")


def say(text: str) -> None:
    """Talk, on stderr."""
    click.echo(text, err=True)


def show_json(value: object) -> None:
    """Print one JSON document, on stdout."""
    click.echo(to_json(to_plain(value), indent=2))


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """Print a table, on stdout; numbers are set right."""
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[number], int | float) or row[number] == "-" for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in row))
    console().print(table)


def console() -> Console:
    """Where results are printed; as wide as needed when it is not a terminal."""
    return Console(file=sys.stdout, highlight=False, markup=False, width=None if sys.stdout.isatty() else 160)


def told(reason: Reason, settings: Settings) -> str:
    """A reason as a sentence in the reader's language."""
    return sentence(reason, settings.language)


def tell_written(written: Written, settings: Settings) -> None:
    """Say what was written to the journal, and what is not up to date yet."""
    for entry in written.entries:
        one = tell(entry)
        say(f"{when(entry.at)}  {one.action}: {told(one.reason, settings)}")
    if written.trouble:
        say(f"warning: {written.trouble}; what serves is as it should be, and the next tick tries again")


def when(at: datetime) -> str:
    """A time for people: UTC, to the minute."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def need(condition: bool, message: str, hint: str) -> None:
    """Refuse when the state of things does not allow a verb."""
    if not condition:
        raise RefusedError(message, hint=hint)
