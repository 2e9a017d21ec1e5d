"""`flyball adopt models:/NAME@ALIAS`: turn a model that lives in somebody's MLflow into a project."""

import os
from pathlib import Path

import click

from flyball.adapters.mlflow.source import MlflowSource, tracking_uri
from flyball.adapters.remote.address import is_address
from flyball.cli.foreign import Foreign, Taken, classes_of, take_in
from flyball.cli.frame import as_json, say, show_json
from flyball.cli.serve import trusted_option
from flyball.cli.serve_model import tell
from flyball.core.codec import to_plain
from flyball.core.errors import DataError, FlyballError, RefusedError, UsageError
from flyball.settings import Settings, read_settings
from flyball.spec.adopted import Around, propose_around
from flyball.spec.load import FILE, parse_spec


@click.command()
@click.argument("model")
@click.option("--data", type=click.Path(path_type=Path), default=None, metavar="FILE", help="Rows like those it meets: the reference.")
@click.option("--target", default=None, metavar="COLUMN", help="The column of FILE with what really happened.")
@click.option("--classes", default=None, metavar="A,B,…", help="The classes of a model that does not name them, in their order.")
@click.option("--features", default=None, metavar="A,B,…", help="An address: the columns of a model that does not name them.")
@click.option("--output", default=None, metavar="NAME", help="An address: the output that holds the scores, if there are several.")
@click.option("--name", default=None, metavar="NAME", help="An address: what the model is called here (default: as it is there).")
@trusted_option
@as_json
@click.pass_obj
def command(
    folder: Path,
    model: str,
    data: Path | None,
    target: str | None,
    classes: str | None,
    features: str | None,
    output: str | None,
    name: str | None,
    trusted_code: bool,
    as_json: bool,
) -> None:
    """Write a flyball.toml around MODEL (models:/NAME@ALIAS or models:/NAME/VERSION) here, and make it the champion.

    MODEL may also be the address of a model that another server answers for: http://HOST:8501/v1/models/NAME (TensorFlow Serving) or
    http://HOST:8000/v2/models/NAME (Triton, KServe, MLServer). `flyball serve` then stands in front of that server. In a folder with a
    project of that name, a further address becomes a further version, which `promote` or a rollout puts to work.

    From then on `serve`, `status`, `models`, `why`, `monitor`, `promote`, `rollback` and `freeze` work; training does once the lines marked
    `complete:` in flyball.toml are. In the registry the version gets the alias champion and tags that say it was adopted.
    """
    if is_address(model):
        from flyball.cli.adopt_address import Said, adopt_address

        adopt_address(folder, model, data, target, Said(classes=classes, features=features, output=output, name=name), as_json=as_json)
        return
    if features or output or name:
        raise UsageError("--features, --output and --name go with an address", hint="leave them out")
    _refuse(folder, model)
    if data is not None and not data.is_file():
        raise DataError(f"there is no file {data}", hint="name a CSV or Parquet file with the columns that the model reads")
    folder.mkdir(parents=True, exist_ok=True)
    settings = read_settings(folder)
    wanted = Foreign(
        asked=model,
        tracking_uri=tracking_uri(settings.tracking_uri, folder),
        trusted=trusted_code,
        classes=classes_of(classes),
        data="" if data is None else str(data),
        borrowed=False,
    )
    taken = take_in(wanted, settings, say=say)
    text = _spec(taken, wanted, settings, data, target)
    parse_spec(text, folder=settings.folder)
    with (settings.folder / FILE).open("x", encoding="utf-8") as file:
        file.write(text)
    trouble = _tell_registry(taken, wanted, settings)
    if as_json:
        show_json(_plain(taken, trouble))
        return
    tell(taken, model)
    for one in trouble:
        say(f"warning: {one}")
    click.echo(str(folder / FILE))
    place = "" if folder == Path() else f" -C {folder}"
    say(f"next: flyball{place} serve{' --trusted-code' if taken.manifest.engine == 'native' else ''}")


def _refuse(folder: Path, model: str) -> None:
    """UsageError or RefusedError for what cannot be adopted from a registry into this folder."""
    if not model.startswith("models:/") or ("@" not in model and "/" not in model.removeprefix("models:/")):
        raise UsageError(
            f"{model!r} is no version of a registered model",
            hint="write models:/NAME@ALIAS or models:/NAME/VERSION (mlflow.register_model registers one); `flyball serve` takes any model",
        )
    if (folder / FILE).exists():
        raise RefusedError(
            f"nothing was written: {FILE} exists already in {folder.resolve()}", hint="adopt into a folder of its own: flyball -C DIR adopt"
        )


def _spec(taken: Taken, wanted: Foreign, settings: Settings, data: Path | None, target: str | None) -> str:
    manifest = taken.manifest
    if target is not None and target in manifest.schema.names:
        raise UsageError(f"--target {target}: the model reads that column", hint="name the column with what really happened")
    where = "MLflow is the store in this folder (mlflow.db)."
    if settings.tracking_uri:
        where = f"MLflow is where MLFLOW_TRACKING_URI says; at adoption: {settings.tracking_uri}"
    source = "" if data is None else os.path.relpath(data.resolve(), settings.folder)
    return propose_around(
        Around(
            name=manifest.model,
            task=manifest.task,
            schema=manifest.schema,
            classes=manifest.classes,
            source=wanted.asked if wanted.asked == taken.found.source.uri else f"{wanted.asked} ({taken.found.source.uri})",
            made=f"{manifest.created_at:%Y-%m-%d}",
            data=Path(source).as_posix() if source and not source.startswith("..") else str(data.resolve()) if data is not None else "",
            target=target or "",
            note=where,
        )
    )


def _tell_registry(taken: Taken, wanted: Foreign, settings: Settings) -> list[str]:
    """Set alias and tags where the model lives; what could not be done."""
    from flyball.loop.deploy import project_aliases
    from flyball.wiring import open_world

    world = open_world(settings)
    trouble = [told for told in (project_aliases(world, taken.state),) if told]
    digest = taken.state.versions[taken.version].registered.bundle
    try:
        MlflowSource(wanted.tracking_uri).mark(taken.found.source, world.bundles.path(digest), digest)
    except FlyballError as error:
        trouble.append(f"the registry was not told that the model was adopted: {error.message}")
    return trouble


def _plain(taken: Taken, trouble: list[str]) -> dict[str, object]:
    manifest = taken.manifest
    return {
        "model": manifest.model,
        "version": taken.version,
        "source": taken.found.source.uri,
        "task": manifest.task,
        "classes": list(manifest.classes),
        "outputs": list(manifest.outputs),
        "features": list(manifest.schema.names),
        "engine": manifest.engine,
        "engine_reason": manifest.engine_reason,
        "parity": to_plain(manifest.parity),
        "reference_rows": taken.found.reference_rows,
        "bundle": taken.state.versions[taken.version].registered.bundle,
        "wrote": [FILE],
        "notes": list(taken.found.notes),
        "warnings": trouble,
    }
