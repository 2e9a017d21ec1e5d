"""spec → Plan: what has to run for a project, in what order."""

from datetime import timedelta
from typing import Any

from flyball.core.errors import SpecError
from flyball.core.slug import slug
from flyball.plan.records import Plan, Step
from flyball.spec.delivery import StoresSpec
from flyball.spec.records import Spec

ADMIN = "FLYBALL_ADMIN_TOKEN"
KEY = "FLYBALL_SIGNING_KEY"
"""What every machine of a project has to share: the key that bundles are signed and verified with."""
REPORT = "evaluation"
"""The folder in which a training says what it came to. The steps after it read there which run is meant."""


def make_plan(spec: Spec) -> Plan:
    """The plan of a project in the environment its spec was read for.

    A version is registered only after its own tests, and put to work only after that: what fails on the way never answers anybody.
    """
    environment = ("--env", spec.environment) if spec.environment else ()
    given = _secrets(spec)

    def step(name: str, *verb: str, says: str, needs: str = "", timeout: timedelta = timedelta(hours=1), **more: Any) -> Step:
        words, before = (*environment, *verb), (needs,) if needs else ()
        return Step(name=name, verb=words, says=says, needs=before, timeout=timeout, secrets=given[name], **more)

    short, kept = timedelta(minutes=30), ("--report", REPORT)
    check = step("check", "check", says="flyball.toml means what it should", timeout=timedelta(minutes=10))
    push = ("--push",) if spec.stores.remote or spec.stores.database else ()  # the next step may stand on another machine
    data, rows = (
        step("data", "snapshot", "--pull", *more, says=says, needs="check", timeout=timedelta(hours=2), retries=2)
        for more, says in (((), "prepare the data and look at the rows"), (push, "prepare the data and keep the exact rows"))
    )
    train = step(
        "train",
        "train",
        "--no-register",
        "--pull",
        *push,
        *kept,
        says="train and judge, and register nothing yet",
        needs="data",
        timeout=spec.train.timeout + short,
        resources=spec.resources,
    )
    test = step("test", "test", *kept, "--junit", f"{REPORT}/tests.xml", says="the model's own tests", needs="train")
    register = step("register", "register", *kept, "--hold", says="make it a version", needs="test", timeout=short)
    deploy = step(
        "deploy",
        "rollout",
        "start",
        says="put it to work as [rollout] says: at once, or in comparison with the champion",
        needs="register",
        timeout=short,
        retries=1,
    )
    return Plan(
        model=spec.model.name,
        slug=slug(spec.model.name),
        environment=spec.environment,
        review=(check, data, train, test),
        renew=(check, rows, train, test, register, deploy),
        watch=step("watch", "tick", says="look at everything and do what follows", timeout=short, retries=1),
        look=spec.deliver.look,
        every=spec.retrain.every if "schedule" in spec.retrain.on else None,
        alerted="alert" in spec.retrain.on or spec.train.external is not None,
        serve=(*environment, "serve", "--host", "0.0.0.0", "--port", str(spec.serve.port), "--workers", str(spec.serve.workers)),  # noqa: S104 - in a container of its own
        port=spec.serve.port,
        secrets=given["watch"],
        variables=dict(spec.deliver.variables),
    )


def shared(spec: Spec, *, by: str) -> None:
    """SpecError unless database and tracking server are shared: whatever `by` runs elsewhere would be forgotten with its machine."""
    missing = [key for key, text in (("database", spec.stores.database), ("mlflow", spec.stores.mlflow)) if not text]
    if missing:
        where = f"[env.{spec.environment}.stores]" if spec.environment else "[stores]"
        raise SpecError(
            f"{by} runs each step on a machine of its own, and this project keeps its {' and '.join(missing)} in its own folder",
            hint=f'add {missing[0]} = "env:FLYBALL_{missing[0].upper()}" under {where} (PostgreSQL, an MLflow server)',
        )


def named(stores: StoresSpec) -> list[str]:
    """The variables that the addresses of stores are read from."""
    return _variables(stores.database, stores.mlflow, stores.remote)


def _secrets(spec: Spec) -> dict[str, tuple[str, ...]]:
    """What each step is given: only what makes a version or puts it to work may act, and only what signs or verifies has the key."""
    stores, track = named(spec.stores), _variables(spec.track.lineage, spec.track.events)
    rows = _variables(spec.data.connection)
    told = _variables(*(text for one in spec.alerts.to for text in (one.url, one.server, one.user, one.password)))
    asked = [] if spec.train.external is None else _variables(spec.train.external.url, spec.train.external.token)
    key = [KEY] if spec.stores.database else []
    admin = [ADMIN] if spec.stores.database or spec.stores.mlflow or spec.stores.remote else []
    own = {
        "check": [],
        "data": rows,
        "train": [*rows, *track, *asked, *key],
        "test": key,
        "register": [*track, *key, *admin],
        "deploy": [*track, *told, *key, *admin],
        "watch": [*rows, *track, *told, *asked, *key, *admin],
    }
    return {name: tuple(dict.fromkeys([*stores, *more, *spec.deliver.secrets])) for name, more in own.items()}


def _variables(*texts: str) -> list[str]:
    """The variables that texts of the spec stand for."""
    return [text.removeprefix("env:") for text in texts if text.startswith("env:")]
