"""Models that were made elsewhere, as verbs take them in: looked at in a child, put on the shelf of a folder, followed."""

import json
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from flyball.adapters.child.order import Order, examine
from flyball.adapters.mlflow.source import MlflowSource, check, content_identity, identity_with, name_of
from flyball.core.errors import FlyballError, StoreError, UnsupportedError
from flyball.core.record import record
from flyball.journal.events import Promoted
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.adopt import Examined, FrozenError, Shelf, Source, adopt, known_identities, refuse_frozen
from flyball.registry.bundle import read_manifest
from flyball.registry.records import Manifest
from flyball.serving.records import Label
from flyball.settings import Settings
from flyball.stores import wall_clock
from flyball.wiring import open_shelf


@record
class Foreign:
    """A model as somebody asked for it. `data`: a file with rows like those it will meet. `borrowed`: its registry is not written to."""

    asked: str
    tracking_uri: str
    trusted: bool
    classes: tuple[Label, ...]
    data: str
    borrowed: bool


@record
class Taken:
    """What came of taking a model in."""

    state: State
    version: int
    manifest: Manifest
    found: Examined


def classes_of(text: str | None) -> tuple[Label, ...]:
    """Classes named on the command line: numbers and true/false as such, anything else as text."""

    def one(word: str) -> Label:
        try:
            found = json.loads(word)
        except ValueError:
            return word
        return found if isinstance(found, int | float | str) else word

    return tuple(one(word.strip()) for word in text.split(",")) if text else ()


def take_in(wanted: Foreign, settings: Settings, *, say: Callable[[str], None], followed: str = "") -> Taken:
    """Have the model looked at, unless it is known here, and make it what serves in a folder. A new folder where that fails stays empty."""
    check(wanted.asked)
    fresh = not settings.database.exists() and not settings.state.exists()
    try:
        return _taken(wanted, settings, say, followed)
    except FlyballError:
        if fresh:
            shutil.rmtree(settings.state, ignore_errors=True)
            for left in settings.folder.glob(f"{settings.database.name}*"):
                left.unlink(missing_ok=True)
        raise


def _taken(wanted: Foreign, settings: Settings, say: Callable[[str], None], followed: str) -> Taken:
    shelf, model = open_shelf(settings), name_of(wanted.asked)
    state = fold(model, shelf.journal.read(model))
    if followed:
        refuse_frozen(state, wall_clock())  # before a model is looked at again and again, for nothing
    (settings.state / "work").mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="adopt-", dir=settings.state / "work"))
    try:
        found = _known_here(wanted, state) or _examined(wanted, state, work)
        state, version = adopt(
            shelf, model, found, work=work, borrowed=wanted.borrowed, actor=settings.actor, now=wall_clock(), followed=followed
        )
    except FrozenError as error:
        if followed or not wanted.borrowed or state.champion is None:
            raise
        say(f"warning: {error.message}; serving {model}@{state.champion}, whatever {wanted.asked} means now")
        found, version = _as_before(state, state.champion), state.champion
    except StoreError as error:
        last = _last(shelf, model, wanted.asked)
        if last is None or followed or not wanted.borrowed or last != state.champion:
            raise
        say(f"warning: {error.message}; serving {model}@{last}, which {wanted.asked} meant the last time")
        found, version = _as_before(state, last), last
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Taken(state=state, version=version, manifest=_manifest(shelf, state, version, wanted), found=found)


def _last(shelf: Shelf, model: str, asked: str) -> int | None:
    """The version that this very name brought in last."""
    promoted = [entry.event for entry in shelf.journal.read(model) if isinstance(entry.event, Promoted)]
    return next((event.version for event in reversed(promoted) if event.reason.values.get("source") == asked), None)


def follow(wanted: Foreign, settings: Settings, identity: str, *, every: float, say: Callable[[str], None]) -> threading.Event:
    """In a thread: look now and then whether what was asked for means another model, and take that in. The event ends it."""
    stop = threading.Event()
    threading.Thread(target=_follow, args=(wanted, settings, identity, every, say, stop), name="follow", daemon=True).start()
    return stop


def _follow(wanted: Foreign, settings: Settings, identity: str, every: float, say: Callable[[str], None], stop: threading.Event) -> None:
    source, told = MlflowSource(wanted.tracking_uri), ""
    while not stop.wait(every):
        try:
            found = source.resolve(wanted.asked)
            now = identity_with(found.identity, wanted.classes)
            if now != identity:
                say(f"{wanted.asked} means version {found.version} now")
                identity = _taken_up(wanted, settings, now, say)
            told = ""
        except Exception as error:  # noqa: BLE001 - following must outlive whatever a registry does; what serves goes on
            said = error.message if isinstance(error, FlyballError) else f"{type(error).__name__}: {error}"
            if said != told:
                say(f"warning: {wanted.asked} cannot be followed: {said}; what serves goes on, and it is tried again")
            told = said


def _taken_up(wanted: Foreign, settings: Settings, identity: str, say: Callable[[str], None]) -> str:
    """Take in what a name has come to mean. What cannot be served is told once, and not tried again before the name moves on;
    while the registry is away or the loop is frozen, it is."""
    try:
        for note in take_in(wanted, settings, say=say, followed=wanted.asked).found.notes:
            say(f"  {note}")
    except (StoreError, FrozenError):
        raise
    except FlyballError as error:
        say(f"warning: it is not taken up: {error.message}; what serves goes on")
    return identity


def _known_here(wanted: Foreign, state: State) -> Examined | None:
    """A model in a folder of this machine that was looked at before: found without MLflow."""
    folder = Path(wanted.asked)
    if not (folder / "MLmodel").is_file():
        return None
    identity = identity_with(content_identity(folder.resolve()), wanted.classes)
    version = known_identities(state).get(identity)
    return None if version is None else _as_before(state, version)


def _as_before(state: State, version: int) -> Examined:
    """What is here from the last time."""
    known = state.versions[version].registered
    source = Source(asked=known.source, uri=known.source, name=state.model, version=version, run_id=known.run_id, identity=known.identity)
    return Examined(source=source, manifest=None, files={}, parity_rows=0, reference_rows=0, notes=())


def _examined(wanted: Foreign, state: State, work: Path) -> Examined:
    return examine(
        Order(
            asked=wanted.asked,
            tracking_uri=wanted.tracking_uri,
            trusted=wanted.trusted,
            known=tuple(known_identities(state)),
            classes=wanted.classes,
            data=str(Path(wanted.data).resolve()) if wanted.data else "",
            folder=str(work),
            now=wall_clock(),
        )
    )


def _manifest(shelf: Shelf, state: State, version: int, wanted: Foreign) -> Manifest:
    """The manifest of a version that is here; UnsupportedError if it runs code and is not trusted."""
    digest = state.versions[version].registered.bundle
    manifest = read_manifest(shelf.bundles.path(digest), digest)
    if manifest.engine == "native" and not wanted.trusted:
        raise UnsupportedError(
            f"{wanted.asked} is served by running its own Python code ({manifest.engine_reason}), with your rights, on this machine",
            hint="if you trust whoever made it, say so: add --trusted-code",
        )
    return manifest
