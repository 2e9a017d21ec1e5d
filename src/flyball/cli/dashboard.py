"""`flyball dashboard`: pages in a browser."""

import secrets
import sys
import webbrowser

import click

from flyball.cli.frame import projects, say
from flyball.settings import admin_tokens
from flyball.wiring import open_dashboard


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="On this machine (default: 8080, or a free one; 0: a free one).")
@click.option("--open", "show", is_flag=True, help="Open it in the browser as well.")
@click.option("--read-only", is_flag=True, help="Close the buttons, whatever tokens there are.")
@click.option("--leash", is_flag=True, hidden=True, help="End when stdin ends: whoever started this is gone then.")
@click.pass_context
def command(ctx: click.Context, port: int | None, show: bool, read_only: bool, leash: bool) -> None:
    """Look at the loop, and take the wheel: what serves, how it goes, what was decided and why, and the button that stops it.

    It listens on this machine only. Looking is free; the buttons need a token: one of FLYBALL_ADMIN_TOKEN, or, where that is not set and
    this is a terminal, one made for this run, which is in the address that is printed. With -C on a folder of projects: all of them.
    """
    from flyball.dashboard.run import serve

    own = "" if read_only or admin_tokens() or not sys.stderr.isatty() else secrets.token_urlsafe(32)
    ports = open_dashboard(projects(ctx), own=own, read_only=read_only)

    def ready(url: str) -> None:
        address = f"{url}/#token=dashboard:{own}" if own else url
        say(f"the dashboard is at {address}  (Ctrl-C ends it)")
        if not own and not read_only and not admin_tokens():
            say("its buttons are closed: set FLYBALL_ADMIN_TOKEN to a secret (openssl rand -hex 32) and start it again to open them")
        if show:
            webbrowser.open(url)  # without the token: a command line can be read by everybody on the machine

    sys.exit(serve(ports, port, ready, leash=0 if leash else None))
