"""`flyball serve models:/NAME@ALIAS`: serve a model that was logged by plain MLflow, without a spec, from a small folder of its own."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from flyball.adapters.mlflow.source import check, may_move, name_of, tracking_uri
from flyball.cli.foreign import Foreign, Taken, classes_of, follow, take_in
from flyball.cli.frame import say
from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.core.slug import slug
from flyball.settings import Settings, read_settings
from flyball.spec.adopted import Around, propose_around
from flyball.spec.load import FILE, load_spec
from flyball.spec.records import Spec

PLACE = ".flyball-serve"
FOLLOW_EVERY = 30.0


@record
class ModelOptions:
    """What the command line says of a model that is served without a spec. `state`: the folder to keep things in (None: the usual)."""

    asked: str
    state: Path | None
    classes: str | None
    trusted: bool
    follow: bool
    follow_every: float = FOLLOW_EVERY


def serve_model(folder: Path, options: ModelOptions, run: Callable[[Settings, Spec], int]) -> int:
    """Take the model in, keep following what its name means, and serve it until told to stop."""
    check(options.asked)
    place = (options.state or _place(folder, options.asked)).resolve()
    wanted = Foreign(
        asked=options.asked,
        tracking_uri=tracking_uri(read_settings(folder).tracking_uri, folder),
        trusted=options.trusted,
        classes=classes_of(options.classes),
        data="",
        borrowed=True,
    )
    place.mkdir(parents=True, exist_ok=True)
    settings = read_settings(place)
    say(f"looking at {options.asked} ...")
    try:
        taken = take_in(wanted, settings, say=say)
    except FlyballError:
        with contextlib.suppress(OSError):  # there is something in it
            place.rmdir()
        raise
    tell(taken, options.asked)
    spec = _spec(place, wanted, taken)
    say(f"bundle, log and journal are in {place}; `flyball -C {place} status` and the other verbs work there")
    if not (options.follow and may_move(options.asked)):
        return run(settings, spec)
    known = taken.state.versions[taken.version].registered.identity
    stop = follow(wanted, settings, known, every=options.follow_every, say=say)
    try:
        return run(settings, spec)
    finally:
        stop.set()


def tell(taken: Taken, asked: str) -> None:
    """Say what the model is, and what was found."""
    manifest = taken.manifest
    kind: str = manifest.task
    if manifest.classes:
        kind = f"{kind}, answers {', '.join(str(label) for label in manifest.classes[:10])}"
    elif manifest.outputs:
        kind = f"{kind}, {len(manifest.outputs)} outputs"
    say(f"{manifest.model}@{taken.version} from {asked}: {kind}; {len(manifest.schema.columns)} features; engine {manifest.engine}")
    for note in taken.found.notes:
        say(f"  {note}")


def _place(folder: Path, asked: str) -> Path:
    """A folder beside what people are doing, which no repository takes up."""
    home = folder / PLACE
    home.mkdir(parents=True, exist_ok=True)
    ignore = home / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    return home / slug(name_of(asked))


def _spec(place: Path, wanted: Foreign, taken: Taken) -> Spec:
    """The spec that other verbs read there: written once, and again if another kind of model came to stand behind the name."""
    manifest, path = taken.manifest, place / FILE
    if path.exists():
        spec = load_spec(place)
        if (spec.model.name, spec.model.task) == (manifest.model, manifest.task):
            return spec
    path.write_text(
        propose_around(
            Around(
                name=manifest.model,
                task=manifest.task,
                schema=manifest.schema,
                classes=manifest.classes,
                source=wanted.asked,
                made=f"{manifest.created_at:%Y-%m-%d}",
                data="",
                target="",
                note="Made by `flyball serve`; nothing here is ever written to the registry that the model came from.",
            )
        ),
        encoding="utf-8",
    )
    return load_spec(place)
