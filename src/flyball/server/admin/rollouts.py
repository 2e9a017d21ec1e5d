"""What the admin routes do with the rollout that runs, and with a promotion that waits for a person."""

from flyball.loop import steer_rollout
from flyball.loop.rollout import answered
from flyball.loop.shown import plain_experiment, plain_rollout
from flyball.server.admin import routes
from flyball.server.admin.desk import Desk
from flyball.server.admin.verbs import Answer, written


def rollout(desk: Desk, order: routes.Order) -> Answer:
    """What `flyball rollout --json` prints."""
    state = desk.state()
    count = answered(desk.ports.world.predictions, state, now=desk.now)
    return plain_rollout(state, desk.now, desk.ports.sentence, answered=count)


def experiment(desk: Desk, order: routes.Order) -> Answer:
    """What `flyball experiment --json` prints. Its statistics are imported when first asked for."""
    from flyball.journal.state import fold
    from flyball.loop.experiment import experiment_view
    from flyball.loop.memory import Memory

    world, spec = desk.ports.world, desk.spec()
    world.predictions.ingest()
    entries = world.journal.read(desk.model)
    view = experiment_view(world, spec, fold(desk.model, entries), Memory(), desk.now, entries=entries)
    return plain_experiment(view, desk.ports.sentence)


def pause(desk: Desk, order: routes.Because) -> Answer:
    """Let the challenger answer nobody until it is resumed."""
    return written(desk, steer_rollout.pause(desk.ports.world, desk.spec(), reason=order.reason, actor=desk.actor, now=desk.now))


def resume(desk: Desk, order: routes.Because) -> Answer:
    """Let a paused rollout go on."""
    return written(desk, steer_rollout.resume(desk.ports.world, desk.spec(), reason=order.reason, actor=desk.actor, now=desk.now))


def abort(desk: Desk, order: routes.Because) -> Answer:
    """End the rollout undecided."""
    return written(desk, steer_rollout.abort(desk.ports.world, desk.spec(), reason=order.reason, actor=desk.actor, now=desk.now))


def approve(desk: Desk, order: routes.Judged) -> Answer:
    """Let a promotion that waits go through; with four eyes, not by the token that asked for it."""
    world, spec, version = desk.ports.world, desk.spec(), order.version
    return written(desk, steer_rollout.approve(world, spec, version, reason=order.reason, actor=desk.actor, now=desk.now))


def decline(desk: Desk, order: routes.Judged) -> Answer:
    """Refuse a promotion that waits."""
    world, spec, version = desk.ports.world, desk.spec(), order.version
    return written(desk, steer_rollout.decline(world, spec, version, reason=order.reason, actor=desk.actor, now=desk.now))
