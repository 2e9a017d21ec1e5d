"""`flyball adopt http://...`: a model that another server answers for becomes a version here."""

from pathlib import Path

import click

from flyball.adapters.remote.address import address_of
from flyball.cli.admission import allow
from flyball.cli.foreign import classes_of
from flyball.cli.frame import say, show_json
from flyball.core.errors import DataError, RefusedError
from flyball.core.record import record
from flyball.settings import read_settings
from flyball.spec.load import FILE


@record
class Said:
    """What the command line says of a model on another server."""

    classes: str | None
    features: str | None
    output: str | None
    name: str | None


def adopt_address(folder: Path, asked: str, data: Path | None, target: str | None, said: Said, *, as_json: bool) -> None:
    """Make a version of a model that another server answers for."""
    from flyball.adapters.remote.describe import Wish
    from flyball.cli.remote import project_of, remote_spec, take_remote, tell_remote

    address = address_of(asked)
    if data is not None and not data.is_file():
        raise DataError(f"there is no file {data}", hint="name a CSV or Parquet file with the columns that the model reads")
    folder.mkdir(parents=True, exist_ok=True)
    settings = read_settings(folder)
    known = project_of(settings)
    if known is not None:
        allow("adopt", {}, settings, known)
    name = said.name or (known.model.name if known is not None else address.name)
    if known is not None and known.model.name != name:
        raise RefusedError(
            f"this project's model is {known.model.name!r}, not {name!r}", hint="leave --name out, or use a folder of its own"
        )
    features = tuple(one.strip() for one in said.features.split(",")) if said.features else ()
    wish = Wish(features=features, classes=classes_of(said.classes), output=said.output or "")
    cut = 0.5 if known is None else known.model.cut
    taken = take_remote(settings, asked, wish, name=name, data=data, promote=known is None, say=say, threshold=cut)
    wrote = []
    if known is None:
        (settings.folder / FILE).write_text(remote_spec(settings, taken, asked, data, target), encoding="utf-8")
        wrote.append(FILE)
    if as_json:
        manifest = taken.manifest
        about = {"model": manifest.model, "version": taken.version, "source": address.url, "task": manifest.task}
        what = {"classes": list(manifest.classes), "outputs": list(manifest.outputs), "features": list(manifest.schema.names)}
        state = {"engine": manifest.engine, "champion": taken.champion, "reference_rows": taken.reference_rows}
        bundle = taken.state.versions[taken.version].registered.bundle
        show_json({**about, **what, **state, "bundle": bundle, "wrote": wrote, "notes": list(taken.notes), "warnings": []})
        return
    tell_remote(taken, address, say)
    for one in wrote:
        click.echo(str(folder / one))
    place = "" if folder == Path() else f" -C {folder}"
    then = "serve" if taken.champion else f"promote {taken.manifest.model}@{taken.version} --to staging --share 0.1 --force --reason '...'"
    say(f"next: flyball{place} {then}")
