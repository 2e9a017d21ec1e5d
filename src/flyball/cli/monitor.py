"""`flyball monitor`: drift, data quality and performance, as an answer, as JSON, as a page to mail, or live."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from flyball.adapters.engines import LOCAL, read_engine
from flyball.cli.frame import as_json, at_time, console, need, now_option, on_option, project, say, show_json, span, told, version_of
from flyball.cli.monitor_report import FAILURES, failures, plain
from flyball.core.errors import NotFoundError, SpecError, StoreError, UsageError
from flyball.core.record import record
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.counting import rebuild
from flyball.loop.evidence.monitor import keep, monitor
from flyball.loop.evidence.quality import live_schema_findings
from flyball.loop.memory import Memory
from flyball.loop.picture import Picture, take_picture
from flyball.loop.world import World
from flyball.monitoring.multivariate import MultivariateFound
from flyball.monitoring.records import QualityFinding
from flyball.render.report.text import Words, cleaned
from flyball.settings import Settings
from flyball.spec.records import Spec
from flyball.wiring import open_workshop, open_world

STDOUT = "-"


@record
class Asked:
    """What the options say. `at`: the time that was given, if one was."""

    window: timedelta | None
    version: str | None
    at: str | None
    html: str | None
    json: bool
    every_column: bool
    fail_on: tuple[str, ...]
    watch: bool
    pause: timedelta | None
    rebuild: bool
    schema: bool
    multivariate: bool
    variant: str | None
    data: str | None
    on: str


@click.command()
@click.option("--window", default=None, metavar="SPAN", help="The span up to now, such as 7d (default: the spec's [monitor] window).")
@click.option("--version", default=None, metavar="N", help="Look at this version instead of the champion.")
@click.option(
    "--variant",
    default=None,
    type=click.Choice(["champion", "challenger", "pinned", "unassigned", "shadow", "elsewhere"]),
    help="Drift of the rows it answered or scored in this role alone.",
)
@click.option("--html", default=None, metavar="FILE", help="Write a self-contained page that can be mailed (-: to stdout).")
@click.option("--all", "every_column", is_flag=True, help="List every column and slice, not only the worst 20.")
@click.option(
    "--fail-on",
    multiple=True,
    type=click.Choice(FAILURES),
    help="Exit 1 if a column drifts (warn: or warns), performance is certainly below its floor, or data quality has an error. "
    "May be repeated.",
)
@click.option("--watch", is_flag=True, help="Look again and again, live, until Ctrl-C.")
@click.option("--every", default=None, metavar="SPAN", help="With --watch: how often to look (default: 2s).")
@click.option("--rebuild", is_flag=True, help="First count everything anew from the prediction log.")
@click.option("--multivariate", is_flag=True, help="Also look at all columns together; it takes some seconds.")
@click.option("--data", default=None, metavar="PATH", help="Drift of this file, or folder of files, instead of what was served.")
@on_option
@click.option("--schema", is_flag=True, help="Also hold the window's rows against the schema that [quality] names.")
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, /, now: str | None, as_json: bool, window: str | None, every: str | None, **given: Any) -> None:
    """Say whether the model is still good: the answer first, then what moved, how well it did, what is wrong with the data.

    A column drifts when it has certainly moved further than the threshold: the whole interval [lower, upper] lies above it. Nothing here is
    a p-value, so more traffic does not make more alarms. Performance counts only predictions that are old enough, by days.

    \b
    flyball monitor                               the answer, the worst columns, performance
    flyball monitor --window 7d --all             every column over a week
    flyball monitor --html report.html            a page to mail
    flyball monitor --fail-on performance         exit 1 for cron and CI
    flyball monitor --watch                       live, until Ctrl-C
    flyball monitor --data lake/ --on dask        drift of files that were never served, counted on a cluster
    """
    settings, spec = project(ctx)
    asked = Asked(window=span("--window", window), at=now, json=as_json, pause=span("--every", every), **given)
    _check(asked)
    if asked.window is not None:
        spec = replace(spec, monitor=replace(spec.monitor, window=asked.window))
    world, memory = open_world(settings), Memory()
    if asked.watch:
        from flyball.cli.monitor_watch import watch

        watch(world, spec, settings, memory, pause=asked.pause or timedelta(seconds=2), json=asked.json, every_column=asked.every_column)
        return
    if asked.data is not None:
        picture = _files(world, spec, asked, now=at_time(now), settings=settings)
    else:
        picture = look(world, spec, memory, asked, now=at_time(now), settings=settings)
    _tell(picture, asked, settings)
    reasons = failures(picture, asked.fail_on)
    for reason in reasons:
        say(told(cleaned(reason), settings))
    sys.exit(1 if reasons else 0)


def look(world: World, spec: Spec, memory: Memory, asked: Asked, *, now: datetime, settings: Settings) -> Picture:
    """One look at one version, as it was asked for."""
    world.predictions.ingest()
    entries = world.journal.read(spec.model.name)
    state = fold(spec.model.name, entries)
    version = _version(asked.version, state, spec)
    if asked.rebuild:
        _rebuild(world, spec, state, memory, now=now, settings=settings)
    report = monitor(world, spec, state, version, memory, now=now, variant=asked.variant, clocks=asked.at is None)
    if asked.schema:
        report = replace(report, quality=(*report.quality, *_schema(world, spec, state, version, memory, now=now, settings=settings)))
    plainly = asked.window is None and asked.at is None and asked.variant is None
    if plainly and version == state.champion:  # what the loop would see now: the server's gauges
        keep(world, state, report, spec.monitor.window)
    picture = take_picture(world, spec, state, entries, memory, report, now=now)
    if asked.multivariate:
        picture = replace(picture, multivariate=_multivariate(world, spec, state, version, memory, now=now, settings=settings))
    return picture


def _files(world: World, spec: Spec, asked: Asked, *, now: datetime, settings: Settings) -> Picture:
    """Drift of files, whoever counts them."""
    from flyball.cli.monitor_lake import look_at_files

    state = fold(spec.model.name, world.journal.read(spec.model.name))
    version = _version(asked.version, state, spec)
    return look_at_files(settings, spec, state, version, Path(asked.data or ""), on=asked.on, now=now)


def _rebuild(world: World, spec: Spec, state: State, memory: Memory, *, now: datetime, settings: Settings) -> None:
    """Count everything anew, and say each million rows how far it is."""
    words, told = _words(settings), 0

    def progress(count: int) -> None:
        nonlocal told
        if count - told >= 1_000_000:
            told = count
            say(words("counted", count=count))

    count = rebuild(world, spec, state, memory, now=now, progress=progress)
    say(words("rebuilt", count=count))


def _multivariate(
    world: World, spec: Spec, state: State, version: int, memory: Memory, *, now: datetime, settings: Settings
) -> MultivariateFound:
    """All columns together: can a classifier tell recent rows from those of the training?"""
    from flyball.adapters.sklearn.apart import tell_apart
    from flyball.loop.multivariate import multivariate
    from flyball.loop.texts import embedder

    workshop = open_workshop(settings, spec, echo=say)
    embed = embedder(workshop, world.bundles, state.versions[version].registered.bundle, version)
    try:
        return multivariate(world, workshop.snapshots, tell_apart, embed, spec, state, version, memory, now=now)
    finally:
        workshop.trainer.close()


def _schema(
    world: World, spec: Spec, state: State, version: int, memory: Memory, *, now: datetime, settings: Settings
) -> Sequence[QualityFinding]:
    """What the project's own schema finds; it runs the project's code, in the process trainings run in."""
    if spec.quality.schema is None:
        raise SpecError("--schema: the spec names no schema", hint='write [quality] schema = "module:name" in flyball.toml')
    trainer = open_workshop(settings, spec, echo=say).trainer
    return live_schema_findings(world, spec, state, version, memory, trainer, now=now)


def _check(asked: Asked) -> None:
    """Refuse options that contradict each other."""
    if asked.window is not None and asked.window <= timedelta(0):
        raise UsageError("--window: the window has no length", hint="write for example --window 1d")
    if asked.pause is not None and not asked.watch:
        raise UsageError("--every is for --watch", hint="add --watch, or leave --every out")
    if asked.pause is not None and asked.pause < timedelta(milliseconds=100):
        raise UsageError("--every: ten looks in a second are the most", hint="write for example --every 2s")
    read_engine(asked.on)
    served = {
        "--window": asked.window,
        "--variant": asked.variant,
        "--rebuild": asked.rebuild,
        "--schema": asked.schema,
        "--multivariate": asked.multivariate,
        "--watch": asked.watch,
    }
    of_served = [name for name, value in served.items() if value]
    if asked.data is not None and of_served:
        raise UsageError(f"--data looks at files, {of_served[0]} is for what was served", hint=f"leave out --data or {of_served[0]}")
    if asked.data is None and asked.on != LOCAL:
        raise UsageError("--on says who counts the files of --data", hint="name them: --data PATH; what was served is counted already")
    once = {
        "--html": asked.html,
        "--fail-on": asked.fail_on,
        "--now": asked.at,
        "--version": asked.version,
        "--variant": asked.variant,
        "--rebuild": asked.rebuild,
        "--schema": asked.schema,
        "--multivariate": asked.multivariate,
    }
    alone = [name for name, value in once.items() if value]
    if asked.watch and alone:
        raise UsageError(f"--watch looks again and again, {alone[0]} is for one look", hint=f"leave out --watch or {alone[0]}")
    if asked.html == STDOUT and asked.json:
        raise UsageError("--html - and --json both write to stdout", hint="name a file for --html")
    if asked.html not in (None, STDOUT):
        path = Path(asked.html or "")
        if path.is_dir() or not path.parent.is_dir():
            raise UsageError(f"--html {asked.html}: this is no file in a folder that exists", hint="write for example --html report.html")


def _version(text: str | None, state: State, spec: Spec) -> int:
    if text is not None:
        version = version_of(text, spec.model.name)
        if version not in state.versions:
            raise NotFoundError(f"there is no {spec.model.name}@{version}", hint="`flyball models` lists the versions")
        return version
    need(state.champion is not None, f"{spec.model.name} has no champion to watch", "`flyball train` makes the first")
    assert state.champion is not None
    return state.champion


def _tell(picture: Picture, asked: Asked, settings: Settings) -> None:
    words = _words(settings)
    if asked.html is not None:
        from flyball.render.report.page import html_page

        page = html_page(picture, words.language)
        if asked.html == STDOUT:
            click.echo(page)
            return
        _write(Path(asked.html), page)
    if asked.json:
        show_json(plain(picture, settings))
        return
    from flyball.cli.monitor_view import headline, show
    from flyball.render.report.answer import answer

    if asked.html is None:
        show(picture, words, every=asked.every_column)
    else:
        console().print(headline(answer(picture), words))
        say(words("written", file=asked.html, size=round(len(page.encode()) / 1000)))


def _write(path: Path, page: str) -> None:
    """Put the page in place as a whole: who reads it meanwhile reads the one before."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        if path.exists() and not path.is_file():  # a pipe or a device: there is nothing to put in its place
            path.write_text(page, encoding="utf-8")
            return
        fresh.write_text(page, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}", hint="name another file, or make room") from error


def _words(settings: Settings) -> Words:
    return Words(settings.language)
