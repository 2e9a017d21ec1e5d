"""Alerts: what fires and who was told, what is over, what happened; silences that begin and end with a button."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from flyball.alerting.records import Ledger, Letter
from flyball.alerting.rules import kind_of, subject_of
from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.dashboard.paper import filled, guarded
from flyball.dashboard.records import Ask, Page, Part
from flyball.dashboard.standing import Facts, facts
from flyball.journal.events import Entry
from flyball.journal.explain import tell
from flyball.journal.known import Standing
from flyball.loop.telling.alerts import Firing, about_alerts, asked_now, firing_now, silences_now
from flyball.loop.telling.delivered import Delivery, deliveries, mailboxes
from flyball.render.report.text import clean
from flyball.spec.records import Receiver

FIRING, OVER, HISTORY = 15, 10, 20  # rows of a page
LENGTHS = ("1h", "24h", "7d")
_LONGEST_PATTERN = 200
_OLD = timedelta(hours=1)
# Where the evidence of a kind of alert stands, and whether its subject is a column.
_EVIDENCE: Mapping[str, tuple[str, bool]] = {
    "drift": ("drift", True),
    "quality": ("drift", True),
    "skew": ("drift", True),
    "performance": ("performance", False),
    "estimated": ("performance", False),
    "deployment": ("now", False),
}


@record
class Sheet:
    """One page of a long list, the rows from `first` up to `last`. `page` counts from 1; `back` and `on` are the addresses beside it."""

    page: int
    pages: int
    total: int
    first: int
    last: int
    back: str
    on: str


@record
class Row:
    """An alert that fires, as it is shown."""

    alert: Firing
    lasts: float
    evidence: str
    silence: str
    told: tuple[Delivery, ...]


@record
class Over:
    """An alert that is over: the last time it fired."""

    key: str
    standing: Standing
    lasted: float
    evidence: str


@record
class Asking:
    """Who is told of alerts, as far as the spec and the outbox say."""

    receivers: Sequence[Receiver]
    ledger: Ledger
    waiting: Sequence[Letter]


def page(ask: Ask) -> Page:
    """The page."""
    known = facts(ask)
    kinds = sorted({kind_of(key) for key in known.state.standing})
    kind = ask.query.get("kind", "")
    kind, words = kind if kind in kinds else "", ask.query.get("q", "")[:100]

    def fits(key: str) -> bool:
        return (not kind or kind_of(key) == kind) and words.lower() in key.lower()

    parts = [
        guarded(ask, "firing", lambda: _firing(ask, known, fits), every=5),
        guarded(ask, "receivers", lambda: _receivers(ask, known), every=5),
        guarded(ask, "past", lambda: _past(ask, known, fits)),
    ]
    if kinds:
        parts.insert(0, Part(key="filter", body=filled("alerts_filter.html", ask, kinds=kinds, chosen=kind, words=words)))
    return Page(title=ask.t("alerts.title"), parts=parts)


def _firing(ask: Ask, known: Facts, fits: Callable[[str], bool]) -> Markup:
    everything = firing_now(known.state, ask.now)
    fitting = [one for one in everything if fits(one.key)]
    sheet = _sheet(ask, "firing", len(fitting), FIRING)
    asking, trouble = None, ""
    try:
        asking = _asking(ask)
    except FlyballError as error:  # what fires is said all the same
        trouble = clean(f"{error}", 400)
    return filled(
        "alerts_firing.html",
        ask,
        rows=[_row(ask, known, one, asking) for one in fitting[sheet.first : sheet.last]],
        sheet=sheet,
        firing=len(everything),
        critical=sum(one.severity == "critical" for one in everything),
        quiet=sum(one.silenced_until is not None for one in everything),
        silences=silences_now(known.state, ask.now),
        requests=asked_now(known.state),
        patterns=[*(f"{one}:*" for one in sorted({kind_of(one.key) for one in everything})), "*"],
        lengths=LENGTHS,
        trouble=trouble,
        nobody=asking is not None and not asking.receivers,
        old=known.measured_at if known.entries and ask.now - known.measured_at > _OLD else None,
        measured=known.report is not None,
    )


def _receivers(ask: Ask, known: Facts) -> Markup:
    asking = _asking(ask)
    boxes = mailboxes(known.state, asking.receivers, asking.ledger, asking.waiting)
    return filled("alerts_receivers.html", ask, boxes=boxes, firing=len(known.state.firing))


def _past(ask: Ask, known: Facts, fits: Callable[[str], bool]) -> Markup:
    standing = known.state.standing
    over = [key for key, one in standing.items() if key not in known.state.firing and one.over_at is not None and fits(key)]
    over.sort(key=lambda key: (-_seconds(standing[key].over_at), key))
    entries = [one for one in about_alerts(known.entries) if fits(_key(one))]
    overs, told = _sheet(ask, "over", len(over), OVER), _sheet(ask, "history", len(entries), HISTORY)
    return filled(
        "alerts_past.html",
        ask,
        over=[_over(ask, key, standing[key]) for key in over[overs.first : overs.last]],
        overs=overs,
        history=[(one, tell(one), clean(_key(one), 120)) for one in entries[told.first : told.last]],
        told=told,
    )


def _row(ask: Ask, known: Facts, one: Firing, asking: Asking | None) -> Row:
    told: tuple[Delivery, ...] = ()
    if asking is not None:
        told = deliveries(known.state, known.entries, asking.receivers, asking.ledger, asking.waiting, one.key, now=ask.now)
    return Row(
        alert=one,
        lasts=max(0.0, (known.measured_at - one.since).total_seconds()),
        evidence=_evidence(ask, one.key),
        silence=one.key if len(one.key) <= _LONGEST_PATTERN and one.key.isprintable() else "",
        told=told,
    )


def _over(ask: Ask, key: str, one: Standing) -> Over:
    return Over(key=key, standing=one, lasted=_seconds(one.over_at) - _seconds(one.since), evidence=_evidence(ask, key))


def _asking(ask: Ask) -> Asking:
    post = ask.world.post
    if post is None:
        return Asking(receivers=(), ledger=Ledger(revision=0, told=()), waiting=())
    receivers = ask.project.spec().alerts.to
    return Asking(receivers=receivers, ledger=post.outbox.ledger(ask.model), waiting=post.outbox.waiting(ask.model))


def _evidence(ask: Ask, key: str) -> str:
    """The address of the page that shows what an alert rests on; empty if none does."""
    found = _EVIDENCE.get(kind_of(key))
    if found is None:
        return ""
    return ask.link(found[0], column=subject_of(key)) if found[1] else ask.link(found[0])


def _key(entry: Entry) -> str:
    found = getattr(entry.event, "key", None) or getattr(entry.event, "pattern", None) or " ".join(getattr(entry.event, "keys", ()))
    return found if isinstance(found, str) else ""


def _sheet(ask: Ask, name: str, total: int, rows: int) -> Sheet:
    asked, pages = ask.query.get(name, ""), max(1, -(-total // rows))
    page = min(max(int(asked), 1), pages) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
    rest = {key: value for key, value in ask.query.items() if key in ("kind", "q", "firing", "over", "history") and key != name}
    return Sheet(
        page=page,
        pages=pages,
        total=total,
        first=(page - 1) * rows,
        last=min(page * rows, total),
        back=ask.link("alerts", **rest, **{name: page - 1}) if page > 1 else "",
        on=ask.link("alerts", **rest, **{name: page + 1}) if page < pages else "",
    )


def _seconds(at: datetime | None) -> float:
    return 0.0 if at is None else at.timestamp()
