"""The past as JSON-ready dicts, for every face that tells it: the command line, HTTP, notebooks. `say` makes reasons into sentences."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from flyball.core.codec import to_plain
from flyball.core.reason import Reason
from flyball.journal.events import KINDS, Entry, RetrainEnded, RolloutStarted
from flyball.journal.examine import Examined
from flyball.journal.explain import Told, tell
from flyball.loop.past.history import Change, Production, changes, production_at
from flyball.loop.past.lineage import Chain
from flyball.loop.past.price import Bought, PutOff, Training, bought_words
from flyball.loop.past.story import Story

if TYPE_CHECKING:  # what reckons comes with them, and a server tells the past without it
    from flyball.loop.past.lineage_check import Held
    from flyball.loop.past.reproduce import Reproduction

Say = Callable[[Reason], str]
Plain = dict[str, object]


def plain_training(one: Training | PutOff, say: Say) -> Plain:
    """A training, or one that was put off, as JSON: numbers as numbers, reasons as sentences with their values beside."""
    if isinstance(one, PutOff):
        return {
            "kind": "put off",
            "at": one.at,
            "actor": one.actor,
            "cause": one.cause,
            "reason": say(one.reason),
            "evidence": one.reason.values,
            "because": say(one.because),
        }
    return {
        "kind": "training",
        "at": one.at,
        "actor": one.actor,
        "cause": one.cause,
        "action": one.action or None,
        "reason": say(one.reason) if one.reason else None,
        "evidence": one.reason.values if one.reason else {},
        "firing": sorted(one.firing),
        "outcome": one.ended,
        "ended_at": one.ended_at,
        "told": say(one.told) if one.told else None,
        "version": one.version or None,
        "rows": one.rows,
        "window": [one.trained_from, one.trained_until],
        "window_reason": say(one.window) if one.window else None,
        "hidden": one.hidden,
        "held_back": one.held_back,
        "seconds": one.seconds,
        "cpu_seconds": one.cpu_seconds,
        "money": one.money,
        "currency": one.currency or None,
        "gate": one.gate,
        "became": one.became,
        "became_at": one.became_at,
        "bought": plain_bought(one.bought, say) if one.bought else None,
        "comparisons": [plain_bought(each, say) for each in one.comparisons],
    }


def plain_bought(one: Bought, say: Say) -> Plain:
    """What a version was worth on live rows, as JSON."""
    return {
        "by": one.by,
        "at": one.at,
        "against": one.against,
        "metric": one.metric,
        "verdict": one.verdict,
        "gain": one.gain,
        "lower": one.lower,
        "upper": one.upper,
        "rows": one.rows,
        "days": one.days,
        "reason": say(bought_words(one)),
    }


def plain_story(story: Story, say: Say) -> Plain:
    """The story as JSON."""
    gate = story.registered.gate
    return {
        "model": story.model,
        "version": story.version,
        "standing": story.standing,
        "training": plain_training(story.training, say) if story.training else None,
        "gate": {
            "verdict": gate.verdict,
            "checks": [{"metric": c.metric, "verdict": c.verdict, "reason": say(c.reason)} for c in gate.checks],
        },
        "bought": [plain_bought(one, say) for one in story.comparisons],
        "events": [_plain_told(one, say) for one in story.told],
    }


def _plain_told(one: Told, say: Say) -> Plain:
    event = one.entry.event
    return {
        "seq": one.entry.seq,
        "at": one.entry.at,
        "actor": one.entry.actor,
        "action": one.action,
        "version": one.version or None,
        "reason": say(one.reason),
        "evidence": dict(evidence_of(one)),
        **({"rules": to_plain(event)} if isinstance(event, RolloutStarted) else {}),
        **({"cost": dict(event.cost)} if isinstance(event, RetrainEnded) else {}),
        **({"currency": event.currency} if isinstance(event, RetrainEnded) and event.currency else {}),
    }


def evidence_of(one: Told) -> Mapping[str, float]:
    """The numbers an entry rests on; empty if it holds none."""
    found: Mapping[str, float] = getattr(one.entry.event, "evidence", {})
    return found


def plain_production(stood: Production, say: Say) -> Plain:
    """What was in production at a time."""
    return {
        "model": stood.model,
        "at": stood.at,
        "seq": stood.seq,
        "champion": stood.champion,
        "champion_since": stood.champion_since,
        "challenger": stood.challenger,
        "challenger_share": stood.challenger_share,
        "shadow": stood.shadow,
        "previous": stood.previous,
        "bundles": stood.bundles,
        "rollout": stood.rollout,
        "paused": stood.paused,
        "watch": stood.watch,
        "waiting": None if stood.waiting is None else {"version": stood.waiting.version, "reason": say(stood.waiting.reason)},
        "training": None
        if stood.training is None
        else {"cause": stood.training.started.cause, "since": stood.training.at, "reason": say(stood.training.started.reason)},
        "frozen": stood.freeze,
        "alerts": {key: say(reason) for key, reason in sorted(stood.firing.items())},
    }


def plain_change(one: Change, say: Say) -> Plain:
    """One change of production, and what stood after it."""
    return {
        "seq": one.entry.seq,
        "at": one.entry.at,
        "actor": one.entry.actor,
        "action": one.action,
        "version": one.version or None,
        "reason": say(one.reason),
        "champion": one.champion,
        "challenger": one.challenger,
        "challenger_share": one.challenger_share,
    }


def plain_history(model: str, entries: Sequence[Entry], *, since: datetime | None, until: datetime | None, say: Say) -> Plain:
    """Every change of production in a span, and what was in production when it began."""
    start = None if since is None else plain_production(production_at(model, entries, since), say)
    found = changes(model, entries, since=since, until=until)
    return {"model": model, "start": start, "changes": [plain_change(one, say) for one in found]}


def plain_entry(entry: Entry, say: Say) -> Plain:
    """An entry as JSON: its envelope, what kind of event it is, its sentence, and the event itself."""
    one = tell(entry)
    return {
        "seq": entry.seq,
        "at": entry.at,
        "actor": entry.actor,
        "kind": KINDS[type(entry.event)],
        "action": one.action,
        "version": one.version or None,
        "reason": say(one.reason),
        "event": entry.event,
        "prev_hash": entry.prev_hash,
        "hash": entry.hash,
    }


def plain_examined(found: Examined, say: Say) -> Plain:
    """What an examination of the chain came to."""
    return {
        "model": found.model,
        "entries": found.entries,
        "head": found.head,
        "sound": not found.flaws,
        "flaws": [{"seq": flaw.seq, "code": flaw.reason.code, "reason": say(flaw.reason)} for flaw in found.flaws],
    }


def plain_reproduction(found: "Reproduction", say: Say) -> Plain:
    """A reproduction as JSON."""
    return {
        "model": found.model,
        "version": found.version,
        "identical": found.identical,
        "reason": say(found.reason),
        "code": found.reason.code,
        "run_id": found.run_id,
        "source": {
            "taken": found.code.taken,
            "commit": found.code.commit or None,
            "same_code": found.code.same_code,
            "same_spec": found.code.same_spec,
            "missing": found.code.missing or None,
        },
        "snapshot": found.snapshot,
        "rows": {"train": found.rows_trained, "test": found.rows},
        "files": [{"name": one.name, "then": one.then, "now": one.now, "same": one.same} for one in found.files],
        "engine": {"then": found.engine[0], "now": found.engine[1]},
        "packages": [{"name": one.name, "then": one.then, "now": one.now} for one in found.packages],
        "scores": {"differing": found.differing, "largest_difference": found.largest_difference},
        "metrics": {name: {"then": then, "now": now} for name, (then, now) in found.metrics.items()},
        "repeatable": found.repeatable,
        "seconds": dict(found.seconds),
    }


def plain_chain(chain: Chain, checks: "Sequence[Held] | None", say: Say) -> Plain:
    """The chain behind an answer, and what a check of it found (None: not checked)."""
    plain = to_plain(chain)
    assert isinstance(plain, dict)
    plain["part"] = say(chain.part) if chain.part is not None else None
    if checks is not None:
        from flyball.loop.past.lineage_check import holds

        plain["verified"] = holds(checks)
        plain["checks"] = [{"link": c.link, "verdict": c.verdict.value, "reason": say(c.reason)} for c in checks]
    return plain
