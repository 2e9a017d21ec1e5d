"""Who is answered by whom: the variant of a unit under a deployment."""

from flyball.serving.records import Deployment, Variant
from flyball.stats.assignment import in_share

UNASSIGNED = "unassigned"  # the variant that is logged for rows that only the champion can read: part of no comparison


def variant_of(deployment: Deployment, unit: str | None, request_id: str) -> Variant:
    """The variant that answers. A unit keeps its variant in every process as long as seed and share stay, and only joins the challenger
    when the share grows; a request without a unit is assigned for itself alone (its logged `unit` is None, so analyses can tell).
    """
    if deployment.challenger is None or deployment.challenger_share <= 0.0:
        return "champion"
    chosen = in_share(request_id if unit is None else unit, deployment.seed, deployment.challenger_share)
    return "challenger" if chosen else "champion"
