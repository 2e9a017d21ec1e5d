"""`flyball log FILE`: predictions made elsewhere, from a file."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import click

from flyball.cli.frame import as_json, at_time, project, say, show_json
from flyball.core.errors import DataError, RequestError, UsageError
from flyball.core.record import record
from flyball.core.schema import did_you_mean
from flyball.core.window import to_micros
from flyball.ports.serving import BundleStore
from flyball.registry.bundle import read_manifest
from flyball.serving.contract import Contract
from flyball.serving.elsewhere import KEYS, Known, MadeElsewhere, check_elsewhere, elsewhere_batches
from flyball.serving.records import Deployment, Label
from flyball.spec.records import Spec
from flyball.stores import open_stores, wall_clock

_BATCH = 2_000
_SHOWN = 20
_SCORES = "probability_"


Reader = Callable[[Any], Any]


@record
class Columns:
    """Which column of the file is which key of a prediction. `scores`: class → column; `features` None: every column left."""

    keys: Mapping[str, str]
    scores: Mapping[str, str]
    features: tuple[str, ...] | None


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--version", type=click.IntRange(1), default=None, help="Who made them (default: the column, else the champion).")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="KEY=NAME",
    help=f"Which column is which: {', '.join(key for key in KEYS if key not in ('features', 'context'))}. May be repeated.",
)
@click.option("--features", default=None, metavar="COLUMNS", help="The columns that are features (default: the champion's, else the rest).")
@click.option("--now", metavar="TIME", default=None, help="The time of rows without one (RFC 3339); default: when FILE was written.")
@as_json
@click.pass_context
def command(
    ctx: click.Context, file: Path, version: int | None, columns: tuple[str, ...], features: str | None, now: str | None, as_json: bool
) -> None:
    """Take predictions that another system made from a CSV, Parquet or JSON lines FILE into the prediction log.

    Columns: `prediction` and/or `score` (or `probability_<class>`), the features by name, and where there are any `version`, `variant`,
    `prediction_id` and the spec's time, unit and id (or `at`, `unit`, `id`). A line of JSON may also be an object as POST /predictions
    takes it. What is not taken is listed with its row; exit 1 if nothing is.

    The same file again changes nothing where rows have a time or a `prediction_id`. Rows with neither count as made when FILE was
    written: copied or touched, they would be others. Give such a file the same --now each time.
    """
    from flyball.adapters.arrow.lines import columns_of, lines_of

    settings, spec = project(ctx)
    stores = open_stores(settings)
    known = _known(spec, stores.deployments.current(spec.model.name), stores.bundles)
    mapped = mapping(columns_of(file), spec, known, dict(_pair(text) for text in columns), features)
    moment = to_micros(at_time(now) if now is not None else datetime.fromtimestamp(file.stat().st_mtime, UTC))
    typed = _typing(file, known)
    made_at = to_micros(wall_clock())
    stores.predictions.ingest()
    seen: Counter[bytes] = Counter()
    accepted, fresh, rejected = 0, 0, list[dict[str, object]]()
    for rows in _checked(lines_of(file), mapped, typed, known, moment, version, rejected):
        fresh += sum(stores.predictions.add(batch) for batch in elsewhere_batches(known, rows, seen, made_at=made_at))
        accepted += len(rows)
    if as_json:
        show_json({"accepted": accepted, "known": accepted - fresh, "rejected": rejected})
    else:
        say(f"{accepted:,} taken ({accepted - fresh:,} of them known already), {len(rejected):,} not taken")
        for one in rejected[:_SHOWN]:
            say(f"  row {one['row']}: {one['error']}")
        if len(rejected) > _SHOWN:
            say(f"  and {len(rejected) - _SHOWN} more; --json lists all")
    sys.exit(1 if rejected and not accepted else 0)


def mapping(present: tuple[str, ...] | None, spec: Spec, known: Known, given: Mapping[str, str], features: str | None) -> Columns:
    """Which column is which: as told, else by the names in the spec, else by the names of the keys. DataError if it cannot be."""
    for key, name in given.items():
        if present is not None and name not in present:
            raise DataError(f"there is no column {name!r}{did_you_mean(name, present)}", hint=f"columns: {', '.join(present[:40])}")
        if key not in KEYS or key in ("features", "context"):
            raise UsageError(f"--column {key}={name}: there is no key {key!r}{did_you_mean(key, KEYS)}", hint=f"keys: {', '.join(KEYS)}")
    data = spec.data
    own = {"at": data.time, "unit": data.unit, "id": data.id}
    keys = {}
    for key in KEYS:
        if key in ("features", "context"):
            continue
        names = [given[key]] if key in given else [name for name in (own.get(key), key) if name is not None]
        found = next((name for name in names if present is None or name in present), None)
        if found is not None:
            keys[key] = found
    scores = {str(label): f"{_SCORES}{label}" for label in known.classes}
    if present is not None:
        absent = [name for name in scores.values() if name not in present]
        scores = {label: name for label, name in scores.items() if name in present}
        second = f"{_SCORES}{known.classes[-1]}" if known.classes else ""
        if len(known.classes) == 2 and list(scores.values()) == [second]:  # of two classes the second says it all
            keys.setdefault("score", second)
            scores = {}
        elif scores and absent:
            raise DataError(f"the file has {', '.join(scores.values())} and not {', '.join(absent)}", hint="give a column for every class")
        if not scores and "prediction" not in keys and "score" not in keys:
            raise DataError(
                f"the file has no column 'prediction' and none 'score'{did_you_mean('prediction', present)}",
                hint="say which it is: --column prediction=NAME (or --column score=NAME)",
            )
    chosen = None if features is None else tuple(name.strip() for name in features.split(",") if name.strip())
    if chosen is None and known.contract is not None and present is not None:
        chosen = tuple(name for name in known.contract.names if name in present)
    for name in chosen or ():
        if present is not None and name not in present:
            raise DataError(f"there is no column {name!r}{did_you_mean(name, present)}", hint=f"columns: {', '.join(present[:40])}")
    return Columns(keys=keys, scores=scores, features=chosen)


def _checked(
    lines: Iterator[tuple[int, Any]],
    mapped: Columns,
    typed: Callable[[str], Reader],
    known: Known,
    now: int,
    version: int | None,
    rejected: list[dict[str, object]],
) -> Iterator[list[MadeElsewhere]]:
    """The rows that can be taken, some thousand at a time; the others go to `rejected`."""
    rows: list[MadeElsewhere] = []
    for number, line in lines:
        if isinstance(line, str):
            rejected.append({"row": number, "prediction_id": "", "error": line})
            continue
        item = line if isinstance(line.get("features"), dict | list) else _item(line, mapped, typed)
        try:
            rows.append(check_elsewhere({**item, "version": version} if version is not None else item, known, now=now))
        except RequestError as error:
            rejected.append({"row": number, "prediction_id": str(item.get("prediction_id") or ""), "error": error.message})
        if len(rows) >= _BATCH:
            yield rows
            rows = []
    if rows:
        yield rows


def _item(line: Mapping[str, Any], mapped: Columns, typed: Callable[[str], Reader]) -> dict[str, Any]:
    """A row of columns as POST /predictions takes it."""
    item = {key: typed(f"/{key}")(line[name]) for key, name in mapped.keys.items() if line.get(name) is not None}
    scores = {label: typed("/score")(line[name]) for label, name in mapped.scores.items() if line.get(name) is not None}
    if scores and "score" not in item:
        item["score"] = scores
    taken = {*mapped.keys.values(), *mapped.scores.values()}
    names = mapped.features if mapped.features is not None else [name for name in line if name not in taken]
    item["features"] = {name: None if line.get(name) is None else typed(name)(line[name]) for name in names}
    return item


def _typing(file: Path, known: Known) -> Callable[[str], Reader]:
    """What the cells of a column stand for. A CSV has text only; keys come with a slash before their name."""
    kinds = {column.name: column.kind for column in known.contract.columns} if known.contract is not None else {}
    labels: dict[str, Label] = {written: label for label in known.classes for written in (str(label), str(label).lower())}
    text_only = file.suffix.lower() == ".csv"

    def label(cell: Any) -> Any:
        if isinstance(cell, float) and cell.is_integer():
            return labels.get(str(int(cell)), cell)  # whole numbers with gaps among them are floats in a Parquet file
        return labels[cell] if text_only and cell in labels else _number(cell) if text_only else cell

    def reader(name: str) -> Reader:
        if name in ("/unit", "/id", "/prediction_id"):
            return _name
        if name == "/at":
            return _time
        if name == "/prediction":
            return label
        if not text_only:
            return _float if kinds.get(name) == "number" else _as_it_is
        if kinds.get(name) == "category" or name == "/variant":
            return _as_it_is
        return {"boolean": _truth, "number": _decimal}.get(kinds.get(name, ""), _number)

    return cache(reader)


def _as_it_is(cell: Any) -> Any:
    return cell


def _name(cell: Any) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _float(cell: Any) -> Any:
    return float(cell) if type(cell) is int else cell


def _decimal(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _truth(cell: str) -> bool | str:
    return {"true": True, "false": False}.get(cell.lower(), cell)


def _number(cell: str) -> Label:
    """A number where a cell is one, else its text."""
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell


def _time(cell: Any) -> Any:
    """A time with a zone; without one it is UTC, as everywhere."""
    try:
        found = datetime.fromisoformat(cell.strip())
    except (AttributeError, ValueError):
        return cell
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).isoformat()


def _known(spec: Spec, deployment: Deployment | None, bundles: BundleStore) -> Known:
    """What the spec and the champion's bundle say; the model itself is not opened."""
    model = spec.model
    if deployment is None or deployment.champion is None:
        return Known(model=model.name, task=model.task, threshold=model.cut)
    digest = deployment.bundles[deployment.champion]
    manifest = read_manifest(bundles.path(digest), digest)
    return Known(
        model=model.name,
        task=manifest.task,
        classes=manifest.classes,
        threshold=manifest.threshold,
        version=deployment.champion,
        contract=Contract([manifest.schema]),
    )


def _pair(text: str) -> tuple[str, str]:
    key, equals, name = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--column {text} says nothing", hint="write KEY=NAME, such as --column prediction=label")
    return key, name
