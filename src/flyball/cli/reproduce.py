"""`flyball reproduce NAME@V`: train a version again from what is recorded, and say where it differs."""

import shutil
import sys
import tempfile
from pathlib import Path

import click

from flyball.cli.frame import as_json, at_time, console, now_option, project, say, show_json, show_table, told, version_of
from flyball.core.errors import UsageError
from flyball.loop.past.plain import plain_reproduction
from flyball.loop.past.reproduce import Reproduction, reproduce
from flyball.settings import Settings
from flyball.wiring import open_studio


@click.command()
@click.argument("version")
@click.option(
    "--keep",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Keep the scratch folder here (code, rows, both models); it must not exist, or be empty.",
)
@click.option(
    "--other-code",
    is_flag=True,
    help="Run code, or a flyball.toml, whose digest is not the recorded one. Look at it first: whoever may write to the tracking store "
    "may have put it there.",
)
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, version: str, keep: Path | None, other_code: bool, now: str | None, as_json: bool) -> None:
    """Train VERSION (NAME@3, or 3) again: its commit and uncommitted changes, its snapshot, its parameters, in a folder of its own.

    Says whether the model is byte for byte the same, or where it differs: which files, scores over the held-out rows, metrics side by
    side, packages. Code that is not what the version's manifest names is not run without --other-code. Project, registry and data are
    only read; the journal gets one entry. Exit 0 if every file is the same, else 1.
    """
    settings, spec = project(ctx)
    number = version_of(version, spec.model.name)
    scratch = _scratch(keep)
    try:
        studio = open_studio(settings, spec, scratch, echo=lambda line: say(f"  | {line}"))
        found = reproduce(spec.model.name, number, studio, actor=settings.actor, now=at_time(now), other_code=other_code, progress=say)
    finally:
        if keep is None:
            shutil.rmtree(scratch, ignore_errors=True)
    if as_json:
        show_json(plain_reproduction(found, lambda reason: told(reason, settings)))
    else:
        _show(found, settings)
        if keep is not None:
            say(f"kept in {scratch}")
    sys.exit(0 if found.identical else 1)


def _scratch(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="flyball-reproduce-"))
    if keep.exists() and any(keep.iterdir()):
        raise UsageError(f"--keep {keep}: there is something in it already", hint="name a folder that does not exist")
    keep.mkdir(parents=True, exist_ok=True)
    return keep.resolve()


def _show(found: Reproduction, settings: Settings) -> None:
    out, code = console(), found.code
    out.print(told(found.reason, settings))
    taken = {
        "commit": f"commit {code.commit}",
        "commit and diff": f"commit {code.commit} with the uncommitted changes that the run kept",
        "commit and run": f"commit {code.commit}, and from the run {code.missing}",
        "run": f"what the run kept ({code.missing})",
    }[code.taken]
    out.print(f"code      {taken}" + ("" if code.same_code else "; its digest is NOT the recorded one"))
    if not code.same_spec:
        out.print("spec      what it says of the training is not what was recorded, or was recorded by another Flyball")
    out.print(f"data      sha256 {found.snapshot}, {found.rows_trained} rows trained, {found.rows} held out")
    for one in found.files:
        then, now = one.then[:16] or "none", one.now[:16] or "none"
        out.print(f"{one.name:9} " + (f"same bytes, sha256 {then}…" if one.same else f"differs: {then}… then, {now}… now"))
    if found.largest_difference is None:
        out.print("scores    of another shape")
    else:
        off = f"{found.differing} of {found.rows} differ, by at most {found.largest_difference:.3g}"
        out.print("scores    " + (off if found.differing else f"all {found.rows} the same"))
    if found.repeatable is not None:
        out.print("again     " + ("twice in a row here: the same model" if found.repeatable else "twice in a row here: two models"))
    for package in found.packages:
        out.print(f"package   {package.name} {package.then or 'not installed'} then, {package.now or 'not installed'} now")
    rows = [(name, then, now, now - then) for name, (then, now) in found.metrics.items()]
    show_table(("metric", "then", "now", "difference"), rows)
