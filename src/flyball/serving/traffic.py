"""Who is answered by whom: the variant of a unit under a deployment, units that testers pin, and units whose labels are kept honest."""

from collections.abc import Mapping
from dataclasses import field
from typing import NamedTuple

from flyball.core.record import record
from flyball.serving.records import Deployment, Variant
from flyball.stats.assignment import in_share

UNASSIGNED = "unassigned"  # logged for rows that were not answered as assigned, or that only the champion can read: part of no comparison
OVERRIDE = "override"  # logged for units that testers pinned to an arm: part of no comparison
HOLDBACK = "holdback"  # logged for units that are answered as if nothing was to be done


@record
class Split:
    """What the spec says of assignment beside the deployment.

    `overrides`: units that are always answered by one arm. `holdback`: the share of the units that are answered with the negative label
    whatever their score, of a binary model that shapes its own labels; 0 for none.
    """

    overrides: Mapping[str, Variant] = field(default_factory=dict)
    holdback: float = 0.0

    @property
    def plain(self) -> bool:
        """Whether it leaves everything to the deployment."""
        return not self.overrides and self.holdback <= 0.0


EVERYBODY = Split()


class Chosen(NamedTuple):
    """Who answers a unit, what is logged as its variant, and how likely its arm was (None: nothing was left to chance)."""

    variant: Variant
    logged: str
    propensity: float | None


def variant_of(deployment: Deployment, unit: str | None, request_id: str) -> Variant:
    """The variant that answers. A unit keeps its variant in every process as long as seed and share stay, and only joins the challenger
    when the share grows; a request without a unit is assigned for itself alone (its logged `unit` is None, so analyses can tell).

    The challenger's units are the first of ten thousand fixed slots: a share that shrinks gives its last ones back to the champion, and
    one that grows again takes the same ones. Nobody else ever moves.
    """
    if deployment.challenger is None or deployment.challenger_share <= 0.0:
        return "champion"
    chosen = in_share(request_id if unit is None else unit, deployment.seed, deployment.challenger_share)
    return "challenger" if chosen else "champion"


def holdback_seed(model: str) -> str:
    """The seed by which a model's units are held back: of no rollout, so being held back tells nothing about the arm."""
    return f"holdback:{model}"


def choose(deployment: Deployment, split: Split, unit: str | None, request_id: str) -> Chosen:
    """Who answers a unit: what testers pinned, then who is held back, then the arms.

    Units that are held back are outside every comparison: the champion's version scores them, whatever their arm would be.
    """
    if unit is not None and split.overrides:
        pinned = split.overrides.get(unit)
        if pinned is not None:
            return Chosen(pinned, OVERRIDE, None)
    if split.holdback > 0.0 and in_share(request_id if unit is None else unit, holdback_seed(deployment.model), split.holdback):
        return Chosen("champion", HOLDBACK, None)
    variant = variant_of(deployment, unit, request_id)
    return Chosen(variant, variant, propensity_of(deployment, variant))


def propensity_of(deployment: Deployment, variant: Variant) -> float | None:
    """How likely an arm was for a unit that is neither pinned nor held back; None without traffic for a challenger."""
    if deployment.challenger is None or deployment.challenger_share <= 0.0:
        return None
    return deployment.challenger_share if variant == "challenger" else 1.0 - deployment.challenger_share


def answer_propensity(logged: str, arm: float | None, split: Split, *, acts: bool) -> float | None:
    """The propensity that is logged with an answered row: how likely the answer was that was given.

    `logged` and `arm` are those of `choose`; `acts`: the score reaches the threshold, so the model by itself would act.

    - `holdback`: the holdback's share where the model would have acted, 1 where its answer is the same for everybody. So a label that is
      known only because nothing was done stands for 1 / propensity units.
    - an arm of a deployment with traffic: the share of that arm among the units that are not held back.
    - else, where some are held back: 1 - holdback where the model acted, 1 where it did not.
    - else, and for pinned units and rows that were not answered as assigned: None, nothing was left to chance.
    """
    if logged == HOLDBACK:
        return split.holdback if acts else 1.0
    if arm is not None or split.holdback <= 0.0 or logged not in ("champion", "challenger"):
        return arm
    return 1.0 - split.holdback if acts else 1.0
