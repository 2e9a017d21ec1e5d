"""A rollback of this machine alone: a file that its servers watch, for when neither the database nor the registry answers."""

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from flyball.core.codec import from_json, to_json
from flyball.core.errors import FlyballError, StoreError
from flyball.core.record import record
from flyball.serving.records import Deployment

_FILE = "rollback.json"
_DEPLOYMENT = "deployment.json"


@record
class LocalRollback:
    """On this machine `to` answers in the place of `version`, since `at`, because `actor` said so. `seq`: the deployment it was said of."""

    model: str
    version: int
    to: int
    seq: int
    reason: str
    actor: str
    at: datetime


def holds(local: LocalRollback, deployment: Deployment) -> bool:
    """Whether a rollback of this machine still says what is to answer: as long as the deployment names the champion that was given up,
    and nobody made it champion once more after that.
    """
    if local.model != deployment.model or local.version != deployment.champion or local.to not in deployment.bundles:
        return False
    return deployment.champion_since is None or deployment.champion_since <= local.at


def as_served(deployment: Deployment, local: LocalRollback | None) -> Deployment:
    """What this machine answers with: that deployment, or what a rollback of this machine that holds makes of it.

    Nothing is compared or guarded meanwhile.
    """
    if local is None or not holds(local, deployment):
        return deployment
    return replace(
        deployment,
        champion=local.to,
        challenger=None,
        challenger_share=0.0,
        shadow=(),
        previous=None,
        guardrails=None,
        watched=False,
        local=True,
    )


def read_local(state: Path) -> LocalRollback | None:
    """The rollback in a project's `.flyball` folder, if there is one; what cannot be read is none."""
    try:
        return from_json((state / _FILE).read_bytes(), LocalRollback)
    except (OSError, FlyballError):
        return None


def stamp(state: Path) -> tuple[int, int, int] | None:
    """What changes when the file does; None if there is none. It costs two millionths of a second."""
    try:
        found = os.stat(state / _FILE)  # noqa: PTH116 - a path's own costs twice that
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def write_local(state: Path, local: LocalRollback) -> None:
    """Say so to the servers of this machine, all of it or nothing; StoreError if the disk refuses."""
    try:
        fresh = state / f"{_FILE}.new"
        fresh.write_text(to_json(local))
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(state / _FILE)
    except OSError as error:
        raise StoreError(f"cannot write {state / _FILE}: {error.strerror or error}") from error


def remove_local(state: Path) -> None:
    """Take it back."""
    (state / _FILE).unlink(missing_ok=True)


def last_served(state: Path) -> Deployment | None:
    """The deployment that servers of this project took up last, as they left it beside the bundles."""
    try:
        return from_json((state / _DEPLOYMENT).read_bytes(), Deployment)
    except (OSError, FlyballError):
        return None


def remember(state: Path, deployment: Deployment, worker: str) -> None:
    """Leave the last good deployment there; OSError if the disk refuses."""
    last = state / _DEPLOYMENT
    fresh = last.with_suffix(f".{worker}.new")
    fresh.parent.mkdir(parents=True, exist_ok=True)
    fresh.write_text(to_json(deployment))
    fresh.replace(last)
