"""spec → Plan: what has to run for a project, in what order."""

from datetime import timedelta

from flyball.core.errors import SpecError
from flyball.core.slug import slug
from flyball.plan.records import Plan, Step
from flyball.spec.delivery import StoresSpec
from flyball.spec.records import Spec

ADMIN = "FLYBALL_ADMIN_TOKEN"
KEY = "FLYBALL_SIGNING_KEY"
"""What every machine of a project has to share: the key that bundles are signed and verified with."""


def make_plan(spec: Spec) -> Plan:
    """The plan of a project in the environment its spec was read for."""
    environment = ("--env", spec.environment) if spec.environment else ()
    check = Step(name="check", verb=(*environment, "check"), says="flyball.toml means what it should", timeout=timedelta(minutes=10))
    data = Step(
        name="data",
        verb=(*environment, "snapshot"),
        says="prepare the data and keep the exact rows",
        needs=("check",),
        timeout=timedelta(hours=2),
        retries=2,
    )
    try_out = Step(
        name="train",
        verb=(*environment, "train", "--no-register"),
        says="train and judge, and register nothing",
        needs=("data",),
        timeout=spec.train.timeout + timedelta(minutes=30),
        resources=spec.resources,
    )
    train = Step(
        name="train",
        verb=(*environment, "train"),
        says="train, evaluate, gate, register",
        needs=("data",),
        timeout=spec.train.timeout + timedelta(minutes=30),
        resources=spec.resources,
    )
    test = Step(name="test", verb=(*environment, "test"), says="the model's own tests", needs=("train",), timeout=timedelta(hours=1))
    watch = Step(
        name="watch", verb=(*environment, "tick"), says="look at everything and do what follows", timeout=timedelta(minutes=30), retries=1
    )
    deploy = Step(
        name="deploy",
        verb=(*environment, "tick"),
        says="let servers know: promote, or begin the comparison the spec asks for",
        needs=("test",),
        timeout=timedelta(minutes=30),
        retries=1,
    )
    secrets = dict.fromkeys([*named(spec.stores), *_asked(spec), *spec.deliver.secrets])
    return Plan(
        model=spec.model.name,
        slug=slug(spec.model.name),
        environment=spec.environment,
        review=(check, data, try_out, test),
        renew=(check, data, train, test, deploy),
        watch=watch,
        look=spec.deliver.look,
        every=spec.retrain.every if "schedule" in spec.retrain.on else None,
        alerted="alert" in spec.retrain.on or spec.train.external is not None,
        serve=(*environment, "serve", "--host", "0.0.0.0", "--port", str(spec.serve.port), "--workers", str(spec.serve.workers)),  # noqa: S104 - in a container of its own
        port=spec.serve.port,
        secrets=tuple(secrets),
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
    return [text.removeprefix("env:") for text in (stores.database, stores.mlflow, stores.remote) if text.startswith("env:")]


def _asked(spec: Spec) -> list[str]:
    """What else is read from variables: who is told, and what opens the admin routes."""
    texts = [spec.data.connection, spec.track.lineage, spec.track.events]
    for receiver in spec.alerts.to:
        texts += [receiver.url, receiver.server, receiver.user, receiver.password]
    if spec.train.external is not None:
        texts += [spec.train.external.url, spec.train.external.token]
    found = [text.removeprefix("env:") for text in texts if text.startswith("env:")]
    shared_stores = spec.stores.database or spec.stores.mlflow or spec.stores.remote
    return [*found, *([KEY] if spec.stores.database else []), *([ADMIN] if shared_stores else [])]
