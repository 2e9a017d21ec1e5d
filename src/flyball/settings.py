"""What the surroundings say: environment variables, and where things stand in a project's folder. Read once, at the edge."""

import os
from collections.abc import Mapping
from pathlib import Path

from flyball.core.record import record


@record
class Settings:
    """One project's places. `tracking_uri` is None for the project's own MLflow store."""

    folder: Path
    tracking_uri: str | None
    language: str
    actor: str

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
        """The signing key of this project."""
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
    """The settings of a project from the environment: MLFLOW_TRACKING_URI, FLYBALL_LANG (en, zh), FLYBALL_ACTOR."""
    env = os.environ if environment is None else environment
    language = env.get("FLYBALL_LANG", "zh" if env.get("LANG", "").startswith("zh") else "en")
    return Settings(
        folder=folder.resolve(),
        tracking_uri=env.get("MLFLOW_TRACKING_URI") or None,
        language="zh" if language.startswith("zh") else "en",
        actor=env.get("FLYBALL_ACTOR") or env.get("USER") or "person",
    )
