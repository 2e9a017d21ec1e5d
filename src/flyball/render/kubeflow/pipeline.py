"""`flyball render kubeflow`: pipelines for Kubeflow 2, as Python that its SDK compiles and as what it compiles to."""

from collections.abc import Iterator, Sequence
from importlib.resources import files as resources

from flyball.core.errors import SpecError, UsageError
from flyball.core.slug import slug
from flyball.plan.make import REPORT, make_plan, shared
from flyball.plan.records import Plan, Step
from flyball.render.dump import Tree, to_python
from flyball.render.kubeflow.compiled import compiled
from flyball.render.kubernetes.naming import object_name
from flyball.render.records import Files, Order
from flyball.spec.records import Spec

_HEAD = '"""Made by `flyball render kubeflow`. Change flyball.toml and render again, rather than this file."""\n\n'
_PLACE = "{{PLAN}}"
_FOLDER_OPTION = "--report"
_FILE_OPTIONS = ("--junit",)


def files(order: Order) -> Files:
    """For each project a folder with the Python file and the compiled pipelines."""
    code = (resources(__package__) / "templates" / "pipeline.py.txt").read_text(encoding="utf-8")
    made: dict[str, str] = {}
    for spec in order.specs:
        plan = tree(spec)
        folder = _name(make_plan(spec))
        if f"{folder}/pipeline.py" in made:
            raise UsageError(f"two projects have the model {spec.model.name!r} in one environment", hint="render each from its own folder")
        made[f"{folder}/pipeline.py"] = _HEAD + code.replace(_PLACE, to_python(plan))
        made |= {f"{folder}/{name}": text for name, text in compiled(plan).items()}
    return made


def tree(spec: Spec) -> dict[str, Tree]:
    """What stands in the Python file as data: everything that depends on the project. SpecError names what Kubeflow cannot do."""
    shared(spec, by="Kubeflow")
    plan = make_plan(spec)
    name = _name(plan)
    if not spec.deliver.image:
        raise SpecError(
            "Kubeflow runs each step in a container, and flyball.toml names no image with the project in it",
            hint='add image = "registry.example.com/team/churn:1" under [deliver]; `flyball render docker` makes its Dockerfile',
        )
    pipelines: list[Tree] = [
        {
            "file": "pipeline.yaml",
            "name": name,
            "says": "prepare, train, evaluate, test, register, deploy",
            "every": int(plan.every.total_seconds()) if plan.every else None,
            "steps": _steps(plan.renew),
        },
        {
            "file": "watch.yaml",
            "name": f"{name}-watch",
            "says": plan.watch.says,
            "every": int(plan.look.total_seconds()),
            "steps": _steps([plan.watch]),
        },
    ]
    found: dict[str, Tree] = {
        "model": plan.model,
        "environment": plan.environment,
        "image": spec.deliver.image,
        "secret": object_name(plan.model),  # the one that `flyball render kubernetes` reads too
        "secrets": list(plan.secrets),
        "variables": dict(plan.variables),
        "pipelines": pipelines,
    }
    _refuse_expressions(plan, spec)
    return found


def _name(plan: Plan) -> str:
    return "-".join([plan.slug, *([slug(plan.environment)] if plan.environment else [])])


def _steps(steps: Sequence[Step]) -> list[Tree]:
    makers: dict[str, str] = {}
    return [
        {
            "name": step.name,
            "args": list(_words(step, makers)),
            "says": step.says,
            "needs": list(step.needs),
            "seconds": int(step.timeout.total_seconds()),
            "retries": step.retries,
            "cpu": None if step.resources.cpu is None else repr(float(step.resources.cpu)),
            "memory": None if step.resources.memory is None else str(step.resources.memory),
            "gpu": step.resources.gpu,
        }
        for step in steps
    ]


def _words(step: Step, makers: dict[str, str]) -> Iterator[Tree]:
    """The words of a verb. Machines share no folder here: what a step leaves in REPORT for those after it is handed over as an artifact.

    `makers` knows which step made one, and is told of this one.
    """
    for before, word in zip(("", *step.verb), step.verb, strict=False):
        if before == _FOLDER_OPTION and word == REPORT:
            maker = makers.get(REPORT)
            yield (
                {"artifact": REPORT, "as": "output", "local": word}
                if maker is None
                else {
                    "artifact": REPORT,
                    "as": "input",
                    "from": maker,
                    "local": word,
                }
            )
            makers.setdefault(REPORT, step.name)
        elif before in _FILE_OPTIONS and word.startswith(f"{REPORT}/"):
            yield {"artifact": word.removeprefix(f"{REPORT}/").partition(".")[0], "as": "output", "local": word}
        else:
            yield word


def _refuse_expressions(plan: Plan, spec: Spec) -> None:
    """Kubeflow reads `{{`, and the cluster below it `$(`, in a step's words and variables; neither has a sure way to say it as text."""
    said = {
        f"the environment {plan.environment!r}": plan.environment,
        "[deliver] image": spec.deliver.image,
        **{f"[deliver] variables.{name}": text for name, text in plan.variables.items()},
    }
    for where, text in said.items():
        for sign in ("{{", "$("):
            if sign in text:
                raise SpecError(
                    f"{where} has {sign} in it, which Kubeflow takes for an expression of its own and cannot say as text",
                    hint=f"write it without {sign}; a secret may hold anything",
                )
