"""Runs mirrored to Weights & Biases: a Tracker around the one that counts, which never notices what becomes of the mirror."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from flyball.core.codec import to_json
from flyball.core.schema import Schema
from flyball.core.surroundings import for_others
from flyball.ports.training import Fitted, RunReport, Tracker

PATIENCE = 120.0
"""Seconds that a mirror may take; the training has been told to the tracker by then."""


class MirroredTracker:
    """The port Tracker. `project`: `project` or `entity/project`; `say` gets what went wrong, and nothing else comes of that.

    What Weights & Biases does (threads, processes, waiting for a network) it does in a process of its own, which is ended after a while.
    """

    def __init__(self, tracker: Tracker, project: str, folder: Path, *, say: Callable[[str], None], patience: float = PATIENCE) -> None:
        self._tracker, self._project, self._folder, self._say, self._patience = tracker, project, folder, say, patience

    def find(self, model: str, identity: str) -> str:
        """As the tracker says."""
        return self._tracker.find(model, identity)

    def package(self, model: Path, *, schema: Schema, fitted: Fitted, code: Mapping[str, Path], folder: Path) -> None:
        """As the tracker does."""
        self._tracker.package(model, schema=schema, fitted=fitted, code=code, folder=folder)

    def begin(self, model: str, run_id: str) -> str:
        """As the tracker does."""
        return self._tracker.begin(model, run_id)

    def record(self, report: RunReport) -> None:
        """To the tracker; then to the mirror."""
        self._tracker.record(report)
        trouble = self._mirrored(report)
        if trouble:
            self._say(f"warning: the run is in MLflow, and was not mirrored to Weights & Biases: {trouble}")

    def fetch(self, run_id: str, into: Path) -> None:
        """From the tracker."""
        self._tracker.fetch(run_id, into)

    def _mirrored(self, report: RunReport) -> str:
        """What kept it from being mirrored; empty: nothing."""
        if find_spec("wandb") is None:
            return "pip install 'flyball[wandb]'"
        entity, _, project = self._project.rpartition("/")
        place = self._folder / ".flyball" / "wandb"
        order = {
            "entity": entity,
            "project": project,
            "folder": str(place),
            "run": report.run_id,
            "model": report.model,
            "identity": report.identity,
            "params": dict(report.params),
            "metrics": dict(report.metrics),
            "tags": dict(report.tags),
            "snapshot": {"digest": report.snapshot.digest, "dvc_md5": report.snapshot.dvc_md5, "rows": report.snapshot.rows},
        }
        try:
            place.mkdir(parents=True, exist_ok=True)
            done = subprocess.run(
                [sys.executable, "-P", "-m", "flyball.adapters.wandb.send"],
                input=to_json(order),
                env=for_others(os.environ),
                cwd=place,
                capture_output=True,
                text=True,
                timeout=self._patience,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            return f"it took longer than {self._patience:g} s"
        except OSError as error:
            return error.strerror or type(error).__name__
        if done.returncode == 0:
            return ""
        return next((line for line in reversed(done.stderr.strip().splitlines()) if line.strip()), f"exit code {done.returncode}")[:300]
