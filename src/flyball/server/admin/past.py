"""What the admin routes tell of the past: history, trainings, the chain behind a prediction, and whether the journal is whole."""

from flyball.core.errors import RequestError, UsageError
from flyball.journal.examine import examine, parse_head
from flyball.loop.past.history import production_at
from flyball.loop.past.lineage import chain_of
from flyball.loop.past.plain import plain_chain, plain_examined, plain_history, plain_production, plain_training
from flyball.loop.past.price import Training, trainings
from flyball.server.admin import routes
from flyball.server.admin.desk import Desk, moment
from flyball.server.admin.verbs import Answer


def verify(desk: Desk, order: routes.Verify) -> Answer:
    """What `flyball journal --verify --json` prints. Flaws are an answer, not an error: `sound` is false."""
    world = desk.ports.world
    try:
        expected = None if order.expect is None else parse_head(order.expect)
    except UsageError as error:
        raise RequestError(f"'expect': {error.message}", field="expect") from None
    deployed = world.deployments.current(desk.model)
    served = deployed.seq if deployed is not None and not deployed.local else 0
    return plain_examined(examine(desk.model, world.journal.links(desk.model), expected=expected, served=served), desk.ports.sentence)


def history(desk: Desk, order: routes.History) -> Answer:
    """What `flyball history --json` prints: one time, or a span."""
    if order.at is not None and (order.since is not None or order.until is not None):
        raise RequestError("'at' shows one time, 'from' and 'to' a span: give one or the other", field="at")
    at, since, until = moment(order.at, "at"), moment(order.since, "from"), moment(order.until, "to")
    if since is not None and until is not None and until < since:
        raise RequestError("'to' is before 'from'", field="to")
    entries = desk.ports.world.journal.read(desk.model)
    if at is not None:
        return plain_production(production_at(desk.model, entries, at), desk.ports.sentence)
    return plain_history(desk.model, entries, since=since, until=until, say=desk.ports.sentence)


def retrains(desk: Desk, order: routes.Retrains) -> Answer:
    """What `flyball retrains --json` prints."""
    found = trainings(desk.ports.world.journal.read(desk.model))
    shown = [one for one in found if order.all or isinstance(one, Training)]
    return {"model": desk.model, "trainings": [plain_training(one, desk.ports.sentence) for one in shown]}


def trace(desk: Desk, order: routes.OfPrediction) -> Answer:
    """What `flyball trace --json` prints."""
    world = desk.ports.world
    world.predictions.ingest()
    chain = chain_of(order.prediction_id, world.predictions, world.journal, world.bundles)
    return plain_chain(chain, None, desk.ports.sentence)
