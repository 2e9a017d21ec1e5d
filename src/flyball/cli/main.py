"""The command line: one verb per file, imported only when it is called."""

import atexit
import errno
import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from flyball.core.errors import FlyballError, UsageError

# What a folder that cannot be written, or a full disk, says: no fault of the program's, so no stack.
_OF_THE_DISK = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR})

# verb → (module, what it does in one line); in the order of the loop.
VERBS: dict[str, tuple[str, str]] = {
    "init": ("flyball.cli.init", "Begin a project: from an example, or from the CSV found here."),
    "adopt": ("flyball.cli.adopt", "Turn a model that lives in MLflow into a project."),
    "check": ("flyball.cli.check", "Say what flyball.toml means, and what is wrong with it."),
    "doctor": ("flyball.cli.doctor", "Say whether this machine has what the project needs."),
    "snapshot": ("flyball.cli.snapshot", "Prepare the data and keep the exact rows with DVC."),
    "train": ("flyball.cli.train", "Prepare, train, evaluate, gate, register."),
    "test": ("flyball.cli.test", "Ask a version what the project's own tests say."),
    "register": ("flyball.cli.register", "Register what a tracked run produced."),
    "comment": ("flyball.cli.comment", "Put an evaluation under the change that is proposed."),
    "models": ("flyball.cli.models", "List the versions with metrics and aliases."),
    "package": ("flyball.cli.package", "Write a version for Triton, KServe, MLflow, TensorFlow Serving."),
    "replay": ("flyball.cli.replay", "Ask a version what was asked of late, and compare its answers."),
    "promote": ("flyball.cli.promote", "Make a version champion (or challenger)."),
    "rollout": ("flyball.cli.rollout", "A new version's comparison: status, start, pause, abort."),
    "approve": ("flyball.cli.approve", "Let a promotion that waits for a person go through."),
    "decline": ("flyball.cli.decline", "Refuse a promotion that waits for a person."),
    "rollback": ("flyball.cli.rollback", "Go back to the previous champion."),
    "serve": ("flyball.cli.serve", "Answer predictions over HTTP."),
    "predict": ("flyball.cli.predict", "Score a file of any size with what is deployed."),
    "log": ("flyball.cli.log", "Take predictions made elsewhere, from a file."),
    "outcomes": ("flyball.cli.outcomes", "Tell what really happened, from a file."),
    "reference": ("flyball.cli.reference", "What drift is measured from: show it, or make it from a file."),
    "monitor": ("flyball.cli.monitor", "Measure drift and realised performance."),
    "skew": ("flyball.cli.skew", "Compare what was served with what is trained on."),
    "experiment": ("flyball.cli.experiment", "The rollout that runs, or the last: arms, gain, bounds, what follows."),
    "alerts": ("flyball.cli.alerts", "What fires since when, who was not told; try the receivers."),
    "silence": ("flyball.cli.silence", "Tell nobody of some alerts for a while."),
    "backtest": ("flyball.cli.backtest", "Replay history under several policies and compare them."),
    "tune": ("flyball.cli.tune", "Search for the best parameters of the training."),
    "tick": ("flyball.cli.tick", "Look once at everything and do what follows."),
    "up": ("flyball.cli.up", "Server and loop together, until Ctrl-C."),
    "dashboard": ("flyball.cli.dashboard", "Look at the loop, and take the wheel: pages in a browser."),
    "status": ("flyball.cli.status", "What serves, what runs, what comes next."),
    "freeze": ("flyball.cli.freeze", "Stop promotions and trainings; serving goes on."),
    "thaw": ("flyball.cli.thaw", "Let the loop act again."),
    "why": ("flyball.cli.why", "Why a version is what it is: every decision with its evidence."),
    "trace": ("flyball.cli.trace", "From one prediction back to version, run, commit and data."),
    "history": ("flyball.cli.history", "What was in production at a time, and what changed it."),
    "retrains": ("flyball.cli.retrains", "Every training: why, what it cost, what it bought."),
    "reproduce": ("flyball.cli.reproduce", "Train a version again from what is recorded, and compare."),
    "journal": ("flyball.cli.journal", "Everything that happened; check that nobody edited it."),
    "db": ("flyball.cli.db", "The database: how it stands, upgrade it, copy it, forget what is old."),
    "render": ("flyball.cli.render", "The project in other tools' words: Prometheus, Airflow, Kubeflow, …"),
    "export": ("flyball.cli.export", "Everything that is known, as Parquet and JSON lines: leaving."),
    "demo": ("flyball.cli.demo", "The loop over a year of real flights, live."),
}


class LazyGroup(click.Group):
    """A group whose help is written from the table and whose verbs are imported when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of the loop."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(VERBS[cmd_name][0]).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; a wrong one gets a suggestion."""
        name = args[0]
        if name not in VERBS and not name.startswith("-"):
            from flyball.core.schema import did_you_mean

            ctx.fail(f"there is no verb {name!r}{did_you_mean(name, VERBS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, line) for name, (_, line) in VERBS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="A project is the folder with flyball.toml. First steps: `flyball demo`, or `flyball init --example churn` and `flyball train`.",
)
@click.option(
    "-C", "folder", type=click.Path(path_type=Path), default=Path(), metavar="DIR", help="The project's folder (default: where you are)."
)
@click.option("--env", "environment", default=None, metavar="NAME", help="Work in this environment: [env.NAME] of flyball.toml holds.")
@click.version_option(package_name="flyball", prog_name="flyball")
@click.pass_context
def cli(ctx: click.Context, folder: Path, environment: str | None) -> None:
    """Keep a model good: prepare, train, evaluate, deploy, monitor, retrain, from one file.

    Results go to stdout (`--json` where offered), talk to stderr. Exit status: 0 done, 1 failed, 2 wrong usage.
    """
    ctx.obj = folder
    if environment is not None:
        from flyball.settings import choose_environment

        choose_environment(environment)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line (these arguments, or those of the process) and leave with its exit status."""
    # The interpreter looks for garbage once more before it ends: over all of MLflow that takes a second, and the system frees it anyway.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    try:
        status = cli.main(arguments, standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        status = 130
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        status = 130
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except FlyballError as error:
        click.echo(f"error: {error}", err=True)
        status = 2 if isinstance(error, UsageError) else 1
    except BrokenPipeError:
        sys.stderr.close()
        status = 1
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        click.echo(f"error: {error.filename or 'a file'}: {error.strerror}", err=True)
        status = 1
    sys.exit(status if isinstance(status, int) else 0)
