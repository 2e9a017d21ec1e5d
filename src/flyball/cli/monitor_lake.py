"""`flyball monitor --data`: drift of files that were never served, however large."""

from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from flyball.adapters.arrow.source import FileSource
from flyball.adapters.engines import open_mapper
from flyball.cli.frame import say
from flyball.core.window import Window
from flyball.data.profile import REFERENCE_FILE, Reference, reference_from_json
from flyball.journal.known import State
from flyball.loop.lake import Opened, count_files, lake_drift
from flyball.loop.parts import Wanted
from flyball.loop.picture import Picture, plain_picture
from flyball.monitoring.counts import Counter
from flyball.monitoring.records import MonitorReport
from flyball.registry.bundle import read_file, read_manifest
from flyball.registry.records import Manifest
from flyball.settings import Settings
from flyball.spec.records import Spec
from flyball.stores import open_bundles, open_stores


def look_at_files(settings: Settings, spec: Spec, state: State, version: int, path: Path, *, on: str, now: datetime) -> Picture:
    """How far the rows of these files are from what a version was trained on. Only features are looked at: nobody asked the model."""
    digest = state.versions[version].registered.bundle
    open_stores(settings).bundles.path(digest)  # where the database is shared, it may not be on this machine yet
    opened = partial(open_files, settings, spec, digest, path.resolve())
    here = opened()
    manifest, reference = _bundle(settings, digest)
    absent = [column.name for column in manifest.schema.columns if column.name not in here.source.names]
    if absent:
        say(f"warning: {path.name} has no column {', '.join(absent)}: counted as missing in every row")
    with open_mapper(on, settings.state) as mapper:
        lake = count_files(here.source, opened, mapper=mapper, say=say)
    say(f"{lake.rows:,} rows of {lake.files} files" + (f"; {lake.broken:,} lines that are no rows left out" if lake.broken else ""))
    if lake.problems:
        say(f"warning: {lake.problems:,} rows have a cell that cannot be read as its column: counted as missing")
    found = lake_drift(reference, lake, spec.monitor)
    columns = {name: found[name] for name in manifest.schema.names if name in found}
    window = lake.window or Window(start=now, end=now)
    report = MonitorReport(window=window, version=version, rows=lake.rows, columns=columns, performance=None)
    picture = plain_picture(spec.model.name, report, reference, lake.counts, now=now)
    return replace(picture, period=window)


def open_files(settings: Settings, spec: Spec, digest: str, path: Path) -> Opened:
    """The files and the counter, in whichever process counts."""
    manifest, reference = _bundle(settings, digest)
    wanted = Wanted(columns=manifest.schema.columns, id=None, unit=None, time=spec.data.time)
    return Opened(source=FileSource(path, wanted, keep=()), counter=Counter(reference))


def _bundle(settings: Settings, digest: str) -> tuple[Manifest, Reference]:
    folder = open_bundles(settings).path(digest)
    manifest = read_manifest(folder, digest)
    return manifest, reference_from_json(read_file(folder, manifest, REFERENCE_FILE))
