"""What the admin routes do that read or write the journal. Each function takes a desk and an order and gives what is answered as JSON."""

from collections.abc import Mapping, Sequence

from flyball.core.errors import NotFoundError, RequestError
from flyball.journal.events import Entry
from flyball.journal.explain import about, registered
from flyball.loop import steer
from flyball.loop.fleet import fleet_of
from flyball.loop.listing import describe, list_versions
from flyball.loop.past.plain import plain_entry
from flyball.loop.records import Written
from flyball.loop.telling.notify import untold
from flyball.server.admin import routes
from flyball.server.admin.desk import Desk, span

Answer = Mapping[str, object]


def status(desk: Desk, order: routes.Order) -> Answer:
    """What `flyball status --json` prints."""
    spec, world = desk.spec(), desk.ports.world
    fleet = fleet_of(desk.model, world.journal.read(desk.model), world.deployments, world.leases)
    waits = [] if world.post is None else untold(world.post.outbox, spec)
    lines = describe(desk.state(), spec, fleet, now=desk.now, sentence=desk.ports.sentence, untold=waits)
    return {"model": desk.model, **{line.name: line.value for line in lines}}


def versions(desk: Desk, order: routes.Order) -> Answer:
    """What `flyball models --json` prints, with the model's name."""
    return {"model": desk.model, "versions": list_versions(desk.state())}


def why(desk: Desk, order: routes.OfVersion) -> Answer:
    """The story of a version: its gate check by check, and every entry about it."""
    entries = desk.ports.world.journal.read(desk.model)
    made = registered(entries, order.version)
    if made is None:
        raise NotFoundError(f"there is no version {order.version} of {desk.model}", hint="GET /admin/versions lists them")
    checks = [{"metric": one.metric, "verdict": one.verdict, "reason": desk.ports.sentence(one.reason)} for one in made.gate.checks]
    return {
        "model": desk.model,
        "version": order.version,
        "gate": {"verdict": made.gate.verdict, "checks": checks},
        "entries": [plain_entry(one.entry, desk.ports.sentence) for one in about(entries, order.version)],
    }


def journal(desk: Desk, order: routes.After) -> Answer:
    """A part of the journal. Read on from the last entry's `seq` until there is no `more`."""
    found = desk.ports.world.journal.read(desk.model, after=order.after)
    part = found[: order.limit]
    return {"model": desk.model, "entries": [plain_entry(one, desk.ports.sentence) for one in part], "more": len(found) > len(part)}


def promote(desk: Desk, order: routes.Promote) -> Answer:
    """Make a version champion or challenger, or take the challenger away."""
    if order.force and not order.reason:
        raise RequestError("'force' needs a 'reason': it stays in the journal", field="reason")
    if order.share is not None and order.to != "staging":
        raise RequestError("'share' belongs to 'to': 'staging'; production answers every unit", field="share")
    world, spec, version, reason = desk.ports.world, desk.spec(), order.version, order.reason
    if order.to == "none":
        done = steer.unstage(world, spec, version, reason=reason, actor=desk.actor, now=desk.now)
    elif order.to == "staging":
        share, force = order.share or 0.0, order.force
        done = steer.stage(world, spec, version, share=share, force=force, reason=reason, actor=desk.actor, now=desk.now)
    else:
        done = steer.promote(world, spec, version, force=order.force, reason=reason, actor=desk.actor, now=desk.now)
    return written(desk, done)


def rollback(desk: Desk, order: routes.WithReason) -> Answer:
    """Give the champion's place back to the version before it."""
    return written(desk, steer.roll_back(desk.ports.world, desk.spec(), reason=order.reason, actor=desk.actor, now=desk.now))


def freeze(desk: Desk, order: routes.Freeze) -> Answer:
    """Stop the loop from promoting and training."""
    length = span(order.length, "for")
    until = None if length is None else desk.now + length
    return written(desk, steer.freeze(desk.ports.world, desk.model, reason=order.reason, until=until, actor=desk.actor, now=desk.now))


def thaw(desk: Desk, order: routes.WithReason) -> Answer:
    """Let the loop act again."""
    reason = order.reason or "no reason given"
    return written(desk, steer.thaw(desk.ports.world, desk.model, reason=reason, actor=desk.actor, now=desk.now))


def silence(desk: Desk, order: routes.Silence) -> Answer:
    """Tell nobody of some alerts for a while; with `end`, tell of them again."""
    world, length = desk.ports.world, span(order.length, "for")
    if order.end:
        if length is not None:
            raise RequestError("'end' ends a silence now, so 'for' has no meaning beside it", field="for")
        reason = order.reason or "no reason given"
        return written(desk, steer.end_silence(world, desk.model, order.pattern, reason=reason, actor=desk.actor, now=desk.now))
    if length is None or not order.reason:
        missing = "for" if length is None else "reason"
        raise RequestError(f"{missing!r} is missing: a silence says for how long and why", field=missing)
    said = steer.silence(world, desk.model, order.pattern, reason=order.reason, length=length, actor=desk.actor, now=desk.now)
    return written(desk, said)


def written(desk: Desk, done: Written) -> Answer:
    """What was written down; `trouble`: what is not up to date yet, and will be after the next tick."""
    entries: Sequence[Entry] = done.entries
    return {
        "model": desk.model,
        "seq": entries[-1].seq,
        "entries": [plain_entry(entry, desk.ports.sentence) for entry in entries],
        "trouble": done.trouble or None,
    }
