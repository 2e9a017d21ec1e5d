"""The part of `flyball doctor` that says which stores are used, who is told, and whether this machine can reach them."""

from importlib.util import find_spec
from urllib.parse import urlsplit

from flyball.alerting.receivers import place_of
from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.settings import Settings, admin_tokens, secret
from flyball.spec.records import Spec


@record
class Finding:
    """One thing looked at."""

    what: str
    state: str
    detail: str


def stores_of(settings: Settings, spec: Spec) -> list[Finding]:
    """The environment, and each store with whose it is."""
    chosen = settings.environment or "none chosen: what flyball.toml says without [env]"
    return [
        Finding(what="environment", state="ok", detail=chosen),
        _database(settings, spec),
        _mlflow(settings),
        _remote(settings),
        *(_admin(settings) if settings.is_shared else []),
    ]


def mirrors(spec: Spec) -> list[Finding]:
    """Who else is told of runs and decisions."""
    track, found = spec.track, []
    for key, text, package, extra in (
        ("wandb", track.wandb, "wandb", "wandb"),
        ("lineage", track.lineage, "openlineage.client", "openlineage"),
        ("events", track.events, "", ""),
    ):
        if not text:
            continue
        if package and not _installed(package):
            found.append(Finding(what=key, state="broken", detail=f"[track] {key} needs: pip install 'flyball[{extra}]'"))
            continue
        try:
            address = text if key == "wandb" else secret(text)
        except FlyballError as error:
            found.append(Finding(what=key, state="broken", detail=str(error)))
            continue
        found.append(Finding(what=key, state="ok", detail=address if key == "wandb" or address.startswith("file:") else place_of(address)))
    return found


def shown(address: str) -> str:
    """An address without user, password and what follows the path."""
    split = urlsplit(address)
    return f"{split.scheme}://{split.netloc.rpartition('@')[2]}{split.path}"


def _database(settings: Settings, spec: Spec) -> Finding:
    where = "this project's own, flyball.db"
    try:
        if settings.stores.database:
            where = f"shared, {shown(settings.shared)}"
        from flyball.stores import open_stores

        journal = open_stores(settings).journal
        return Finding(what="database", state="ok", detail=f"{where}: {len(journal.read(spec.model.name))} journal entries, chain sound")
    except FlyballError as error:
        return Finding(what="database", state="broken", detail=str(error))


def _mlflow(settings: Settings) -> Finding:
    if settings.tracking_uri is None:
        return Finding(what="mlflow", state="ok", detail="this project's own store, mlflow.db")
    if settings.tracking_uri.startswith("sqlite:"):
        return Finding(what="mlflow", state="ok", detail=settings.tracking_uri)
    by = "[stores] mlflow" if settings.stores.mlflow else "MLFLOW_TRACKING_URI"
    return Finding(what="mlflow", state="ok", detail=f"shared, {shown(settings.tracking_uri)} (by {by})")


def _remote(settings: Settings) -> Finding:
    if not settings.stores.remote:
        return Finding(what="data", state="ok", detail="DVC's cache in this project, and its default remote with `snapshot --push`")
    try:
        address = secret(settings.stores.remote)
    except FlyballError as error:
        return Finding(what="data", state="broken", detail=str(error))
    if address.startswith("s3:") and not _installed("dvc_s3"):
        return Finding(what="data", state="broken", detail="[stores] remote in S3 needs: pip install 'flyball[s3]'")
    return Finding(what="data", state="ok", detail=f"shared, {shown(address)}")


def _admin(settings: Settings) -> list[Finding]:
    detail = (
        "a token is at hand: verbs may act if it is one of those kept" if admin_tokens() else "no token is at hand: verbs only read and add"
    )
    return [Finding(what="admin", state="ok", detail=detail)]


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
