"""Runs in MLflow: port Tracker."""

import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

from flyball.adapters.mlflow.package import write_model_folder
from flyball.adapters.mlflow.store import MlflowStore, told
from flyball.core.errors import NotFoundError
from flyball.core.schema import Schema
from flyball.ports.training import Fitted, RunReport

IDENTITY, STATE, KEPT = "flyball.identity", "flyball.state", "flyball"
_THEIRS = "flyball.metrics_before"
_LONGEST_PARAM, _LONGEST_TAG = 6000, 5000


class MlflowTracker:
    """Reports trainings as MLflow runs. A run counts as Flyball's once its tag `flyball.state` is `complete`, which is set last."""

    def __init__(self, store: MlflowStore) -> None:
        self._store = store

    def find(self, model: str, identity: str) -> str:
        """Newest first; a model's runs may lie in any experiment, for the project's code names its own."""
        client = self._store.client()
        with told(self._store.uri):
            experiments = [experiment.experiment_id for experiment in client.search_experiments()]
            wanted = f"tags.`{IDENTITY}` = '{identity}' and tags.`{STATE}` = 'complete'"
            runs = client.search_runs(experiments, filter_string=wanted, max_results=1, order_by=["attributes.start_time DESC"])
        return str(runs[0].info.run_id) if runs else ""

    def package(self, model: Path, *, schema: Schema, fitted: Fitted, code: Mapping[str, Path], folder: Path) -> None:
        """See `package.write_model_folder`."""
        write_model_folder(model, schema=schema, fitted=fitted, code=code, folder=folder)

    def begin(self, model: str, run_id: str) -> str:
        """A run that the project's code made is taken over as it is, in the experiment that the code chose."""
        client = self._store.client()
        if run_id:
            return run_id
        experiment = self._store.experiment(model)
        with told(self._store.uri):
            return str(
                client.create_run(experiment, tags={"mlflow.source.type": "PROJECT", "mlflow.source.name": "flyball train"}).info.run_id
            )

    def record(self, report: RunReport) -> None:
        """Parameters and metrics that the project's code has logged already under the same name stay: ours go beside them as `test_…`.

        What an attempt that was interrupted has written is not taken for the code's: the names that were there before are noted first.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

        client, run_id = self._store.client(), report.run_id
        with told(self._store.uri):
            run = client.get_run(run_id)
            now = int(time.time() * 1000)
            metrics = {_metric_name(name): value for name, value in report.metrics.items()}
            theirs = _noted(run.data.tags, report.identity)
            if theirs is None:
                theirs = sorted(name for name in metrics if name in run.data.metrics)
            tags = {
                **report.tags,
                "flyball.model": report.model,
                IDENTITY: report.identity,
                _THEIRS: json.dumps(theirs),
                STATE: "recording",
            }
            client.log_batch(run_id, tags=[RunTag(name, value[:_LONGEST_TAG]) for name, value in tags.items()])
            params = [Param(name, value[:_LONGEST_PARAM]) for name, value in report.params.items() if name not in run.data.params]
            ours = [Metric(f"test_{name}" if name in theirs else name, value, now, 0) for name, value in metrics.items()]
            for start in range(0, len(ours), 900):
                client.log_batch(run_id, metrics=ours[start : start + 900])
            for start in range(0, len(params), 90):
                client.log_batch(run_id, params=params[start : start + 90])
            dataset = Dataset(
                name=Path(report.snapshot.path).name,
                digest=report.snapshot.digest[:36],
                source_type="local",
                source=json.dumps({"uri": report.snapshot.path, "sha256": report.snapshot.digest, "dvc_md5": report.snapshot.dvc_md5}),
                profile=json.dumps({"num_rows": report.snapshot.rows}),
            )
            client.log_inputs(run_id, datasets=[DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
            for where, folder in report.folders.items():
                client.log_artifacts(run_id, str(folder), f"{KEPT}/{where}")
            for file in report.files.values():
                client.log_artifact(run_id, str(file), KEPT)
            client.set_tag(run_id, STATE, "complete")
            client.set_terminated(run_id, "FINISHED")

    def fetch(self, run_id: str, into: Path) -> None:
        """What lies under `flyball/` in the run's artifacts."""
        import mlflow.artifacts

        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # MLflow knows no other way to fetch quietly
        client = self._store.client()
        with told(self._store.uri):
            run = client.get_run(run_id)
            if run.data.tags.get(STATE) != "complete":
                raise NotFoundError(
                    f"run {run_id} is not a complete training of Flyball", hint="`flyball train --no-register` prints the run it made"
                )
            found = mlflow.artifacts.download_artifacts(
                artifact_uri=f"{run.info.artifact_uri}/{KEPT}", dst_path=str(into), tracking_uri=self._store.uri
            )
        for path in list(Path(found).iterdir()):
            path.replace(into / path.name)


def end_killed(uri: str, run_id: str) -> None:
    """End a run whose process was ended before it could say so."""
    from mlflow import MlflowClient

    with told(uri):
        client = MlflowClient(tracking_uri=uri)
        if client.get_run(run_id).info.status == "RUNNING":
            client.set_terminated(run_id, "KILLED")


def _noted(tags: Mapping[str, str], identity: str) -> list[str] | None:
    """The metrics that were there before an interrupted attempt of the same training wrote its own; None if there was none."""
    if tags.get(IDENTITY) != identity or _THEIRS not in tags:
        return None
    try:
        names: list[str] = json.loads(tags[_THEIRS])
    except ValueError:  # cut off at the longest tag: every metric there is may be theirs
        return None
    return names


def _metric_name(name: str) -> str:
    """What MLflow lets a metric be called: a slice `carrier=AA` becomes `carrier:AA`."""
    return re.sub(r"[^\w.\- :/]", "_", name.replace("=", ":"))[:250]
