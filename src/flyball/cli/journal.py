"""`flyball journal NAME`: everything that happened, and whether anybody edited it."""

import sys
import time

import click

from flyball.cli.frame import as_json, console, project, same_model, say, show_json, told, when
from flyball.core.codec import to_json, to_plain
from flyball.core.errors import UsageError
from flyball.journal.examine import Examined, examine, head_of, parse_head
from flyball.journal.explain import tell
from flyball.loop.past.plain import plain_entry, plain_examined
from flyball.settings import Settings
from flyball.stores import Stores, open_stores

_EVERY = 1.0  # seconds between two looks of --follow


@click.command()
@click.argument("name", required=False)
@click.option("--after", metavar="N", type=click.IntRange(min=0), default=0, help="Only entries after this one.")
@click.option("--follow", is_flag=True, help="Go on: print what is appended, until Ctrl-C.")
@click.option("--verify", is_flag=True, help="Check every entry against its hash, and say exactly what was edited, removed or inserted.")
@click.option("--head", is_flag=True, help="Print SEQ:HASH of the newest entry: an anchor to keep somewhere else.")
@click.option(
    "--expect", metavar="SEQ:HASH", default=None, help="Check that the journal still holds what --head printed; implies --verify."
)
@as_json
@click.pass_context
def command(
    ctx: click.Context, name: str | None, after: int, follow: bool, verify: bool, head: bool, expect: str | None, as_json: bool
) -> None:
    """Print every entry of the journal: number, when, who, what and why, and the start of its hash. With --json one JSON object a line.

    NAME is the project's model and may be left out. Each entry carries the hash of the one before it, so none can be changed, taken out or
    put in unseen; only a cut-off end needs an anchor (--head, kept elsewhere, and --expect).
    """
    settings, spec = project(ctx)
    model = spec.model.name
    same_model(name, model)
    stores = open_stores(settings)
    checks = verify or expect is not None
    if checks + head + follow > 1:
        raise UsageError("--follow, --head and --verify (or --expect) are different things to do", hint="give one of them")
    if head:
        _print_head(stores, model, as_json)
    elif checks:
        _verify(stores, model, expect, as_json, settings)
    else:
        _print(stores, model, after, follow, as_json, settings)


def _print(stores: Stores, model: str, after: int, follow: bool, as_json: bool, settings: Settings) -> None:
    out, newest = console(), 0
    while True:
        entries = stores.journal.read(model, after=newest)  # from the beginning: each is checked against its hash
        for entry in entries:
            newest = entry.seq
            if entry.seq <= after:
                continue
            if as_json:
                click.echo(to_json(to_plain(plain_entry(entry, lambda reason: told(reason, settings)))))
                continue
            one = tell(entry)
            about = f" {model}@{one.version}" if one.version else ""
            out.print(
                f"{entry.seq:>5}  {when(entry.at)}  {entry.actor}  {one.action}{about}: {told(one.reason, settings)}  [{entry.hash[:12]}]"
            )
        if not follow:
            return
        sys.stdout.flush()
        time.sleep(_EVERY)


def _print_head(stores: Stores, model: str, as_json: bool) -> None:
    stores.journal.read(model)  # an edited journal has no end worth keeping
    newest = head_of(stores.journal.links(model))
    if as_json:
        show_json({"model": model, "seq": newest.seq if newest else 0, "hash": newest.hash if newest else None})
    elif newest is None:
        say(f"the journal of {model} is empty")
    else:
        click.echo(f"{newest.seq}:{newest.hash}")


def _verify(stores: Stores, model: str, expect: str | None, as_json: bool, settings: Settings) -> None:
    deployed = stores.deployments.current(model)
    found = examine(
        model,
        stores.journal.links(model),
        expected=parse_head(expect) if expect is not None else None,
        served=deployed.seq if deployed is not None and not deployed.local else 0,
    )
    if as_json:
        show_json(plain_examined(found, lambda reason: told(reason, settings)))
    else:
        _show_verified(found, expect is not None, settings)
    sys.exit(1 if found.flaws else 0)


def _show_verified(found: Examined, anchored: bool, settings: Settings) -> None:
    out = console()
    for flaw in found.flaws:
        out.print(told(flaw.reason, settings))
    if found.flaws:
        say("the journal was changed outside Flyball: the loop and every verb that decides refuse to go on with it")
        say("restore flyball.db from a backup taken before, and find out who did it")
        return
    end = f", up to {found.head.hash[:12]}…" if found.head else ""
    out.print(f"{found.model}: {found.entries} entries, each as it was appended{end}")
    if not anchored and found.head:
        say("an end that was cut off is only seen against an anchor: keep what `flyball journal --head` prints, and give it to --expect")
