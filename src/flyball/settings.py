"""What the surroundings say: environment variables, and where things stand in a project's folder. Read once, at the edge."""

import hashlib
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from flyball.core.errors import SpecError, UsageError
from flyball.core.record import record
from flyball.core.surroundings import ADMINS_BEFORE, FOR_ADMINS, FOR_SIGNING
from flyball.registry.signing import KeySource, key_from_text
from flyball.spec.delivery import StoresSpec
from flyball.spec.load import read_places

FOR_ENVIRONMENT = "FLYBALL_ENV"
FOR_REPLICA = "FLYBALL_REPLICA"
_LONGEST_NAME = 63
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9.-]{{0,{_LONGEST_NAME - 1}}}")


@record
class Settings:
    """One project's places. `tracking_uri` is None for the project's own MLflow store.

    `replica`: what this machine calls itself among those that share a store; empty: it is alone.
    `environment`: the one whose `[env.NAME]` holds; empty: none. `stores`: what the spec says there of shared stores.
    """

    folder: Path
    tracking_uri: str | None
    language: Literal["en", "zh"]
    actor: str
    environment: str = ""
    stores: StoresSpec = StoresSpec()
    replica: str = ""

    @property
    def shared(self) -> str:
        """The address of the shared database; empty: the project's own. SpecError if it is in a variable that is not set."""
        return secret(self.stores.database)

    @property
    def is_shared(self) -> bool:
        """Whether the spec names any store that others use too."""
        return bool(self.stores.database or self.stores.mlflow or self.stores.remote)

    @property
    def database(self) -> Path:
        """Predictions, outcomes, journal, deployments."""
        return self.folder / "flyball.db"

    @property
    def state(self) -> Path:
        """Everything that can be rebuilt, and the signing key."""
        return self.folder / ".flyball"

    @property
    def bundles(self) -> Path:
        """Local bundles by digest."""
        return self.state / "bundles"

    @property
    def key(self) -> Path:
        """The file with the signing key of this project; see `signing_key`."""
        return self.state / "key"

    @property
    def log(self) -> Path:
        """Flushed predictions on their way into the database."""
        return self.state / "log"

    @property
    def jobs(self) -> Path:
        """Trainings started by the loop."""
        return self.state / "jobs"


def read_settings(folder: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of a project: MLFLOW_TRACKING_URI, FLYBALL_LANG (en, zh), _ACTOR, _ENV, _REPLICA, and `[stores]` of its spec."""
    env = os.environ if environment is None else environment
    chosen = env.get(FOR_ENVIRONMENT, "")
    stores = read_places(folder, chosen)
    language = env.get("FLYBALL_LANG", "zh" if env.get("LANG", "").startswith("zh") else "en")
    return Settings(
        folder=folder.resolve(),
        tracking_uri=env.get("MLFLOW_TRACKING_URI") or secret(stores.mlflow, env) or None,
        language="zh" if language.startswith("zh") else "en",
        actor=env.get("FLYBALL_ACTOR") or env.get("USER") or "person",
        environment=chosen,
        stores=stores,
        replica=_replica(env.get(FOR_REPLICA, ""), folder.resolve(), shared=bool(stores.database)),
    )


def _replica(chosen: str, folder: Path, *, shared: bool) -> str:
    """The name that was given, or, where a store is shared, one that no other machine and no other folder of this one has."""
    if chosen:
        if not _NAME.fullmatch(chosen):
            raise UsageError(
                f"{FOR_REPLICA}={chosen[:80]!r} cannot name a machine",
                hint=f"letters, digits, dots and dashes, at most {_LONGEST_NAME}, such as {FOR_REPLICA}=loop-1",
            )
        return chosen
    if not shared:
        return ""
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", socket.gethostname()).strip(".-") or "machine"
    return f"{host[: _LONGEST_NAME - 9]}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"


def choose_environment(name: str) -> None:
    """Let this process, and those it starts, work in an environment of the spec."""
    os.environ[FOR_ENVIRONMENT] = name


def chosen_environment() -> str:
    """The environment of the spec that this process works in; empty: none."""
    return os.environ.get(FOR_ENVIRONMENT, "")


def admin_tokens(environment: Mapping[str, str] | None = None) -> str:
    """What opens the admin routes of a server: FLYBALL_ADMIN_TOKEN; empty: nothing does."""
    return (os.environ if environment is None else environment).get(FOR_ADMINS, "")


def chosen_language() -> Literal["en", "zh"]:
    """The reader's language, where nothing else of the surroundings is needed."""
    chosen = os.environ.get("FLYBALL_LANG", os.environ.get("LANG", ""))
    return "zh" if chosen.startswith("zh") else "en"


def proposed_change(environment: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """What a CI system says of the change it looks at: the variables of GitHub Actions, GitLab CI and Jenkins that name it."""
    env = os.environ if environment is None else environment
    names = ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_REF", "GITHUB_TOKEN", "CHANGE_URL", "CHANGE_ID", "GITLAB_TOKEN")
    return {name: env.get(name, "") for name in (*names, "CI_API_V4_URL", "CI_PROJECT_ID", "CI_MERGE_REQUEST_IID")}


def tools_beside(settings: Settings, environment: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Where people find MLflow's, Prometheus' and Grafana's own pages, without names and passwords; empty where that is not known.

    MLflow: where it is tracked, if that is a server. The others: FLYBALL_PROMETHEUS_URL and FLYBALL_GRAFANA_URL.
    """
    env = os.environ if environment is None else environment
    given = {
        "mlflow": settings.tracking_uri or "",
        "prometheus": env.get("FLYBALL_PROMETHEUS_URL", ""),
        "grafana": env.get("FLYBALL_GRAFANA_URL", ""),
    }
    return {name: _without_password(address) for name, address in given.items()}


def _without_password(address: str) -> str:
    try:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return ""
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return urlunsplit((parts.scheme, host if parts.port is None else f"{host}:{parts.port}", parts.path, "", ""))
    except ValueError:  # a port that is no number
        return ""


def signing_key(settings: Settings, environment: Mapping[str, str] | None = None) -> KeySource:
    """What bundles are signed with: the key in FLYBALL_SIGNING_KEY, which all machines of a team share, else the project's own file."""
    given = (os.environ if environment is None else environment).get(FOR_SIGNING, "").strip()
    return key_from_text(given, name=FOR_SIGNING) if given else settings.key


def admin_tokens_before(environment: Mapping[str, str] | None = None) -> str:
    """What admitted until now, where it is to be replaced: FLYBALL_ADMIN_TOKEN_OLD."""
    return (os.environ if environment is None else environment).get(ADMINS_BEFORE, "")


def secret(text: str, environment: Mapping[str, str] | None = None) -> str:
    """What a text of the spec stands for: for `env:NAME` what that variable holds, else the text itself."""
    if not text.startswith("env:"):
        return text
    name = text.removeprefix("env:")
    value = (os.environ if environment is None else environment).get(name, "").strip()
    if not value:
        raise SpecError(f"the variable {name} is not set, which flyball.toml names", hint=f"export {name}=... where the loop runs")
    return value
