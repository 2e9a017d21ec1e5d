"""Two versions side by side: metrics, what they were compared by, and in what they differ."""

from collections.abc import Sequence

from markupsafe import Markup

from flyball.core.record import record
from flyball.core.schema import Schema
from flyball.core.window import format_minute
from flyball.dashboard.pages.model_list import pick
from flyball.dashboard.pages.model_parts import cause, gain, manifest_of, metric_names, number, roles
from flyball.dashboard.paper import filled, guarded
from flyball.dashboard.records import Ask, Part
from flyball.dashboard.standing import Facts
from flyball.journal.events import Registered
from flyball.journal.known import Known
from flyball.loop.past.price import Bought, bought_words, comparisons_of
from flyball.registry.records import Manifest
from flyball.render.report.text import clean, whole

_NAMES = 30


@record
class Metric:
    """A metric of two versions. `kind`: whether the first is better (up), worse (down) or the same."""

    name: str
    first: str
    second: str
    said: str
    kind: str


@record
class Fact:
    """Something known of both versions."""

    name: str
    first: str
    second: str

    @property
    def same(self) -> bool:
        """Whether both say the same."""
        return self.first == self.second


def compared(ask: Ask, known: Facts, version: int, against: int) -> list[Part]:
    """The sections."""
    one, other = known.state.versions[version], known.state.versions[against]
    return [
        Part(key="pick", body=pick(ask, known, version, against)),
        guarded(ask, "metrics", lambda: _metrics(ask, known, one.registered, other.registered)),
        guarded(ask, "facts", lambda: _facts(ask, known, one, other)),
    ]


def _metrics(ask: Ask, known: Facts, one: Registered, other: Registered) -> Markup:
    names = metric_names(ask.project.spec(), one, other)
    between = _between(known, one.version, other.version)
    return filled(
        "model_compared.html",
        ask,
        one=one,
        other=other,
        roles=[roles(ask, known.state, made.version) for made in (one, other)],
        rows=[_metric(ask, name, one, other) for name in names],
        bought=[(bought, ask.tell(bought_words(bought))) for bought in between],
        slices=[made for made in (one, other) if made.gate.slices and made.compared_with in (one.version, other.version)][:1],
        same_rows=one.snapshot == other.snapshot and bool(one.snapshot),
    )


def _metric(ask: Ask, name: str, one: Registered, other: Registered) -> Metric:
    found = gain(name, one.metrics, other.metrics)
    kind = "same" if found is None or abs(found) < 5e-5 else "up" if found > 0 else "down"
    said = "-" if found is None else ask.t(f"model.gain_{kind}", amount=f"{abs(found):.4f}")
    return Metric(name=name, first=_value(one, name), second=_value(other, name), said=said, kind=kind)


def _value(made: Registered, name: str) -> str:
    value, lower, upper = made.metrics.get(name), made.lower.get(name), made.upper.get(name)
    if value is None:
        return "-"
    return number(value) + (f" [{number(lower)}, {number(upper)}]" if lower is not None and upper is not None else "")


def _between(known: Facts, version: int, against: int) -> list[Bought]:
    """Every live comparison of the two, whichever of them was the newer."""
    found = [one for one in comparisons_of(known.entries, version) if one.against == against]
    return found + [one for one in comparisons_of(known.entries, against) if one.against == version]


def _facts(ask: Ask, known: Facts, one: Known, other: Known) -> Markup:
    first, trouble = manifest_of(ask, one.registered)
    second, trouble_too = manifest_of(ask, other.registered)
    gone, new, changed = _columns(first, second)
    return filled(
        "model_differences.html",
        ask,
        one=one.registered,
        other=other.registered,
        facts=_pairs(ask, one, other, first, second),
        troubles=[said for said in (trouble, trouble_too) if said],
        gone=_some(gone),
        new=_some(new),
        changed=_some(changed),
        known=first is not None and second is not None,
        features=len(first.schema.columns) if first is not None else 0,
    )


def _pairs(ask: Ask, one: Known, other: Known, first: Manifest | None, second: Manifest | None) -> list[Fact]:
    found = []
    for code, *values in (
        ("made", *(format_minute(known.at) for known in (one, other))),
        ("trigger", *(cause(ask, known.registered) for known in (one, other))),
        ("rows", *(whole(known.registered.rows) for known in (one, other))),
        ("trained_from", *(_time(known.registered.trained_from) for known in (one, other))),
        ("trained_until", *(_time(known.registered.trained_until) for known in (one, other))),
        ("engine", *(known.registered.engine for known in (one, other))),
        ("seconds", *(_seconds(known.registered) for known in (one, other))),
        ("node.data", *(clean(known.registered.snapshot[:12]) or "-" for known in (one, other))),
        ("node.bundle", *(clean(known.registered.bundle[:12]) for known in (one, other))),
        ("commit", *(_of(manifest, "commit") for manifest in (first, second))),
        ("code_digest", *(_of(manifest, "code_digest") for manifest in (first, second))),
        ("spec_digest", *(_of(manifest, "spec_digest") for manifest in (first, second))),
        ("environment", *(_of(manifest, "environment_sha256") for manifest in (first, second))),
        ("threshold", *("-" if manifest is None else f"{manifest.threshold:g}" for manifest in (first, second))),
    ):
        found.append(Fact(name=ask.t(f"model.{code}"), first=values[0], second=values[1]))
    return found


def _of(manifest: Manifest | None, name: str) -> str:
    return "-" if manifest is None else clean(str(getattr(manifest.lineage, name))[:12]) or "-"


def _time(at: object) -> str:
    from datetime import datetime

    return format_minute(at) if isinstance(at, datetime) else "-"


def _seconds(made: Registered) -> str:
    total = made.seconds.get("total")
    return "-" if total is None else f"{total:.1f} s"


def _columns(first: Manifest | None, second: Manifest | None) -> tuple[list[str], list[str], list[str]]:
    """The features that only the second has, that only the first has, and that both have as another kind or with other categories."""
    if first is None or second is None:
        return [], [], []
    one, other = _by_name(first.schema), _by_name(second.schema)
    changed = [name for name in one if name in other and one[name] != other[name]]
    return [name for name in other if name not in one], [name for name in one if name not in other], changed


def _by_name(schema: Schema) -> dict[str, object]:
    return {column.name: column for column in schema.columns}


def _some(names: Sequence[str]) -> list[str]:
    more = [f"+ {len(names) - _NAMES}"] if len(names) > _NAMES else []
    return [clean(name, 60) for name in names[:_NAMES]] + more
