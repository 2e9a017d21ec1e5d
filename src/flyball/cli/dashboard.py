"""`flyball dashboard`: pages in a browser."""

import sys
import webbrowser

import click

from flyball.cli.frame import projects, say
from flyball.settings import admin_tokens
from flyball.wiring import open_dashboard


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Where, on this machine; 0 takes a free one.")
@click.option("--open", "show", is_flag=True, help="Open it in the browser as well.")
@click.pass_context
def command(ctx: click.Context, port: int, show: bool) -> None:
    """Look at the loop, and take the wheel: what serves, how it goes, what was decided and why, and the button that stops it.

    It listens on this machine only. Looking is free; the buttons need the token in FLYBALL_ADMIN_TOKEN, and without one they are closed.
    With -C on a folder of projects: all of them.
    """
    from flyball.dashboard.run import serve

    ports = open_dashboard(projects(ctx))

    def ready(url: str) -> None:
        say(f"the dashboard is at {url}  (Ctrl-C ends it)")
        if not admin_tokens():
            say("its buttons are closed: set FLYBALL_ADMIN_TOKEN to a secret (openssl rand -hex 32) and start it again to open them")
        if show:
            webbrowser.open(url)

    sys.exit(serve(ports, port, ready))
