"""Long work over HTTP: a short list of verbs, started once for each key, looked at and ended by name."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import httpx
import msgspec
import pytest

from administered import NAMED, SECRET, Caller, admin, administered, ports
from flyball.api.client import Client
from flyball.cli.main import VERBS as SPOKEN
from flyball.cli.main import cli
from flyball.ports.training import Job, JobState
from flyball.server.admin import routes
from flyball.server.admin.jobs import MOST_RUNNING, VERBS, Jobs, words
from flyball.server.answers import HttpError
from flyball.server.settings import ServerPorts
from recorded import an_answer
from served import Site
from trained import Shop, flyball, running

Story = Callable[[Caller], Awaitable[None]]


class Desk:
    """An executor whose jobs stand as the test says."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.states: dict[str, JobState] = {}

    def submit(self, job: Job) -> None:
        if job.action not in self.jobs:
            self.jobs[job.action] = job
            self.states[job.action] = JobState(state="running", result="", message="")

    def poll(self, action: str) -> JobState:
        return self.states.get(action) or JobState(state="lost", result="", message=f"nothing is known of the job {action}")

    def cancel(self, action: str) -> None:
        if action in self.states:
            self.end(action, "failed", message="cancelled")

    def end(self, action: str, state: str, *, result: str = "", message: str = "") -> None:
        self.states[action] = JobState(state=state, result=result, message=message)


@pytest.fixture
def shop_of_one(tmp_path: Path) -> Site:
    return administered(tmp_path / "project")


@pytest.fixture
def executor() -> Desk:
    return Desk()


def with_executor(made: Site, executor: Desk) -> ServerPorts:
    given = ports(made)
    assert given.admin is not None
    opened = given.admin()
    return replace(given, admin=lambda: replace(opened, world=replace(opened.world, executor=executor)))


def test_a_job_is_started_in_the_tokens_name_and_looked_at(shop_of_one: Site, executor: Desk) -> None:
    async def story(caller: Caller) -> None:
        caller.token = NAMED
        answer = await caller.post("/admin/jobs/replay", {"candidate": 3, "last": 1000, "since": "7d"})
        assert answer.status_code == 202, answer.text
        job = answer.json()["job"]
        started = executor.jobs[job]
        assert started.verb == ("replay", "--json", "--candidate=3", "--last=1000", "--since=7d")
        assert (started.actor, started.folder) == ("token:alice", shop_of_one.folder)
        assert (await caller.get(f"/admin/jobs/{job}")).json()["state"] == "running"
        executor.end(job, "done", result='{"rows": 1000}')
        found = (await caller.get(f"/admin/jobs/{job}")).json()
        assert (found["state"], found["result"], found["message"]) == ("done", {"rows": 1000}, None)
        executor.end(job, "failed", result="half", message=f"error in {shop_of_one.folder}/pipeline.py")
        found = (await caller.get(f"/admin/jobs/{job}")).json()
        assert (found["state"], found["result"], found["message"]) == ("failed", "half", "error in pipeline.py")

    asyncio.run(admin(shop_of_one, story, with_executor(shop_of_one, executor)))


def test_the_same_key_names_the_same_job_and_another_verb_another(shop_of_one: Site, executor: Desk) -> None:
    async def story(caller: Caller) -> None:
        asked: list[tuple[str, dict[str, Any]]] = [
            ("train", {"key": "k1"}),
            ("train", {"key": "k1", "force": True}),
            ("train", {"key": "k2"}),
            ("train", {}),
            ("train", {}),
        ]
        names = [(await caller.post(f"/admin/jobs/{verb}", body)).json()["job"] for verb, body in asked[:3]]
        for name in names:
            executor.end(name, "done")
        names += [(await caller.post(f"/admin/jobs/{verb}", body)).json()["job"] for verb, body in asked[3:]]
        assert names[0] == names[1] and len(set(names)) == 4
        assert executor.jobs[names[0]].verb == ("train", "--json")
        other = (await caller.post("/admin/jobs/reproduce", {"version": 1, "key": "k1"})).json()["job"]
        assert executor.jobs[other].verb == ("reproduce", "--json", "--", "1")

    asyncio.run(admin(shop_of_one, story, with_executor(shop_of_one, executor)))


def test_only_so_many_run_at_once_and_an_ended_one_makes_room(shop_of_one: Site, executor: Desk) -> None:
    async def story(caller: Caller) -> None:
        names = [(await caller.post("/admin/jobs/train", {"key": f"k{number}"})).json()["job"] for number in range(MOST_RUNNING)]
        full = await caller.post("/admin/jobs/train", {})
        assert full.status_code == 429 and full.headers["retry-after"]
        assert (await caller.post("/admin/jobs/train", {"key": "k0"})).status_code == 202, "it runs already"
        ended = await caller.post(f"/admin/jobs/{names[0]}/cancel", {})
        assert (ended.json()["state"], ended.json()["message"]) == ("failed", "cancelled")
        assert (await caller.post("/admin/jobs/train", {})).status_code == 202
        assert (await caller.post("/admin/jobs/admin-train-0123456789/cancel", {})).status_code == 404

    asyncio.run(admin(shop_of_one, story, with_executor(shop_of_one, executor)))


def test_two_threads_at_once_start_no_more_jobs_than_may_run(tmp_path: Path) -> None:
    class Slow(Desk):
        """Takes its time to say how a job stands, so that whoever asks twice is overtaken."""

        def poll(self, action: str) -> JobState:
            time.sleep(0.005)
            return super().poll(action)

    executor = Slow()
    jobs = Jobs(executor, tmp_path, lambda: "0123456789abcdef")

    def start(number: int) -> bool:
        try:
            jobs.start("churn", routes.Train(key=f"k{number}"), actor="ann")
        except HttpError as error:
            assert error.status == 429
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        started = list(threads.map(start, range(16)))
    assert started.count(True) == len(executor.jobs) == MOST_RUNNING


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("jobs/replay", {}, "candidate"),
        ("jobs/replay", {"candidate": "churn@3"}, "candidate"),
        ("jobs/replay", {"candidate": 3, "html": "/etc/passwd"}, "html"),
        ("jobs/replay", {"candidate": 3, "last": 0}, "last"),
        ("jobs/train", {"key": "../../etc"}, "key"),
        ("jobs/train", {"key": ""}, "key"),
        ("jobs/train", {"now": "2020-01-01T00:00:00Z"}, "now"),
        ("jobs/backtest", {"policy": [""]}, "policy[0]"),
        ("jobs/backtest", {"policy": ["never"] * 21}, "policy"),
        ("jobs/backtest", {"policy": ["a\nb"]}, "policy"),
        ("jobs/backtest", {"data": "/etc/passwd"}, "data"),
        ("jobs/reproduce", {"version": 1, "other-code": True}, "other-code"),
        ("jobs/a1/cancel", {}, "job"),
        ("jobs/admin-train-0123456789/cancel", {"job": "x"}, "job"),
    ],
)
def test_nothing_but_what_a_verb_takes_reaches_a_command_line(
    shop_of_one: Site, executor: Desk, path: str, body: dict[str, Any], field: str
) -> None:
    async def story(caller: Caller) -> None:
        answer = await caller.post(f"/admin/{path}", body)
        assert answer.status_code == 422 and answer.json()["field"] == field, answer.text
        assert not executor.jobs

    asyncio.run(admin(shop_of_one, story, with_executor(shop_of_one, executor)))


@pytest.mark.parametrize(
    "policy",
    [
        'spec,train.command=["sh","-c","id"]',
        "spec,train.run=os:system",
        "spec,train.python=/bin/sh",
        "never,quality.schema=os:system",
        'spec,train.external={kind="webhook",url="http://127.0.0.1/"}',
        "spec,data.source=/etc/passwd",
        "nevr",
    ],
)
def test_a_policy_that_names_code_a_path_or_an_address_starts_nothing(shop_of_one: Site, executor: Desk, policy: str) -> None:
    async def story(caller: Caller) -> None:
        answer = await caller.post("/admin/jobs/backtest", {"policy": ["never", policy]})
        assert answer.status_code == 422, answer.text
        assert policy.partition(",")[2].partition("=")[0] in answer.json()["error"]
        assert not executor.jobs
        fits = await caller.post("/admin/jobs/backtest", {"policy": ["never", "spec,retrain.window=60d,train.params.depth=3"]})
        assert fits.status_code == 202, fits.text

    asyncio.run(admin(shop_of_one, story, with_executor(shop_of_one, executor)))


def test_what_is_no_verb_of_the_list_is_not_there(shop_of_one: Site, executor: Desk) -> None:
    async def story(caller: Caller) -> None:
        for verb in ("promote", "init", "serve", "demo", "adopt", "up", "--help", "-C"):
            assert (await caller.post(f"/admin/jobs/{verb}", {})).status_code in (404, 405)
        assert (await caller.get("/admin/jobs/../../../etc")).status_code in (401, 404, 422)

    asyncio.run(admin(shop_of_one, story, with_executor(shop_of_one, executor)))


def test_a_value_that_looks_like_an_option_stays_a_value() -> None:
    order = routes.Backtest(policy=["--data=/etc/passwd", "never"], from_log=True, metric="-C", seed=0)
    assert words(VERBS[routes.Backtest], order) == (
        "backtest",
        "--json",
        "--policy=--data=/etc/passwd",
        "--policy=never",
        "--from-log",
        "--metric=-C",
        "--seed=0",
    )


@pytest.mark.parametrize("takes", [one for one in VERBS if VERBS[one].name in SPOKEN], ids=lambda one: VERBS[one].name)
def test_a_verb_of_the_list_is_one_of_the_command_line_with_these_options(takes: type[routes.Order]) -> None:
    verb = VERBS[takes]
    command = cli.get_command(click.Context(cli), verb.name)
    assert command is not None
    options = {name for one in command.params if isinstance(one, click.Option) for name in one.opts}
    fields = [one.encode_name for one in msgspec.structs.fields(takes) if one.name not in ("key", verb.argument)]
    assert {"--json", *(f"--{name}" for name in fields)} <= options
    assert bool(verb.argument) == any(isinstance(one, click.Argument) for one in command.params)


def test_a_training_runs_beside_the_server_and_outlives_it_without_its_port(own: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", f"{SECRET} {NAMED}")
    headers = {"authorization": f"Bearer {NAMED}"}
    (own.folder / "pipeline.py").write_text((own.folder / "pipeline.py").read_text() + "\n# another version of the code\n")
    with running(own.folder, "serve", "--workers", "2") as (url, process), httpx.Client(base_url=url, headers=headers) as client:
        assert httpx.get(f"{url}/admin/status").status_code == 401
        assert client.get("/admin/status").json()["champion"].startswith("2 since")
        moved = client.post("/admin/promote", json={"version": 1, "reason": "over HTTP"})
        assert moved.status_code == 200, moved.text
        until = time.monotonic() + 20
        while client.get("/health").json()["version"] != 1 and time.monotonic() < until:
            time.sleep(0.05)
        assert client.get("/health").json()["version"] == 1
        started = client.post("/admin/jobs/train", json={"key": "once"})
        assert started.status_code == 202, started.text
        with httpx.Client(base_url=url, headers=headers) as another:  # perhaps the other worker
            assert another.post("/admin/jobs/train", json={"key": "once"}).json() == started.json()
            assert another.get(f"/admin/jobs/{started.json()['job']}").json()["state"] in ("running", "done")
        process.terminate()
        process.wait(30)
        address = url.removeprefix("http://").split(":")
        socket.create_server((address[0], int(address[1])), reuse_port=False).close()
    told = flyball(own.folder, "why", "churn@1", "--json").json["events"]
    assert [(one["action"], one["actor"]) for one in told][-1] == ("promote", "token:alice")
    until = time.monotonic() + 120
    while len(versions := flyball(own.folder, "models", "--json").json) < 4 and time.monotonic() < until:
        time.sleep(0.5)
    made = flyball(own.folder, "why", f"churn@{versions[-1]['version']}", "--json").json["events"][0]
    assert (made["action"], made["actor"]) == ("registered", "token:alice")


def test_replay_and_reproduce_run_to_their_end_and_the_experiment_is_shown(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", SECRET)
    with (
        running(recorded, "serve") as (url, _),
        Client(url, token=SECRET) as client,
    ):
        shown = client.admin("GET", "experiment")
        assert (shown["state"], shown["strategy"], shown["version"]) == ("running", "shadow", 2)
        assert client.admin("GET", f"trace/{an_answer(recorded)}")["registered"]["version"] == 1
        asked = {"replay": {"candidate": 2, "last": 100}, "reproduce": {"version": 1}}
        jobs = {verb: client.admin("POST", f"jobs/{verb}", values)["job"] for verb, values in asked.items()}
        until = time.monotonic() + 180
        found: dict[str, dict[str, Any]] = {}
        while len(found) < len(jobs) and time.monotonic() < until:
            time.sleep(0.5)
            for verb, job in jobs.items():
                one = client.admin("GET", f"jobs/{job}")
                if one["state"] != "running":
                    found[verb] = one
        assert {verb: one["state"] for verb, one in found.items()} == {"replay": "done", "reproduce": "done"}, found
        assert (found["replay"]["result"]["candidate"], found["replay"]["result"]["compared"]) == (2, 20)
        assert found["reproduce"]["result"]["identical"] is True
        entries = client.admin("GET", "journal")["entries"]
        assert (entries[-1]["kind"], entries[-1]["actor"]) == ("verified", "admin")
