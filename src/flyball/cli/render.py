"""`flyball render`: what other tools need to know, as their own files."""

import json
import shlex
import sys
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from flyball.cli.frame import as_json, each_folder, say, show_json, span
from flyball.core.digest import sha256_bytes
from flyball.core.errors import RefusedError, SpecError, UsageError
from flyball.render.records import Files, Order, Source
from flyball.render.targets import TARGETS, Target, find, render
from flyball.settings import chosen_environment
from flyball.spec.load import FILE, environments, load_spec, parse_spec
from flyball.spec.records import Spec

MADE = ".flyball-render.json"
"""In a folder that was rendered into: which files were made here, and the digest of what was written."""

_LONGEST = timedelta(seconds=1)  # the last bucket of the servers' histogram: beyond it nothing is known


@click.command(epilog="\b\nTargets:\n" + "\n".join(f"  {name:<11} {one.says}" for name, one in TARGETS.items()))
@click.argument("target")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=None, metavar="DIR", help="Write the files here.")
@click.option("--force", is_flag=True, help="Also replace files that were not made here, or were changed since.")
@click.option(
    "--latency", default="100ms", show_default=True, metavar="SPAN", help="What 99 of 100 requests should stay under, at most 1s."
)
@click.option(
    "--availability",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    default=99.9,
    show_default=True,
    metavar="PERCENT",
    help="The share of requests that should be answered.",
)
@click.option("--prometheus", default="http://127.0.0.1:9090", show_default=True, metavar="URL", help="Where Grafana reaches Prometheus.")
@click.option("--review", is_flag=True, help="Of CI systems: only what a proposed change has to stand. That needs no shared stores.")
@click.option("--program", default=None, metavar="PATH", help="Of cron and systemd: where flyball is (default: this one).")
@click.option("--user", default=None, metavar="NAME", help="Of systemd: who runs it (default: whose folder the project is).")
@click.option(
    "--loop",
    type=click.Choice(["deployment", "cronjob"]),
    default="deployment",
    show_default=True,
    help="In a cluster the loop always runs, or looks at set times and goes.",
)
@click.option(
    "--rate",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    metavar="NUMBER",
    help="Predictions a second of one server in a cluster, from which another is started.",
)
@click.option("--called", multiple=True, metavar="NAME", help="Further names under which a cluster's servers are reached. Repeatable.")
@click.option(
    "--server-image", default="", metavar="IMAGE", help="The image of a cluster's servers (default: [deliver] image with -server)."
)
@click.option(
    "--database-port",
    type=click.IntRange(min=1, max=65_535),
    default=None,
    metavar="NUMBER",
    help="Where a cluster's servers reach the database (default: the port of its address, or 5432 where that is a secret).",
)
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    /,
    target: str,
    out: Path | None,
    force: bool,
    latency: str,
    availability: float,
    prometheus: str,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Render what another tool needs, from flyball.toml and the catalogue of series. Without --out it is printed.

    With --out, files that were not made here, or were changed since, are left alone and named; --force replaces them.

    With -C on a folder of projects, one rendering for all of them.
    """
    found = find(target)
    # the specs alone: what is rendered names variables, so none of their values is needed here
    specs, well = each_folder(ctx, lambda folder: load_spec(folder.resolve(), chosen_environment()))
    if not specs:
        raise UsageError(f"no project in {ctx.obj} can be read", hint="correct what is said above, then render again")
    specs = [replace(spec, folder=spec.folder.resolve()) for spec in specs]
    order = Order(
        specs=tuple(specs),
        latency=_latency(latency),
        availability=availability / 100,
        prometheus=_address(prometheus),
        root=_repository(specs[0].folder),
        sources={spec.model.name: _source(spec) for spec in specs},
        release=version("flyball"),
        **{
            **chosen,
            "program": chosen["program"] or _program(),
            "user": chosen["user"] or _owner(specs[0].folder),
            "database_port": chosen["database_port"] or 0,
        },
    )
    files = render(target, order)
    if found.machines and not order.review:
        _have_remotes(specs, order.root)
        _warn_of_loops(order)
    if out is not None:
        files, more = (files, "") if force else leave_theirs(files, out, found)
        written = write(files, out, force=force)
        if as_json:
            show_json({"target": target, "out": str(out), "files": sorted(files), "written": written})
        say(f"{len(files)} files in {out}, {len(written)} of them new or changed{more}")
        say(f"next: {found.then.format(out=shlex.quote(str(out)))}")
    elif as_json:
        show_json({"target": target, "files": dict(files)})
    else:
        for name, text in files.items():
            click.echo(f"# ==> {name} <==\n{text}")
        say(f"to write these files: flyball render {target} --out DIR")
    sys.exit(0 if well else 1)


def _repository(folder: Path) -> Path | None:
    """The top of the git repository that a project lies in."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)


def _program() -> str:
    """Where this flyball is."""
    beside = Path(sys.executable).parent / "flyball"
    return str(beside) if beside.is_file() else "flyball"


def _owner(folder: Path) -> str:
    try:
        return folder.owner()
    except (KeyError, OSError):  # nobody by name
        return "flyball"


def _source(spec: Spec) -> Source:
    """The text a spec was read from, and the spec as it is in each of its environments."""
    text = (spec.folder / FILE).read_text(encoding="utf-8")
    return Source(text=text, environments={name: parse_spec(text, folder=spec.folder, environment=name) for name in environments(text)})


def write(files: Files, out: Path, *, force: bool) -> list[str]:
    """Write the files below a folder, all or none, and say which are new or changed.

    RefusedError names those that stand there already and were not made here, or were changed since.
    """
    made = _made(out / MADE)
    theirs, fresh = [], []
    for name, text in files.items():
        there = _content(out / name)
        if there is None or there != text.encode():
            fresh.append(name)
            if there is not None and made.get(name) != sha256_bytes(there):
                theirs.append(name)
    if theirs and not force:
        raise RefusedError(
            f"{out} has files that were not made here or were changed since: {', '.join(theirs)}",
            hint="name another folder, move them away, or replace them with --force",
        )
    for name in fresh:
        _replace(out / name, files[name])
    _replace(out / MADE, json.dumps({**made, **{name: sha256_bytes(text.encode()) for name, text in files.items()}}, indent=2) + "\n")
    return fresh


def leave_theirs(files: Files, out: Path, target: Target) -> tuple[Files, str]:
    """Without the file that a project has one of its own of, and what that file needs to say; all of them where there is none."""
    if target.theirs is None:
        return files, ""
    name, above, line = target.theirs
    there = _content(out / name)
    if name not in files or there is None or there == files[name].encode() or _made(out / MADE).get(name) == sha256_bytes(there):
        return files, ""
    kept = {one: text for one, text in files.items() if one != name}
    said = "".join(f"\n{line.format(name=one)}" for one in kept if one not in there.decode(errors="replace"))
    return kept, f"\n{name} is yours and was left alone" + (f"; it needs:\n{above}{said}" if said else "")


def _have_remotes(specs: list[Spec], root: Path | None) -> None:
    """SpecError unless the rows of each project can be pushed where another machine finds them."""
    for spec in specs:
        if not spec.stores.remote and not _dvc_remote(spec.folder, root):
            where = f"[env.{spec.environment}.stores]" if spec.environment else "[stores]"
            raise SpecError(
                f"{spec.model.name} has no DVC remote: one step could not push the rows that the next one needs",
                hint=f'dvc remote add -d NAME URL, or remote = "s3://..." under {where}; or render with --review what needs none',
            )


def _warn_of_loops(order: Order) -> None:
    """Say which environments ask for trainings and would not see what comes of them."""
    for model, source in order.sources.items():
        for name, spec in source.environments.items():
            if spec.train.external is not None and not (spec.stores.database and spec.stores.mlflow):
                say(f"warning: {model}: [env.{name}.train] external asks others to train, and [env.{name}.stores] names no shared stores")


def _dvc_remote(folder: Path, root: Path | None) -> bool:
    """Whether DVC has a default remote, in the nearest of its configurations that are committed."""
    top = root or folder
    for place in (folder, *(one for one in folder.parents if one.is_relative_to(top))):
        if (place / ".dvc").is_dir():
            config = ConfigParser(strict=False, interpolation=None)
            try:
                config.read(place / ".dvc" / "config", encoding="utf-8")
            except (ConfigError, UnicodeDecodeError):
                return True  # DVC itself says what is wrong with it
            return bool(config.get("core", "remote", fallback=""))
    return False


def _content(path: Path) -> bytes | None:
    """What stands there; None if nothing does."""
    if path.is_dir():
        raise RefusedError(f"{path} is a folder, and a file should stand there", hint="move it away or name another folder")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _made(path: Path) -> Mapping[str, str]:
    """The digests of what was made here before; what cannot be read was not."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in found.items()} if isinstance(found, dict) else {}


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def _latency(text: str) -> timedelta:
    """A span that may be in milliseconds."""
    number = text.removesuffix("ms")
    found = timedelta(milliseconds=float(number)) if text.endswith("ms") and number.isdecimal() else span("--latency", text)
    if not isinstance(found, timedelta) or not timedelta(0) < found <= _LONGEST:
        raise UsageError(
            f"--latency {text} is not between 0 and 1s", hint="servers tell latencies apart up to a second: write for example 250ms"
        )
    return found


def _address(text: str) -> str:
    try:
        split = urlsplit(text)
        sound = split.scheme in ("http", "https") and bool(split.hostname)
    except ValueError:
        sound = False
    if not sound:
        raise UsageError(f"--prometheus {text} is no web address", hint="write for example http://127.0.0.1:9090")
    return text
