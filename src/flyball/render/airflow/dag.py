"""`flyball render airflow`: a DAG that renews the model, a task for each step, and one that looks every `[deliver] look`."""

import math
from collections.abc import Sequence
from datetime import timedelta
from importlib.resources import files as resources

from flyball.core.errors import UsageError
from flyball.core.slug import slug
from flyball.plan.make import make_plan
from flyball.plan.records import Plan, Step
from flyball.render.dump import Tree, to_python
from flyball.render.records import Files, Order
from flyball.spec.delivery import Resources
from flyball.spec.records import Spec

GPU = "nvidia.com/gpu"
_HEAD = '"""Made by `flyball render airflow`. Change flyball.toml and render again, rather than this file."""\n\n'
_PLACE = "{{PLAN}}"
_WAITS = timedelta(hours=6)
"""So long a scheduled run waits for new data before it is skipped; no run may begin meanwhile, not even one an alert asks for."""


def files(order: Order) -> Files:
    """A file of DAGs for each project, for Airflow's dags folder."""
    code = (resources(__package__) / "templates" / "dag.py.txt").read_text(encoding="utf-8")
    made: dict[str, str] = {}
    for spec in order.specs:
        plan = tree(spec)
        name = f"{plan['prefix']}.py"
        if name in made:
            raise UsageError(f"two projects have the model {spec.model.name!r} in one environment", hint="render each from its own folder")
        made[name] = _HEAD + code.replace(_PLACE, to_python(plan))
    return made


def tree(spec: Spec) -> dict[str, Tree]:
    """What stands in a file as data: everything that depends on the project."""
    plan = make_plan(spec)
    prefix = prefix_of(plan)
    dags: list[Tree] = [
        {
            "dag": prefix,
            "says": f"{plan.model}: prepare, train, evaluate, test, deploy",
            "every": plan.every.total_seconds() if plan.every else None,
            "new_data": _new_data(_source(spec), ("--env", plan.environment) if plan.environment else (), plan.every),
            "steps": _steps(plan.renew),
        },
        {
            "dag": f"{prefix}-watch",
            "says": f"{plan.model}: {plan.watch.says}",
            "every": plan.look.total_seconds(),
            "new_data": None,
            "steps": _steps([plan.watch]),
        },
    ]
    return {
        "model": plan.model,
        "environment": plan.environment,
        "prefix": prefix,
        "variables": dict(plan.variables),
        "secrets": list(plan.secrets),
        "dags": dags,
    }


def prefix_of(plan: Plan) -> str:
    """What DAGs and Airflow variables of a project begin with: letters, digits and `_`, so that each can be an environment variable.

    A slug has no two dashes in a row, so `__` stands before an environment only, and `-` before `watch` only: no two names can meet.
    """
    return "__".join([f"flyball_{plan.slug}", *([slug(plan.environment)] if plan.environment else [])]).replace("-", "_")


def _steps(steps: Sequence[Step]) -> list[Tree]:
    return [
        {
            "name": step.name,
            "verb": list(step.verb),
            "says": step.says,
            "needs": list(step.needs),
            "seconds": step.timeout.total_seconds(),
            "retries": step.retries,
            "slots": max(1, math.ceil(step.resources.cpu or 1)),
            "resources": _asked(step.resources),
        }
        for step in steps
    ]


def _asked(wanted: Resources) -> dict[str, Tree]:
    """Resources in the words of Kubernetes, whose pods are the only workers that can be asked for them."""
    cpu: dict[str, Tree] = {} if wanted.cpu is None else {"cpu": f"{math.ceil(wanted.cpu * 1000)}m"}
    memory: dict[str, Tree] = {} if wanted.memory is None else {"memory": str(wanted.memory)}
    return {**cpu, **memory, **({GPU: str(wanted.gpu)} if wanted.gpu else {})}


def _new_data(source: str | None, environment: tuple[str, ...], every: timedelta | None) -> dict[str, Tree]:
    """What a scheduled run waits for, and another that asks for it: something newer in a file or folder, or in what DVC says of it; for a
    query (`source` None), rows that no version was trained on, for which it has to be asked, so not often.
    """
    waits = (min(_WAITS, every / 2) if every else _WAITS).total_seconds()
    return {
        "path": source,
        "rows": [*environment, "snapshot", "--json"],
        "versions": [*environment, "models", "--json"],
        "every": waits / 3 if source is None else min(300.0, waits),
        "seconds": waits,
    }


def _source(spec: Spec) -> str | None:
    """Where the data lie in the project's folder; None if a query is asked for them."""
    return None if spec.data.connection else spec.data.source
