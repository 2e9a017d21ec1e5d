"""The features of one answer, each against the rows its version was trained on: the rarest first."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from markupsafe import Markup

from flyball.core.record import record
from flyball.dashboard.paper import filled
from flyball.dashboard.records import Ask
from flyball.data.placing import Placed, place
from flyball.data.profile import REFERENCE_FILE, ColumnReference, Reference, reference_from_json
from flyball.loop.past.lineage import Chain
from flyball.ports.serving import BundleStore
from flyball.registry.bundle import read_file, read_manifest
from flyball.registry.records import Manifest
from flyball.render.report.placed import marked
from flyball.render.report.text import clean, percent

_CARDS = 12
_TABLE = 50
_RARE = 0.05


@record
class Feature:
    """A feature with its value as text, where it stands (None: there is nothing to compare with), and what to say of it."""

    name: str
    value: object
    shown: str
    placed: Placed | None
    call: str
    said: str
    chart: Markup | None = None


def features(ask: Ask, chain: Chain) -> Markup:
    """The section: drawings of the rarest, then a table of the others, a page at a time."""
    p = chain.prediction
    manifest, reference = (None, None) if chain.registered is None or chain.trouble else opened(ask.world.bundles, chain.bundle)
    columns: Mapping[str, ColumnReference] = {} if reference is None else reference.columns
    unlogged = [name for name in (manifest.schema.names if manifest else ()) if name not in p.features]
    read = set(manifest.schema.names) if manifest else set(p.features)
    found = [_feature(ask, name, value, columns.get(name)) for name, value in p.features.items() if name in read]
    found.sort(key=lambda one: (one.placed is None, one.placed.tail if one.placed else 0.0, one.name))
    cards = [_drawn(ask, one, columns.get(one.name), number) for number, one in enumerate(found[:_CARDS])]
    score = _score(ask, chain, columns)
    text = ask.query.get("features", "1")
    pages = max(1, -(-(len(found) - _CARDS) // _TABLE))
    number = min(max(int(text), 1), pages) if text.isascii() and text.isdecimal() and len(text) < 6 else 1
    table = found[_CARDS:][(number - 1) * _TABLE : number * _TABLE]
    return filled(
        "prediction_features.html",
        ask,
        p=p,
        found=found,
        cards=cards,
        score=score,
        table=table,
        number=number,
        pages=pages,
        unlogged=unlogged,
        unread=sorted(set(p.features) - read),
        compared=reference is not None and bool(columns),
        rows=reference.rows if reference else 0,
        trouble=chain.trouble,
    )


def opened(bundles: BundleStore, digest: str) -> tuple[Manifest, Reference]:
    """Manifest and reference of a bundle; a reference of no rows where it has none."""
    return _read(bundles.path(digest), digest)


@lru_cache(maxsize=4)
def _read(folder: Path, digest: str) -> tuple[Manifest, Reference]:
    """A bundle is named by its contents and never changes: who looks at several answers of a version reads it once."""
    manifest = read_manifest(folder, digest)
    if REFERENCE_FILE not in manifest.files:
        return manifest, Reference(schema_version=1, rows=0, columns={})
    return manifest, reference_from_json(read_file(folder, manifest, REFERENCE_FILE))


def _feature(ask: Ask, name: str, value: object, column: ColumnReference | None) -> Feature:
    placed = None if column is None else place(column, value)
    call, said = ("few", ask.t("prediction.no_reference")) if placed is None else told(ask, placed, column)
    return Feature(name=name, value=value, shown=text_of(ask, value), placed=placed, call=call, said=said)


def text_of(ask: Ask, value: object) -> str:
    """A value as it is shown."""
    if value is None or value == "":
        return ask.t("prediction.missing")
    return f"{value:,.6g}" if isinstance(value, float) else clean(str(value), 80)


def told(ask: Ask, placed: Placed, column: ColumnReference | None) -> tuple[str, str]:
    """How usual a value is: the class of its mark, and a sentence."""
    match placed.stands:
        case "nothing":
            return "few", ask.t("prediction.no_reference")
        case "unseen" | "below" | "above" | "infinite" | "unparsable":
            return "drift", ask.t(f"prediction.is_{placed.stands}")
        case "missing":
            return ("drift" if not placed.share else "warn" if placed.tail < _RARE else "ok"), ask.t(
                "prediction.is_missing", share=percent(placed.share)
            )
        case _:
            pass
    call = "warn" if placed.tail < _RARE else "ok"
    if column is not None and column.kind == "category":
        return call, ask.t("prediction.is_category", share=percent(placed.share)) + _rare(ask, placed)
    return call, ask.t("prediction.is_number", below=percent(placed.below)) + _rare(ask, placed)


def _rare(ask: Ask, placed: Placed) -> str:
    return ask.t("prediction.is_rare", usual=percent(1.0 - placed.tail)) if placed.tail < _RARE else ""


def _drawn(ask: Ask, one: Feature, column: ColumnReference | None, number: int) -> Feature:
    if column is None or one.placed is None:
        return one
    title = ask.t("prediction.chart_title", name=clean(one.name, 60), value=one.shown)
    chart = marked(column, one.value, one.placed, title=title, about=one.said, others=ask.t("prediction.others"), key=f"f{number}")
    return replace(one, chart=chart)


def _score(ask: Ask, chain: Chain, columns: Mapping[str, ColumnReference]) -> Feature | None:
    """The score against those of held-out rows; of several scores, none."""
    score = chain.prediction.score
    name = next((one for one in ("model_score", "score") if one in columns and one not in chain.prediction.features), "")
    if isinstance(score, tuple) or not name:
        return None
    one = _feature(ask, name, score, columns[name])
    if one.placed is not None and one.placed.stands == "inside":
        said = ask.t("prediction.is_score", below=percent(one.placed.below)) + _rare(ask, one.placed)
        one = replace(one, said=said)
    return _drawn(ask, one, columns[name], 999)
