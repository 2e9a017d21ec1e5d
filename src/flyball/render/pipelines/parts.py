"""What every pipeline of a CI system is made of, whatever it calls it."""

import shlex
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from flyball.core.errors import SpecError
from flyball.core.record import record
from flyball.plan.make import REPORT, make_plan, shared
from flyball.plan.records import Plan, Step
from flyball.render.records import Order
from flyball.spec.records import Spec

ACTION, RETRAIN = "FLYBALL_ACTION", "FLYBALL_RETRAIN"
"""The variables by which a pipeline knows which action of the loop it answers, and which model is to be trained again."""

STATE = (".flyball", "flyball.db", "mlflow.db", "mlartifacts", "snapshots")
"""What one step hands to the next where nothing is shared: it is thrown away with the pipeline."""
OWN_HOURS = timedelta(hours=6)
_RUNNER = 'name the labels of a machine of yours: [deliver] runner = ["self-hosted", "gpu"]'
_PLATFORM_CPU, _PLATFORM_MEMORY = 4, 16 * 1024**3


@record
class Pipeline:
    """One project on a platform. `place`: its folder below the top of the repository, empty at the top. `shared`: it keeps nothing here."""

    spec: Spec
    plan: Plan
    place: str
    shared: bool


def pipelines(order: Order, *, by: str) -> list[Pipeline]:
    """One for each project. SpecError for what this platform cannot do with it: nothing is left out silently."""
    made = []
    for spec in order.specs:
        if spec.train.external is not None:
            raise SpecError(
                f"[train] external lets another system train, and a pipeline of {by} would ask itself",
                hint='say how it trains there: [env.ci.train] run = "pipeline:train", and render with flyball --env ci render',
            )
        if not order.review:
            try:
                shared(spec, by=by)
            except SpecError as error:
                raise SpecError(error.message, hint=f"{error.hint}; or render with --review what needs no shared stores") from None
        made.append(
            Pipeline(
                spec=spec,
                plan=make_plan(spec),
                place=place_of(spec, order),
                shared=bool(spec.stores.database and spec.stores.mlflow),
            )
        )
    slugs = [one.plan.slug for one in made]
    if len(set(slugs)) < len(slugs):
        raise SpecError("two projects have a model of the same name, and their pipelines would be one", hint="give each its own name")
    return made


def place_of(spec: Spec, order: Order) -> str:
    """The project's folder as seen from the top of its repository; empty at the top."""
    if order.root is None:
        return ""
    try:
        place = spec.folder.resolve().relative_to(order.root.resolve()).as_posix()
    except ValueError:
        raise SpecError(f"{spec.folder} is not in the repository {order.root}", hint="render from a project of that repository") from None
    if any(ord(letter) < 32 or letter == "\x7f" for letter in place):
        raise SpecError(f"the folder {place!r} has a control character in its name", hint="give it another name")
    return "" if place == "." else place


def below(place: str, name: str) -> str:
    """A file of the project as seen from the top of the repository."""
    return f"{place}/{name}" if place else name


def command(step: Step) -> str:
    """The step's verb as words of a shell."""
    return shlex.join(["flyball", *step.verb])


def review_command(model: Pipeline) -> str:
    """What puts the evaluation under a proposed change."""
    environment = ("--env", model.plan.environment) if model.plan.environment else ()
    return shlex.join(["flyball", *environment, "comment", REPORT])


def given(steps: Sequence[Step]) -> list[str]:
    """The secrets of all these steps together."""
    return list(dict.fromkeys(name for step in steps for name in step.secrets))


def minutes(step: Step) -> int:
    """How long it may take, in whole minutes."""
    return max(1, -int(-step.timeout.total_seconds() // 60))


def needs_runner(model: Pipeline, *, by: str) -> None:
    """SpecError if training needs more than the platform's own machines have, and no other machine is named."""
    wanted, spec = model.spec.resources, model.spec
    if spec.deliver.runner:
        return
    needs_gpu(model, by=by)
    if (wanted.cpu or 0) > _PLATFORM_CPU or (wanted.memory or 0) > _PLATFORM_MEMORY:
        raise SpecError(f"[train] resources asks for more than the machines of {by} have (4 cores, 16 GiB)", hint=_RUNNER)
    if spec.train.timeout > OWN_HOURS:
        raise SpecError(f"train.timeout is longer than the 6 hours after which {by} ends a job on its own machines", hint=_RUNNER)


def needs_gpu(model: Pipeline, *, by: str) -> None:
    """SpecError if training needs a GPU and no machine is named that has one."""
    gpu = model.spec.resources.gpu
    if gpu and not model.spec.deliver.runner:
        raise SpecError(f"[train] resources asks for {gpu} GPU, and no machine of {by} is named that has one", hint=_RUNNER)


def head(target: str, model: Pipeline, *more: str, secrets: Sequence[str]) -> str:
    """The first lines of a file: who made it, and what it needs to know beside it. `secrets`: those that somebody has to make."""
    lines = [f"Made by `flyball render {target}`; change flyball.toml and render again."]
    if secrets:
        lines.append(f"Secrets to make: {', '.join(secrets)}.")
    return "\n".join([*lines, *(line for line in more if line)])


def folder_text(folder: Path) -> str:
    """A project's folder for a platform of one machine; SpecError for a name that no line of a file can hold."""
    text = str(folder)
    if any(ord(letter) < 32 or letter == "\x7f" for letter in text):
        raise SpecError(f"the folder {text!r} has a control character in its name", hint="give it another name")
    return text
