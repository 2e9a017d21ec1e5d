"""Nouns of the plan: what has to run for a project, in what order, with what. Renderers say it in other people's words."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from flyball.core.record import record
from flyball.spec.delivery import Resources

Occasion = Literal["review", "renew"]


@record
class Step:
    """One verb to run. `verb`: the words after `flyball`; `needs`: the names of steps that must have gone well before.

    `says`: what it is for, in one line. `retries`: how often it may be tried again; a step that must not run twice has none.
    `secrets`: the variables it needs, and no more; where every step runs in the same surroundings, `Plan.secrets` has those of all.
    """

    name: str
    verb: tuple[str, ...]
    says: str
    needs: tuple[str, ...] = ()
    timeout: timedelta = timedelta(hours=1)
    retries: int = 0
    resources: Resources = Resources()
    secrets: tuple[str, ...] = ()


@record
class Plan:
    """What has to run for one model.

    `review`: what a proposed change has to stand, which leaves nothing behind in shared stores. `renew`: what makes a new version and
    puts it to work, on the main branch, on a schedule and when an alert asks for it. From `train` on, each step is handed the folder
    `evaluation` as the steps before it left it. `watch`: the loop's look, every `look`.
    `every`: how often to renew (None: no schedule); `alerted`: whether alerts may ask for it. `serve`: the server's verb, at `port`.
    `secrets`: what all steps together are given, each step its own of them; `variables`: what every
    step is given. `files`: what has to be there in the project's folder, such as a query.
    """

    model: str
    slug: str
    environment: str
    review: tuple[Step, ...]
    renew: tuple[Step, ...]
    watch: Step
    look: timedelta
    every: timedelta | None
    alerted: bool
    serve: tuple[str, ...]
    port: int
    secrets: tuple[str, ...]
    variables: Mapping[str, str]
