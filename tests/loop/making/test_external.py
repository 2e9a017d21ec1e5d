"""Asking another system for a model, and waiting for it."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flyball.adapters.elsewhere import ExternalTraining
from flyball.adapters.memory.journal import MemoryJournal
from flyball.adapters.mlflow.store import MlflowStore
from flyball.core.codec import from_json
from flyball.core.errors import RefusedError, SpecError, StoreError, UnsupportedError
from flyball.core.reason import Reason, because
from flyball.journal.events import Entry, Registered, RetrainStarted
from flyball.journal.state import fold
from flyball.loop.making.external import Asked, ask_once, cause_of, wait_for_version
from flyball.loop.making.fitting import bring_model
from flyball.loop.making.gather import gather
from flyball.loop.making.sent import sent_for, unanswered
from flyball.loop.making.training import train
from flyball.loop.making.workshop import Workshop
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.spec.records import External, Spec
from flyball.stores import open_stores
from listeners import Listener, listening, status
from projects import NOW, SPEC, make_project, workshop_of

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow and DVC say when they are imported and used is not ours to answer for

ACTION = "retrain-2-20240401000000"


class Answers:
    """The other system as it answers look after look: each a version, nothing, or a registry that is down."""

    def __init__(self, *said: str | StoreError) -> None:
        self.said, self.asked = list(said), list[Mapping[str, object]]()

    def ask(self, external: External, request: Mapping[str, object], *, key: str) -> None:
        self.asked.append({**request, "key": key})

    def made(self, action: str) -> str:
        answer = self.said.pop(0) if self.said else ""
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def fetch(self, version: str, into: Path) -> None:
        into.mkdir()

    def register_at(self) -> str:
        return "http://mlflow"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project", spec=external("http://127.0.0.1:9"))


def external(url: str, kind: str = "webhook", more: str = "") -> str:
    return SPEC.replace('run = "pipeline:train"', f'external = {{ kind = "{kind}", url = "{url}", token = "env:TRAIN_TOKEN" }}\n{more}')


def waited(folder: Path, answers: Answers, *, timeout: float = 10) -> tuple[str | int, list[float]]:
    """What waiting comes to on a clock that only sleeping moves, and how long it slept."""
    slept: list[float] = []
    workshop = replace(workshop_of(folder), elsewhere=answers)
    found = wait_for_version(
        load_spec(folder), workshop, ACTION, timeout=timedelta(seconds=timeout), sleep=slept.append, clock=lambda: sum(slept)
    )
    return found, slept


def test_it_looks_every_two_seconds_until_there_is_a_version(folder: Path) -> None:
    found, slept = waited(folder, Answers("", StoreError("down"), "models:/churn/7"))
    assert found == "models:/churn/7"
    assert slept == [2, 2]


def test_a_version_that_does_not_come_in_time_is_an_error_that_says_how_to_answer(folder: Path) -> None:
    with pytest.raises(StoreError, match=f"registered no version for {ACTION} within 10s") as told:
        waited(folder, Answers())
    assert f"flyball.action = {ACTION}" in told.value.hint
    assert f"flyball register RUN --action {ACTION}" in told.value.hint
    with pytest.raises(StoreError, match="journal or registry did not answer at last: down"):
        waited(folder, Answers(*[StoreError("down")] * 20))


class Unheard(Answers):
    """The other system at the moment at which the asking process dies: what it says is not heard any more."""

    def ask(self, external: External, request: Mapping[str, object], *, key: str) -> None:
        super().ask(external, request, key=key)
        if len(self.asked) == 1:
            raise KeyboardInterrupt


def asking(folder: Path, answers: Answers, action: str = ACTION, *, model: str = "churn", now: datetime = NOW) -> bool:
    return ask_once(load_spec(folder), replace(workshop_of(folder), elsewhere=answers), lambda: {"model": model}, action, now=now)


def test_an_attempt_that_was_interrupted_has_asked_already_whatever_the_rows_are_now(folder: Path) -> None:
    answers = Answers()
    assert [asking(folder, answers, model=rows) for rows in ("churn", "newer", "newest")] == [True, False, False]
    assert answers.asked == [{"model": "churn", "key": ACTION}]
    assert asking(folder, answers, "retrain-3"), "another action is another request"


def test_a_request_of_which_nobody_knows_whether_it_arrived_is_sent_again_as_it_was(folder: Path) -> None:
    answers = Unheard()
    with pytest.raises(KeyboardInterrupt):
        asking(folder, answers)
    assert asking(folder, answers, model="newer") and not asking(folder, answers)
    assert answers.asked == [{"model": "churn", "key": ACTION}] * 2


def test_a_request_that_was_not_taken_is_sent_again(folder: Path) -> None:
    class Refuses(Answers):
        def ask(self, external: External, request: Mapping[str, object], *, key: str) -> None:
            raise StoreError("HTTP 503")

    with pytest.raises(StoreError, match="503"):
        asking(folder, Refuses())
    assert asking(folder, Answers())


def brought(folder: Path, answers: Answers, into: Path, action: str = ACTION) -> tuple[int, list[str]]:
    """What bringing a model comes to, without rows, and what is said of it."""
    into.mkdir()
    spec, workshop = load_spec(folder), replace(workshop_of(folder), elsewhere=answers)
    state = fold("churn", workshop.journal.read("churn"))
    gathered = gather(spec, workshop, now=NOW, progress=lambda _: None)
    kept: Future[tuple[str, str]] = Future()
    kept.set_result(("snapshots/churn.parquet", "0" * 32))
    said: list[str] = []
    asked = Asked(action=action, cause="drift", now=NOW)
    found = bring_model(spec, workshop, gathered, state, asked, kept=kept, digest="d" * 64, folder=into, progress=said.append)
    workshop.trainer.close()
    return found, said


def test_what_was_made_for_the_action_is_taken_without_asking_and_a_late_answer_to_another_is_told(folder: Path, tmp_path: Path) -> None:
    asking(folder, Answers(), "retrain-1", now=datetime.now(UTC))
    found, said = brought(folder, Answers("models:/team/1", "models:/team/2"), tmp_path / "work")
    assert found == 0
    assert any("made models:/team/1 for retrain-1, which nobody waits for any more" in line for line in said)
    assert said[-1] == "external: got models:/team/2"
    notes = from_json((tmp_path / "work" / "noticed.json").read_bytes(), list[Reason])
    assert [one.code for one in notes] == ["train.external_late"]
    again, said = brought(folder, Answers("models:/team/2"), tmp_path / "again")
    assert again == 0 and not any("retrain-1" in line for line in said), "it is told once"


def test_a_request_that_may_still_be_worked_at_is_told_of(folder: Path, tmp_path: Path) -> None:
    asking(folder, Answers(), "retrain-1", now=datetime.now(UTC))
    answers = Answers("", "", "models:/team/2", "")
    _, said = brought(folder, answers, tmp_path / "work")
    assert [one["action"] for one in answers.asked] == [ACTION]
    assert any(line.startswith("external: retrain-1 was asked for 20") and "may still be trained" in line for line in said)


def test_a_model_made_from_the_rows_of_an_earlier_attempt_is_told_of(folder: Path, tmp_path: Path) -> None:
    spec = load_spec(folder)
    ask_once(spec, replace(workshop_of(folder), elsewhere=Answers()), lambda: {"data": {"sha256": "e" * 64}}, ACTION, now=NOW)
    brought(folder, Answers("models:/team/2"), tmp_path / "work")
    (note,) = from_json((tmp_path / "work" / "noticed.json").read_bytes(), list[Reason])
    assert note == because("train.external_other_rows", version="models:/team/2", asked="e" * 12, now="d" * 12)


def test_a_request_is_forgotten_after_ninety_days(folder: Path) -> None:
    asking(folder, Answers(), "retrain-1")
    assert [one.action for one in unanswered(folder, but="", now=NOW + timedelta(days=90))] == ["retrain-1"]
    assert unanswered(folder, but="", now=NOW + timedelta(days=91)) == []
    assert sent_for(folder, "retrain-1") is None


def test_a_journal_that_does_not_answer_is_asked_again(folder: Path) -> None:
    workshop = replace(workshop_of(folder), elsewhere=Answers("", "", "models:/churn/7"))

    class Away(MemoryJournal):
        """The journal, which is locked the second time it is read."""

        looks = 0

        def read(self, model: str, *, after: int = 0) -> list[Entry]:
            self.looks += 1
            if self.looks == 2:
                raise StoreError("database is locked")
            return super().read(model, after=after)

    away = Away()
    slept: list[float] = []
    found = wait_for_version(
        load_spec(folder),
        replace(workshop, journal=away),
        ACTION,
        timeout=timedelta(seconds=10),
        sleep=slept.append,
        clock=lambda: sum(slept),
    )
    assert (found, slept, away.looks) == ("models:/churn/7", [2, 2, 2], 4)


def test_only_what_is_waited_for_can_be_answered(folder: Path) -> None:
    spec, journal = load_spec(folder), open_stores(read_settings(folder, {})).journal
    assert cause_of("", spec, journal) == "manual"
    with pytest.raises(RefusedError, match=f"nobody waits for {ACTION}: no training runs"):
        cause_of(ACTION, spec, journal)
    asked = RetrainStarted(action=ACTION, cause="drift", reason=because("retrain.lost"))
    journal.append("churn", [asked], expected=0, actor="loop", at=NOW)
    assert cause_of(ACTION, spec, journal) == "drift"
    with pytest.raises(RefusedError, match=f"the training that runs is {ACTION}"):
        cause_of("retrain-1", spec, journal)


def test_without_another_system_the_reason_is_told(folder: Path) -> None:
    workshop = replace(workshop_of(folder), elsewhere=None)
    with pytest.raises(UnsupportedError, match="no other system can be asked"):
        ask_once(load_spec(folder), workshop, dict, ACTION, now=NOW)
    assert sent_for(folder, ACTION) is None


@pytest.fixture
def heard() -> Iterator[Listener]:
    with listening(status(204)) as found:
        yield found


def ask(tmp_path: Path, spec: External, secrets: Mapping[str, str]) -> None:
    asker = ExternalTraining(MlflowStore(tmp_path), secret=lambda text: secrets.get(text, text))
    asker.ask(spec, {"model": "churn", "action": ACTION}, key=ACTION)


def test_a_webhook_gets_the_request_itself_with_token_and_key(tmp_path: Path, heard: Listener) -> None:
    ask(tmp_path, External(kind="webhook", url=heard.url + "/train", token="env:T"), {"env:T": "s3cret"})
    (one,) = heard.heard
    assert one.path == "/train"
    assert one.json == {"model": "churn", "action": ACTION}
    headers = {name.lower(): value for name, value in one.headers.items()}
    assert headers["authorization"] == "Bearer s3cret"
    assert headers["idempotency-key"] == ACTION


def test_github_gets_an_event_with_the_request_as_its_payload(tmp_path: Path, heard: Listener) -> None:
    ask(tmp_path, External(kind="repository_dispatch", url=heard.url + "/repos/a/b/dispatches"), {})
    (one,) = heard.heard
    assert one.json == {"event_type": "flyball-train", "client_payload": {"model": "churn", "action": ACTION}}
    assert {name.lower(): value for name, value in one.headers.items()}["accept"] == "application/vnd.github+json"


def test_a_request_that_is_not_taken_says_what_the_other_said_and_never_the_token(tmp_path: Path) -> None:
    spec = External(kind="webhook", url="http://127.0.0.1:9", token="env:T")
    with (
        listening(status(403, b"bad token")) as other,
        pytest.raises(StoreError, match="not take the request: HTTP 403: bad tok") as told,
    ):
        ask(tmp_path, replace(spec, url=other.url), {"env:T": "s3cret"})
    assert "s3cret" not in str(told.value)
    with pytest.raises(StoreError, match=r"\(webhook\) did not take the request: no connection"):
        ask(tmp_path, spec, {"env:T": "s3cret"})
    with pytest.raises(SpecError, match=r"train\.external: the address is none"):
        ask(tmp_path, External(kind="webhook", url="env:U"), {"env:U": "nowhere"})


TEAM = """
import json, os, sys
import mlflow, mlflow.sklearn, pandas as pd
from sklearn.linear_model import LogisticRegression

asked = json.loads(sys.stdin.read())
mlflow.set_tracking_uri(asked["answer"]["registry"])
rows = pd.read_parquet(asked["data"]["path"])
rows = rows[rows["seen_at"] < asked["data"]["held_out_from"]]
model = LogisticRegression(C=asked["params"]["C"]).fit(rows[asked["data"]["features"]], rows[asked["data"]["target"]])
with mlflow.start_run() as run:
    logged = mlflow.sklearn.log_model(model, name="model", serialization_format="cloudpickle", pip_requirements=["scikit-learn"])
client = mlflow.MlflowClient()
client.create_registered_model("team-models")
client.create_model_version("team-models", logged.model_uri, run.info.run_id, tags=asked["answer"]["tags"])
"""


def events(folder: Path) -> list[Registered]:
    return [entry.event for entry in open_stores(read_settings(folder, {})).journal.read("churn") if isinstance(entry.event, Registered)]


def trained(folder: Path, workshop: Workshop, spec: Spec, said: list[str]) -> None:
    result = train(spec, workshop, now=NOW, action=ACTION, cause="drift", actor="loop", progress=said.append)
    assert (result.status, result.version) == ("registered", 1)
    assert any(warning.code == "train.external" for warning in result.warnings)


def test_the_version_of_another_system_is_judged_and_registered_here(
    tmp_path: Path, heard: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real team: it hears the request over HTTP, learns from the snapshot and registers under a name of its own in the same MLflow."""
    monkeypatch.setenv("TRAIN_TOKEN", "s3cret")
    folder = make_project(tmp_path / "project", spec=external(heard.url, more='timeout = "5m"'))

    def team() -> None:
        while not heard.heard:
            time.sleep(0.1)
        subprocess.run([sys.executable, "-c", TEAM], input=heard.heard[0].body, cwd=folder, check=True)

    other = threading.Thread(target=team)
    other.start()
    said: list[str] = []
    trained(folder, workshop_of(folder), load_spec(folder), said)
    other.join()
    request = json.loads(heard.heard[0].body)
    assert (request["model"], request["action"], request["cause"], request["params"]) == ("churn", ACTION, "drift", {"C": 1.0})
    assert request["data"]["train_rows"] > 2000
    assert datetime.fromisoformat(request["data"]["held_out_from"]) < NOW
    assert datetime.fromisoformat(request["answer"]["until"]) == NOW + timedelta(minutes=5)
    assert said[-1] == "registered: churn@1"
    assert any("external: got models:/team-models/1" in line for line in said)
    (event,) = events(folder)
    assert (event.action, event.cause, event.engine) == (ACTION, "drift", "linear")
    assert event.metrics["roc_auc"] > 0.8
