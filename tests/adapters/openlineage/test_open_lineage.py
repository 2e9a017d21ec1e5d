"""Trainings as OpenLineage events: to a file and to a server, held against the facets that the library ships."""

import dataclasses
import inspect
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import attr
import pytest
from openlineage.client import event_v2, facet_v2

from flyball.adapters.openlineage.lineage import OpenLineage
from flyball.core.errors import DataError, SpecError
from flyball.data.records import Snapshot, SourceFile
from flyball.ports.training import Learned
from flyball.spec.load import parse_spec
from listeners import closed_port, listening, silent
from projects import NOW
from trained import Shop, flyball

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow, DVC and the library say when they are imported is not ours to answer for

SPEC = '[model]\nname = "Churn!"\ntask = "binary"\n[data]\nsource = "d.csv"\ntarget = "y"\n[train]\nrun = "p:t"\n[track]\nlineage = "{}"\n'
LEARNED = Learned(
    run_id="r1",
    snapshot=Snapshot(
        digest="a" * 64,
        dvc_md5="b" * 32,
        path="snapshots/churn.parquet",
        rows=10,
        columns=("x", "y"),
        sources=(SourceFile(path="d.csv", size=3, sha256="c" * 64),),
        steps=(),
        logged_rows=0,
        first_at=None,
        last_at=None,
    ),
    version=3,
    bundle="d" * 64,
    verdict="pass",
)


def lineage(folder: Path, where: str, said: list[str] | None = None, **secrets: str) -> OpenLineage:
    def secret(text: str) -> str:
        if not text.startswith("env:"):
            return text
        if text.removeprefix("env:") not in secrets:
            raise SpecError(f"the variable {text.removeprefix('env:')} is not set")
        return secrets[text.removeprefix("env:")]

    spec = parse_spec(SPEC.format(where), folder=folder)
    return OpenLineage(spec, secret=secret, clock=lambda: NOW, say=([] if said is None else said).append)


def shipped() -> dict[str, type]:
    """Every facet of the library by the address of its schema."""
    found = {}
    for module in vars(facet_v2).values():
        if inspect.ismodule(module):
            for one in vars(module).values():
                if inspect.isclass(one) and issubclass(one, facet_v2.BaseFacet) and hasattr(one, "_get_schema"):
                    found[one._get_schema()] = one
    return found


def sound(plain: dict[str, Any]) -> None:
    """Fail unless an event has what the library's classes ask for, and nothing they do not know."""
    assert plain["producer"] == "urn:flyball"
    assert plain["schemaURL"] == event_v2.RunEvent._get_schema()
    assert set(plain) <= {"eventTime", "producer", "run", "job", "eventType", "inputs", "outputs", "schemaURL"}
    datetime.fromisoformat(plain["eventTime"])
    UUID(plain["run"]["runId"])
    assert plain["eventType"] in event_v2.RunState.__members__
    for facet in facets_of(plain):
        kind = shipped()[facet["_schemaURL"]]
        given = {name: value for name, value in facet.items() if not name.startswith("_")}
        fields = {one.name: one for one in attr.fields(kind) if not one.name.startswith("_")}
        assert set(given) <= set(fields), (kind, given)
        needed = {name for name, one in fields.items() if one.default is attr.NOTHING}
        assert needed <= set(given), (kind, given)
        assert facet["_producer"].startswith(("urn:flyball", "https://"))  # ours, or the library's own


def facets_of(plain: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from plain["run"].get("facets", {}).values()
    yield from plain["job"].get("facets", {}).values()
    for dataset in (*plain.get("inputs", []), *plain.get("outputs", [])):
        for key in ("facets", "inputFacets", "outputFacets"):
            yield from dataset.get(key, {}).values()


def test_a_training_is_told_with_the_digest_of_its_rows_and_the_version_it_made(tmp_path: Path) -> None:
    with listening() as listener:
        told = lineage(tmp_path, "env:LINEAGE", LINEAGE=listener.url, OPENLINEAGE_API_KEY="s3cret")
        attempt = told.started("train", "drift")
        told.completed("train", attempt, LEARNED)
    start, complete = (one.json for one in listener.heard)
    for event in (start, complete):
        sound(event)
        assert event["run"]["runId"] == attempt
        assert (event["job"]["namespace"], event["job"]["name"]) == ("flyball", "churn-a821a2e6.train")
    assert {one.path for one in listener.heard} == {"/api/v1/lineage"}
    assert listener.heard[0].headers["authorization"] == "Bearer s3cret"
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    snapshot, source = complete["inputs"]
    assert snapshot["facets"]["version"]["datasetVersion"] == "a" * 64
    assert snapshot["inputFacets"]["inputStatistics"]["rowCount"] == 10
    assert [field["name"] for field in snapshot["facets"]["schema"]["fields"]] == ["x", "y"]
    assert source["facets"]["version"]["datasetVersion"] == "c" * 64
    (model,) = complete["outputs"]
    assert (model["name"], model["facets"]["version"]["datasetVersion"]) == ("models/Churn!", "3")
    tags = {one["key"]: one["value"] for one in complete["run"]["facets"]["tags"]["tags"]}
    assert (tags["mlflow_run"], tags["gate"]) == ("r1", "pass")


def test_what_was_only_tracked_has_no_model_yet(tmp_path: Path) -> None:
    told = lineage(tmp_path, "file:lineage/events.jsonl")
    told.completed("train", told.started("train", "manual"), dataclasses.replace(LEARNED, version=None))
    start, complete = (json.loads(line) for line in (tmp_path / "lineage" / "events.jsonl").read_text().splitlines())
    sound(start)
    sound(complete)
    assert complete["outputs"] == [] and complete["inputs"]


def test_a_training_that_fails_is_told_with_what_went_wrong(tmp_path: Path) -> None:
    told = lineage(tmp_path, "file:events.jsonl")
    told.failed("train", told.started("train", "manual"), DataError("no rows").message)
    *_, failed = (json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines())
    sound(failed)
    assert (failed["eventType"], failed["run"]["facets"]["errorMessage"]["message"]) == ("FAIL", "no rows")


def test_whatever_is_wrong_with_the_listener_is_only_said_and_never_with_its_address(tmp_path: Path) -> None:
    with silent() as port:
        for where in (f"http://127.0.0.1:{closed_port()}/s3cret", f"http://127.0.0.1:{port}/s3cret", "https://[", "no address"):
            said: list[str] = []
            told = lineage(tmp_path, "env:LINEAGE", said, LINEAGE=where)
            told.completed("train", told.started("train", "manual"), LEARNED)
            assert len(said) == 2 and all("lineage was not told" in line for line in said), (where, said)
            assert "s3cret" not in "".join(said)


def test_a_variable_that_is_not_set_is_named_and_the_training_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    told = lineage(tmp_path, "env:LINEAGE", said)
    told.failed("train", told.started("train", "manual"), "x")
    assert "the variable LINEAGE is not set" in said[0]


def test_the_verbs_tell_of_training_and_failing(own: Shop) -> None:
    with (own.folder / "flyball.toml").open("a") as file:
        file.write('[track]\nlineage = "file:lineage.jsonl"\n')
    again = flyball(own.folder, "train", "--json", "--now", "2025-03-03T00:00:00Z")
    (own.folder / "data" / "customers.csv").unlink()
    assert flyball(own.folder, "train").status == 1
    events = [json.loads(line) for line in (own.folder / "lineage.jsonl").read_text().splitlines()]
    for event in events:
        sound(event)
    assert [(one["job"]["name"], one["eventType"]) for one in events] == [
        ("churn.train", "START"),
        ("churn.train", "COMPLETE"),
        ("churn.train", "START"),
        ("churn.train", "FAIL"),
    ]
    assert events[1]["inputs"][0]["facets"]["version"]["datasetVersion"] == again.json["snapshot"]
    assert events[1]["outputs"][0]["facets"]["version"]["datasetVersion"] == str(again.json["version"])
