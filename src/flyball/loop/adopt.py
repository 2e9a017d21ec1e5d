"""A model that was made elsewhere becomes a version here: its bundle kept, the journal told, servers handed to it.

Nothing was trained and no gate was asked: the version is champion because a person said so, or because the alias that is followed says so.
"""

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from flyball.core.errors import ConflictError, RefusedError
from flyball.core.reason import because
from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.evaluation.records import Check, Decision
from flyball.journal.events import Event, Promoted, Registered
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.deploy import bring_up, deployment_of
from flyball.ports.history import Journal
from flyball.ports.serving import BundleStore, Deployments
from flyball.registry.bundle import write_bundle
from flyball.registry.records import Manifest
from flyball.registry.signing import SigningKey

_ATTEMPTS = 20


class FrozenError(RefusedError):
    """The loop is frozen: what serves stays. It may be tried again later."""


@record
class Source:
    """A model as somebody named it, resolved: `uri` names exactly one, `version` is the registry's number (0: it is in none).

    `identity` is equal for the same bytes, and for the same version of a registry.
    """

    asked: str
    uri: str
    name: str
    version: int
    run_id: str
    identity: str


@record
class Examined:
    """What was found of a source: the manifest its bundle will have, and the bundle's files by name, as paths (folders too).

    `manifest` is None where the identity was known before and nothing was looked at. `parity_rows` says on how many rows the compiled
    model was compared, `reference_rows` how many the reference was made from. `notes` are sentences for whoever asked.
    """

    source: Source
    manifest: Manifest | None
    files: Mapping[str, str]
    parity_rows: int
    reference_rows: int
    notes: tuple[str, ...]


@record
class Shelf:
    """Where an adopted version is put: the ports of one project, and the key that signs its bundles."""

    journal: Journal
    bundles: BundleStore
    deployments: Deployments
    key: SigningKey


def known_identities(state: State) -> dict[str, int]:
    """The versions that are here already, by identity."""
    return {known.registered.identity: version for version, known in state.versions.items()}


def adopt(
    shelf: Shelf,
    model: str,
    found: Examined,
    *,
    work: Path,
    borrowed: bool,
    actor: str,
    now: datetime,
    followed: str = "",
    promote: bool = True,
) -> tuple[State, int]:
    """Keep what was examined as a version, make it champion, and tell servers; the state after that, and the version.

    What is champion already stays so and nothing is written. FrozenError if another would become champion while the loop is frozen.
    `borrowed`: the registry it came from will never be written to. `followed`: the alias whose move is the reason. Without `promote` it
    is put beside the champion, if there is one. The bundle is put together in the folder `work`.
    """
    bundle = "" if found.manifest is None else _keep(shelf, found.manifest, found.files, work)
    for _ in range(_ATTEMPTS):
        state = fold(model, shelf.journal.read(model))
        events = _events(state, found, bundle, borrowed=borrowed, actor=actor, followed=followed, promote=promote)
        promoted = any(isinstance(event, Promoted) for event in events)
        if promoted:
            refuse_frozen(state, now)
        version = known_identities(state).get(found.source.identity) or _number(state, found.source)
        try:
            entries = shelf.journal.append(model, events, expected=state.seq, actor=actor, at=now) if events else []
        except ConflictError:
            continue
        state = fold(model, entries, start=state)
        if promoted or promote:
            bring_up(shelf.deployments, deployment_of(state))
        return state, version
    raise ConflictError(f"the journal of {model} is being written by others all the time", hint="try again")


def refuse_frozen(state: State, now: datetime) -> None:
    """FrozenError if there is a champion and the loop stands still. The first model of a folder moves nobody, and may come at any time."""
    freeze = state.frozen(now)
    if state.champion is None or freeze is None:
        return
    until = f" until {freeze.until:%Y-%m-%d %H:%M} UTC" if freeze.until else ""
    raise FrozenError(f"{state.model} is frozen{until} ({freeze.reason})", hint="`flyball thaw` ends it")


def _events(state: State, found: Examined, bundle: str, *, borrowed: bool, actor: str, followed: str, promote: bool) -> list[Event]:
    version = known_identities(state).get(found.source.identity)
    events: list[Event] = []
    if version is None:
        if found.manifest is None:
            raise RefusedError(f"nothing is known of {found.source.asked}", hint="run the command again")
        version = _number(state, found.source)
        events.append(_registered(found.source, found.manifest, version, bundle, borrowed=borrowed))
    if state.champion == version or not (promote or state.champion is None):
        return events
    code = "adopt.followed" if followed else "adopt.by_hand"
    why = because(code, version=version, source=found.source.asked, actor=actor)
    events.append(Promoted(version=version, replaced=state.champion, reason=why, forced=False, watch_until=None))
    return events


def _number(state: State, source: Source) -> int:
    """The registry's number, or the next one."""
    if not source.version:
        return max(state.versions, default=0) + 1
    if source.version in state.versions:
        known = state.versions[source.version].registered
        raise RefusedError(
            f"there is a {state.model}@{source.version} here already, from {known.source or 'a training'}",
            hint="another registry, or one that was emptied? Use a folder of its own: --state DIR (serve), or -C DIR (adopt)",
        )
    return source.version


def _registered(source: Source, manifest: Manifest, version: int, bundle: str, *, borrowed: bool) -> Registered:
    never_asked = Check(metric="", verdict=Verdict.NOT_APPLICABLE, reason=because("adopt.no_gate"))
    return Registered(
        version=version,
        run_id=source.run_id,
        bundle=bundle,
        snapshot=manifest.lineage.snapshot,
        identity=source.identity,
        engine=manifest.engine,
        metrics={},
        lower={},
        upper={},
        gate=Decision(verdict=Verdict.NOT_APPLICABLE, checks=(never_asked,)),
        cause="manual",
        action="",
        rows=0,
        trained_from=manifest.trained_from,
        trained_until=manifest.trained_until,
        seconds={},
        source=source.uri,
        borrowed=borrowed,
    )


def _keep(shelf: Shelf, manifest: Manifest, files: Mapping[str, str], work: Path) -> str:
    folder = work / "bundle"
    shutil.rmtree(folder, ignore_errors=True)
    write_bundle(folder, manifest, {name: Path(path) for name, path in files.items()}, shelf.key)
    try:
        return shelf.bundles.put(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
