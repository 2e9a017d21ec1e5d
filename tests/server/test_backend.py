"""`flyball serve` in front of another server: its answers with split, log and health around them, and its failures as errors of ours."""

import concurrent.futures
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from backends import Backend, backend
from flyball.api.client import Client
from trained import CUSTOMER, Shop, flyball, running, until_logged


@dataclass(frozen=True)
class Front:
    """A server in front of another one."""

    url: str
    folder: Path
    behind: Backend


def send(url: str, body: object = None) -> tuple[int, Any, dict[str, str]]:
    """Status, JSON and headers of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read()), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), dict(error.headers)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """In front of a server with moods, whose model is two versions here: both of its protocols."""
    folder = tmp_path_factory.mktemp("front")
    with backend() as behind:
        adopted = flyball(folder, "adopt", f"{behind.url}/v2/models/m", "--features", "risk,age", "--json")
        assert adopted.status == 0, adopted.err
        assert adopted.json["champion"] is True
        with running(folder, "serve", "--timeout", "0.5") as (url, _):
            yield Front(url, folder, behind)


@pytest.fixture
def well(front: Front) -> Iterator[Front]:
    yield front
    front.behind.mood = "well"


def test_a_request_goes_on_to_the_server_behind_and_its_answer_comes_back(well: Front) -> None:
    status, said, _ = send(f"{well.url}/predict", {"features": {"risk": 0.9, "age": 30}, "unit": "a"})
    assert (status, said["prediction"], said["confidence"], said["variant"]) == (200, 1, pytest.approx(0.9), "champion")
    status, said, _ = send(f"{well.url}/predict", {"features": [[0.1, 30], [0.8, 31]]})
    assert (status, said["prediction"]) == (200, [0, 1])
    before = len(well.behind.asked)
    status, said, _ = send(f"{well.url}/predict", {"features": {"risk": "high", "age": 30}})
    assert (status, said["field"], len(well.behind.asked)) == (422, "risk", before)
    status, said, _ = send(f"{well.url}/v1/models/m:predict", {"instances": [[0.25, 30]]})
    assert (status, said["predictions"][0]) == (200, [pytest.approx(0.75), pytest.approx(0.25)])


@pytest.mark.parametrize(
    ("mood", "status", "told"),
    [
        ("garbage", 502, "not JSON"),
        ("shape", 502, "for 1 rows"),
        ("fewer", 502, "for 1 rows"),
        ("500", 502, "the status 500"),
        ("moved", 502, "the status 302"),
        ("cut", 502, "broke off"),
        ("slow", 504, "within 0.5 s"),
        ("504", 504, "in time"),
        ("503", 503, "too much to do"),
        ("429", 503, "too much to do"),
        ("nan", 500, "not a finite number"),
    ],
)
def test_whatever_is_wrong_behind_is_an_error_of_ours(well: Front, mood: str, status: int, told: str) -> None:
    well.behind.mood = mood
    found, said, headers = send(f"{well.url}/predict", {"features": {"risk": 0.9, "age": 30}})
    assert found == status
    assert set(said) == {"error"}
    assert told in said["error"]
    assert str(well.behind.server_address[1]) not in said["error"]
    assert ("Retry-After" in headers or "retry-after" in headers) == (status == 503)
    found, said, _ = send(
        f"{well.url}/v2/models/m/infer", {"inputs": [{"name": "features", "datatype": "FP64", "shape": [1, 2], "data": [1, 2]}]}
    )
    assert found == status
    assert set(said) == {"error"}
    well.behind.mood = "well"
    assert send(f"{well.url}/predict", {"features": {"risk": 0.9, "age": 30}})[0] == 200


def test_health_says_whether_the_server_behind_answers(well: Front) -> None:
    well.behind.mood = "500"
    send(f"{well.url}/predict", {"features": {"risk": 0.9, "age": 30}})
    status, said, _ = send(f"{well.url}/health")
    assert (status, said["backend"]) == (200, {"1": {"answers": False, "error": "the model's server answered with the status 500"}})
    assert "another server" in said["reason"]
    well.behind.mood = "well"
    send(f"{well.url}/predict", {"features": {"risk": 0.9, "age": 30}})
    assert send(f"{well.url}/health")[1]["backend"] == {"1": {"answers": True, "error": None}}


def test_no_request_can_name_an_address(well: Front) -> None:
    for key in ("backend", "url", "address"):
        status, said, _ = send(f"{well.url}/predict", {"features": {"risk": 0.9, "age": 30}, key: "http://127.0.0.1:1/v2/models/m"})
        assert (status, said["field"]) == (422, key)


def test_many_slow_requests_wait_beside_each_other(well: Front) -> None:
    well.behind.mood = "slow"
    with concurrent.futures.ThreadPoolExecutor(40) as threads:
        found = list(threads.map(lambda _: send(f"{well.url}/predict", {"features": {"risk": 0.9, "age": 30}})[0], range(40)))
    assert set(found) == {504}
    assert send(f"{well.url}/health/live")[0] == 200


def test_a_second_address_is_a_second_version_that_can_be_the_challenger(tmp_path: Path) -> None:
    with backend() as behind, backend() as other:
        assert flyball(tmp_path, "adopt", f"{behind.url}/v2/models/m").status == 0
        again = flyball(tmp_path, "adopt", f"{behind.url}/v2/models/m", "--json").json
        assert (again["version"], again["champion"]) == (1, True)
        second = flyball(tmp_path, "adopt", f"{other.url}/v1/models/m", "--classes", "0,1", "--name", "m", "--json").json
        assert (second["version"], second["champion"], second["wrote"]) == (2, False, [])
        assert flyball(tmp_path, "promote", "m@2", "--to", "staging", "--share", "0.5", "--force", "--reason", "a try").status == 0
        with running(tmp_path, "serve") as (url, _):
            said = [send(f"{url}/predict", {"features": [0.9, 1.0], "unit": f"u{number}"})[1] for number in range(40)]
            assert {one["variant"] for one in said} == {"champion", "challenger"}
            assert other.asked
            other.mood = "garbage"
            broken = [send(f"{url}/predict", {"features": [0.9, 1.0], "unit": f"u{number}"}) for number in range(40)]
            assert {status for status, _, _ in broken} == {200}
            assert {one["version"] for _, one, _ in broken} == {1}
            with Client(url) as client:
                until_logged(client, 80)


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_our_own_server_behind_gives_the_same_answers_and_may_be_killed(own: Shop, tmp_path: Path, protocol: str) -> None:
    with running(own.folder, "serve") as (behind, process):
        named = ",".join(CUSTOMER)
        more = ["--classes", "0,1", "--features", named] if protocol == "v1" else []
        adopted = flyball(tmp_path, "adopt", f"{behind}/{protocol}/models/churn", *more)
        assert adopted.status == 0, adopted.err
        with running(tmp_path, "serve") as (url, _):
            body = {"features": CUSTOMER, "unit": "a"}
            ours, theirs = send(f"{url}/predict", body)[1], send(f"{behind}/predict", body)[1]
            assert (ours["prediction"], ours["confidence"]) == (theirs["prediction"], pytest.approx(theirs["confidence"], abs=1e-6))
            with Client(url) as client:
                until_logged(client, 1)
            for one in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
                one.kill()
            process.wait()
            status, said, _ = send(f"{url}/predict", body)
            assert (status, set(said)) == (502, {"error"})
            assert send(f"{url}/health")[1]["backend"]["1"]["answers"] is False


def test_a_spec_that_names_a_backend_needs_no_other_verb(tmp_path: Path) -> None:
    with backend() as behind:
        assert flyball(tmp_path / "one", "adopt", f"{behind.url}/v2/models/m").status == 0
        text = (tmp_path / "one" / "flyball.toml").read_text()
        assert f'backend = "{behind.url}/v2/models/m"' in text
        (tmp_path / "two").mkdir()
        (tmp_path / "two" / "flyball.toml").write_text(text)
        with running(tmp_path / "two", "serve") as (url, _):
            assert send(f"{url}/predict", {"features": [0.9, 1.0]})[1]["prediction"] == 1
        assert flyball(tmp_path / "two", "models", "--json").json[0]["engine"] == "remote"


def test_what_cannot_be_taken_in_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    gone = flyball(tmp_path, "adopt", "http://127.0.0.1:1/v2/models/m")
    assert (gone.status, "does not answer" in gone.err) == (1, True)
    assert not (tmp_path / "flyball.toml").exists()
    wrong = flyball(tmp_path, "adopt", "http://127.0.0.1:1/models/m")
    assert (wrong.status, "names no model" in wrong.err) == (2, True)
    assert flyball(tmp_path, "adopt", "models:/m/1", "--output", "x").status == 2
