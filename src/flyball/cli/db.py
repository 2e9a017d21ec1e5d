"""`flyball db`: the database of a project, its own or a shared one."""

import sys
from datetime import datetime, timedelta

import click

from flyball.cli.frame import as_json, at_time, need, now_option, project, say, show_json, show_table, span, when
from flyball.core.errors import UsageError
from flyball.core.window import format_duration


@click.group()
def command() -> None:
    """Where predictions, outcomes, counts, bundles and the journal are kept.

    Without [stores] database in flyball.toml that is the file flyball.db of the project; with it, a PostgreSQL database that all machines
    of a team share. See docs/stores.md.
    """


@command.command()
@as_json
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Say which database it is, whether its tables are up to date, and what it holds. Exit 1 if the other verbs would refuse it."""
    from flyball.stores import look_at_database

    settings, _ = project(ctx)
    held = look_at_database(settings)
    state = "ready" if held.ready else "empty" if held.version == 0 else "older"
    waiting = sum(path.stat().st_size for path in settings.log.glob("*.seg"))
    keep = settings.stores.keep
    facts = {
        "kind": held.kind,
        "place": held.place,
        "state": state,
        "schema_version": held.version,
        "needs": held.needs,
        "journal": held.entries,
        "predictions": held.predictions,
        "outcomes": held.outcomes,
        "bundles": held.bundles,
        "oldest": held.oldest,
        "newest": held.newest,
        "days": held.days,
        "outside_days": held.rest,
        "bytes": held.size,
        "bytes_waiting": waiting,
        "keep": None if keep is None else format_duration(keep),
    }
    if as_json:
        show_json(facts)
    else:
        rows = [(name.replace("_", " "), when(value) if isinstance(value, datetime) else value) for name, value in facts.items()]
        show_table(["database", ""], [(name, "-" if value is None else str(value)) for name, value in rows])
    if not held.ready:
        own = "it is made, or brought up to date, by the first verb that needs it" if held.kind == "sqlite" else "flyball db upgrade"
        say(f"its tables are {'missing' if state == 'empty' else 'older than this Flyball needs'}: {own}")
    sys.exit(0 if held.ready or held.kind == "sqlite" else 1)


@command.command()
@as_json
@click.pass_context
def upgrade(ctx: click.Context, as_json: bool) -> None:
    """Make the tables of the shared database, or bring them up to what this Flyball needs: all of it or nothing.

    Upgrade flyball everywhere, run this once, then let servers and loop start again: a Flyball refuses tables of a newer one. Backups are
    the database's own business (pg_dump); take one before. The project's own flyball.db is brought up to date by any verb.
    """
    from flyball.stores import upgrade_database

    settings, _ = project(ctx)
    before, after = upgrade_database(settings, say=say)
    if as_json:
        show_json({"from": before, "to": after})
    else:
        click.echo(f"schema version {after}: nothing to do" if before == after else f"schema version {before} -> {after}")


@command.command()
@as_json
@click.pass_context
def copy(ctx: click.Context, as_json: bool) -> None:
    """Copy flyball.db, and the bundles beside it, into the shared database of [stores]: everything, all of it or nothing.

    The journal's chain of hashes is verified where it is read and where it was written. A database that holds something already is
    refused. Stop servers and loop first; flyball.db stays as it is, and is not used any more.
    """
    from flyball.stores import copy_database

    settings, _ = project(ctx)
    if not settings.shared:
        raise UsageError("there is no shared database to copy to", hint='write [stores] database = "env:NAME" in flyball.toml')
    need(settings.database.exists(), f"there is no {settings.database} to copy", "a project that is new needs only: flyball db upgrade")
    copied = copy_database(settings, say=say)
    if as_json:
        show_json(copied)
    else:
        show_table(["table", "rows"], sorted((name, rows) for name, rows in copied.items() if rows))


@command.command()
@click.option("--older-than", metavar="SPAN", default=None, help="Instead of [stores] keep, such as 90d; at least one day.")
@now_option
@as_json
@click.pass_context
def prune(ctx: click.Context, older_than: str | None, now: str | None, as_json: bool) -> None:
    """Forget predictions, with their shadows and outcomes, that are older than [stores] keep. Every tick does the same, bit by bit.

    Whole days (UTC) go: in PostgreSQL as partitions, at once; in flyball.db row by row, in small transactions. Counts, reports and the
    journal stay. A --now that is still to come counts as the time it is. What is gone cannot be trained on or compared any more: keep more
    than [retrain] window and [data] matures.
    """
    from flyball.loop.forgetting import forget_before
    from flyball.stores import open_stores, wall_clock

    settings, _ = project(ctx)
    keep = span("--older-than", older_than) or settings.stores.keep
    if keep is None:
        raise UsageError("nothing says how long to keep predictions", hint="give --older-than 90d, or write [stores] keep in flyball.toml")
    if keep < timedelta(days=1):
        raise UsageError("--older-than is less than a day", hint="write for example 90d")
    before = forget_before(keep, now=at_time(now), clock=wall_clock())
    stores = open_stores(settings)
    dropped = stores.retention.drop_before(before)
    if as_json:
        show_json({"before": before, "predictions": dropped.predictions, "days": len(dropped.days), "more": dropped.more})
        return
    click.echo(f"{dropped.predictions} predictions from before {when(before)} UTC are gone ({len(dropped.days)} whole days at once)")
    if dropped.more:
        say("some days are in use just now: run it again, or leave it to the next tick")
