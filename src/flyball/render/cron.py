"""A crontab for the loop, on the machine where the project stands."""

import shlex

from flyball.core.errors import SpecError
from flyball.core.slug import slug
from flyball.plan.make import make_plan
from flyball.render.calendar import cron
from flyball.render.pipelines.parts import folder_text
from flyball.render.records import Files, Order
from flyball.spec.delivery import Resources
from flyball.spec.records import Spec

# A value is what stands after the first =, without the single quotes around it. Nothing in it is executed.
_READ = (
    'while IFS= read -r one || [ -n "$one" ]; do case $one in '
    "[A-Za-z_]*=\\'*\\') one=${one%\\'}; export \"${one%%=*}=${one#*=\\'}\" ;; "
    '[A-Za-z_]*=*) export "$one" ;; esac; done'
)


def files(order: Order) -> Files:
    """`MODEL.crontab` for each project: the look of the loop, which trains, promotes and rolls back by itself."""
    return {f"{slug(spec.model.name)}.crontab": crontab(spec, order.program) for spec in order.specs}


def crontab(spec: Spec, program: str) -> str:
    """The lines. A tick that takes longer than the span between two is not begun twice."""
    plan, folder = make_plan(spec), folder_text(spec.folder)
    found = cron(plan.look, plan.slug, key="deliver.look")
    said = [f"# {found.rounded}"] if found.rounded else []
    if spec.resources != Resources():
        said.append("# cron limits nothing: what [train] resources says is not kept here.")
    secrets = f"$HOME/.config/flyball/{plan.slug}.env"
    known = [
        f"# Secrets stand in ~/.config/flyball/{plan.slug}.env, which only you may read: {', '.join(plan.secrets)}",
        f"# One a line, such as {(*plan.secrets, 'NAME')[0]}='value'; no shell reads a value, whatever it holds.",
    ]
    variables = [f"{name}={text}" for name, text in plan.variables.items()]
    run = shlex.join(["flock", "--nonblock", "--conflict-exit-code", "0", ".flyball/tick.lock"])
    words = [*(["env", *variables] if variables else []), program, *plan.watch.verb]
    read = f'{_READ} < "{secrets}" && ' if plan.secrets else ""
    line = f"cd {shlex.quote(folder)} && mkdir -p .flyball && {read}{run} {shlex.join(words)} >> .flyball/tick.log 2>&1"
    return "\n".join(
        [
            "# Made by `flyball render cron`; change flyball.toml and render again.",
            *(known if plan.secrets else []),
            *said,
            f"{found.line} {in_crontab(line)}",
            "",
        ]
    )


def in_crontab(line: str) -> str:
    """A command as a line of a crontab: there `%` would end it, and a line end cannot stand in it.

    >>> print(in_crontab("date +%F"))
    date +\\%F
    """
    if any(ord(letter) < 32 or letter == "\x7f" for letter in line):
        raise SpecError(
            "a crontab cannot hold the control characters of this project's variables or environment",
            hint="keep such variables in the file of secrets, or render for systemd",
        )
    return line.replace("%", "\\%")
