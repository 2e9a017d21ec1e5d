"""Trainings as OpenLineage events: port Lineage, by openlineage-python, to a server or a file of the project."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from flyball.core.errors import FlyballError
from flyball.core.slug import slug
from flyball.ports.training import Learned
from flyball.spec.file_address import file_in, is_file_address
from flyball.spec.records import Spec

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import InputDataset, OutputDataset

NAMESPACE = "flyball"
PRODUCER = "urn:flyball"
_SECONDS = 4.0
_MOST_FILES = 200
"""Source files that are named one by one; of more, only the snapshot tells."""
Job = Literal["train", "register"]


class OpenLineage:
    """`secret` turns `env:NAME` into what the variable holds; `say` gets what went wrong, and nothing else comes of that."""

    def __init__(self, spec: Spec, *, secret: Callable[[str], str], clock: Callable[[], datetime], say: Callable[[str], None]) -> None:
        self._spec, self._secret, self._clock, self._say = spec, secret, clock, say
        self._client: OpenLineageClient | None = None

    def started(self, job: Job, cause: str) -> str:
        """START."""
        try:
            from openlineage.client.uuid import generate_new_uuid
        except ModuleNotFoundError:
            self._say("warning: [track] lineage is not told: pip install 'flyball[openlineage]'")
            return ""
        attempt = str(generate_new_uuid())
        self._emit("START", job, attempt, tags={"cause": cause})
        return attempt

    def completed(self, job: Job, attempt: str, learned: Learned) -> None:
        """COMPLETE, with the rows as input and the model as output."""
        if attempt:
            tags = {"mlflow_run": learned.run_id, "gate": learned.verdict}
            self._emit("COMPLETE", job, attempt, tags=tags, learned=learned)

    def failed(self, job: Job, attempt: str, message: str) -> None:
        """FAIL, with what went wrong."""
        if attempt:
            self._emit("FAIL", job, attempt, message=message)

    def _emit(
        self, state: str, job: Job, attempt: str, *, tags: dict[str, str] | None = None, learned: Learned | None = None, message: str = ""
    ) -> None:
        try:
            self._opened().emit(self._event(state, job, attempt, tags or {}, learned, message))
        except FlyballError as error:
            self._say(f"warning: [track] lineage was not told: {error.message}")
        except Exception as error:  # noqa: BLE001 - whatever is wrong there, the training goes on; its text could hold the address
            self._say(f"warning: [track] lineage was not told of the {state}: {type(error).__name__}")

    def _opened(self) -> "OpenLineageClient":
        if self._client is None:
            from openlineage.client import OpenLineageClient

            logging.getLogger("openlineage").setLevel(logging.CRITICAL)  # it would write addresses into the log
            self._client = OpenLineageClient(transport=self._transport())
        return self._client

    def _transport(self) -> Any:
        where = self._secret(self._spec.track.lineage)
        if is_file_address(where):
            from openlineage.client.transport.file import FileConfig, FileTransport

            path = file_in(self._spec.folder, where)
            path.parent.mkdir(parents=True, exist_ok=True)
            return FileTransport(FileConfig(log_file_path=str(path), append=True))
        from openlineage.client.transport.http import HttpConfig, HttpTransport

        config: dict[str, Any] = {"url": where, "timeout": _SECONDS, "retry": {"total": 0, "read": 0, "connect": 0}}
        token = _variable(self._secret, "OPENLINEAGE_API_KEY")
        if token:
            config["auth"] = {"type": "api_key", "apiKey": token}
        return HttpTransport(HttpConfig.from_dict(config))

    def _event(self, state: str, job: Job, attempt: str, tags: dict[str, str], learned: Learned | None, message: str) -> Any:
        from openlineage.client import event_v2, facet_v2

        facets: dict[str, Any] = {}
        if tags:
            fields = [facet_v2.tags_run.TagsRunFacetFields(key=key, value=value, source="FLYBALL") for key, value in tags.items()]
            facets["tags"] = facet_v2.tags_run.TagsRunFacet(tags=fields, producer=PRODUCER)
        if message:
            facets["errorMessage"] = facet_v2.error_message_run.ErrorMessageRunFacet(
                message=message, programmingLanguage="python", producer=PRODUCER
            )
        kind = facet_v2.job_type_job.JobTypeJobFacet(processingType="BATCH", integration="FLYBALL", jobType=job.upper(), producer=PRODUCER)
        return event_v2.RunEvent(
            eventTime=self._clock().isoformat().replace("+00:00", "Z"),
            producer=PRODUCER,
            run=event_v2.Run(runId=attempt, facets=facets),
            job=event_v2.Job(namespace=NAMESPACE, name=f"{slug(self._spec.model.name)}.{job}", facets={"jobType": kind}),
            eventType=event_v2.RunState[state],
            inputs=[] if learned is None else self._inputs(learned),
            outputs=[] if learned is None else self._outputs(learned),
        )

    def _inputs(self, learned: Learned) -> "list[InputDataset]":
        """The exact rows, and the files they came from."""
        from openlineage.client import event_v2, facet_v2

        snapshot, name = learned.snapshot, slug(self._spec.model.name)
        columns = [facet_v2.schema_dataset.SchemaDatasetFacetFields(name=column) for column in snapshot.columns]
        facets: dict[str, Any] = {
            "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=snapshot.digest, producer=PRODUCER),
            "schema": facet_v2.schema_dataset.SchemaDatasetFacet(fields=columns, producer=PRODUCER),
        }
        rows = facet_v2.input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=snapshot.rows, producer=PRODUCER)
        found = [event_v2.InputDataset(namespace=NAMESPACE, name=f"{name}/snapshot", facets=facets, inputFacets={"inputStatistics": rows})]
        for file in snapshot.sources[:_MOST_FILES]:
            version = facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=file.sha256, producer=PRODUCER)
            found.append(event_v2.InputDataset(namespace=NAMESPACE, name=f"{name}/{file.path}", facets={"version": version}))
        return found

    def _outputs(self, learned: Learned) -> "list[OutputDataset]":
        from openlineage.client import event_v2, facet_v2

        if learned.version is None:
            return []
        facets: dict[str, Any] = {
            "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(learned.version), producer=PRODUCER),
            "datasetType": facet_v2.dataset_type_dataset.DatasetTypeDatasetFacet(datasetType="MODEL", producer=PRODUCER),
        }
        return [event_v2.OutputDataset(namespace=NAMESPACE, name=f"models/{self._spec.model.name}", facets=facets)]


def _variable(secret: Callable[[str], str], name: str) -> str:
    try:
        return secret(f"env:{name}")
    except FlyballError:
        return ""
