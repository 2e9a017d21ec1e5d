"""The client: what it sends is what the server reads, and every failure is an error of Flyball's own."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from flyball.api.client import Client
from flyball.core.errors import ConflictError, NotFoundError, RequestError, StoreError, UsageError
from served import MODEL, Site, serving, site

ROW = {"hour": 3, "temp": 1.0, "rain": True}
AT = datetime(2013, 3, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    made: Site = site(tmp_path_factory.mktemp("client"))
    made.deploy(1)
    with serving(made.settings(clock="request", keep_alive=1.0, matures=timedelta(days=1))) as (url, _):
        yield url


def test_it_asks_tells_and_looks(url: str) -> None:
    with Client(url) as client:
        while client.health()["status"] != "healthy":
            pass
        answer = client.predict(ROW, unit="u1", id="f1", context={"gate": "A"}, at=AT)
        assert answer["prediction"] == 1 and answer["version"] == 1
        many = client.predict([list(ROW.values()), ROW], id=["f2", "f3"], at=AT)
        assert many["prediction"] == [1, 1]
        later = (AT + timedelta(hours=1)).isoformat()
        assert client.outcomes({"prediction_id": answer["prediction_id"], "actual": 1, "at": later}) == {"accepted": 1, "rejected": []}
        assert client.outcomes([{"id": "f2", "actual": 0, "at": later}])["accepted"] == 1
        named = Client(url, model=MODEL)
        assert named.predict([np.int64(3), np.float64(1.0), np.bool_(True)], at=AT)["prediction"] == 1
        named.close()


def test_what_the_server_refuses_is_an_error_that_names_the_field(url: str) -> None:
    with Client(url) as client:
        with pytest.raises(RequestError, match="did you mean 'temp'") as caught:
            client.predict({"hour": 3, "tempp": 1.0, "rain": True}, at=AT)
        assert caught.value.field == "tempp"
        with pytest.raises(RequestError):
            client.predict({**ROW, "temp": object()}, at=AT)
        later = (AT + timedelta(hours=1)).isoformat()
        with pytest.raises(NotFoundError):
            client.outcomes({"id": "nobody", "actual": 1, "at": later})
        client.predict(ROW, id="once", at=AT)
        client.outcomes({"id": "once", "actual": 1, "at": later})
        with pytest.raises(ConflictError):
            client.outcomes({"id": "once", "actual": 1, "at": later})
    with Client(url, model="another") as other, pytest.raises(NotFoundError, match="no model"):
        other.predict(ROW, at=AT)


def test_predictions_made_elsewhere_are_told_and_take_outcomes(url: str) -> None:
    with Client(url) as client:
        made = {"features": ROW, "prediction": 1, "score": 0.8, "prediction_id": "elsewhere-1", "at": AT.isoformat()}
        assert client.log([made, {**made, "prediction_id": "elsewhere-2", "prediction": "perhaps"}])["accepted"] == 1
        later = (AT + timedelta(hours=1)).isoformat()
        assert client.outcomes({"prediction_id": "elsewhere-1", "actual": 0, "at": later})["accepted"] == 1
        with pytest.raises(NotFoundError):
            client.outcomes({"prediction_id": "elsewhere-2", "actual": 0, "at": later})


def test_many_rows_are_asked_in_several_requests_and_answered_in_order(url: str) -> None:
    rows = [{**ROW, "temp": -5.0 if number % 3 == 0 else 5.0} for number in range(25)]
    ids = [f"many-{number}" for number in range(25)]
    with Client(url) as client:
        answers = list(client.predict_many(rows, prediction_id=ids, at=AT, rows_per_request=10))
        assert [one["prediction"] for one in answers] == [0 if number % 3 == 0 else 1 for number in range(25)]
        assert all(one["version"] == 1 and isinstance(one["prediction_id"], str) for one in answers)
        again = list(client.predict_many(rows, prediction_id=ids, at=AT, rows_per_request=7))
        assert [one["prediction_id"] for one in again] == [one["prediction_id"] for one in answers]
        with pytest.raises(UsageError, match="24 values of 'id' for 25 rows"):
            list(client.predict_many(rows, id=ids[1:], at=AT))


def test_what_a_server_cannot_do_now_is_asked_again(tmp_path: Path) -> None:
    made = site(tmp_path / "later")
    with serving(made.settings()) as (url, _):
        with Client(url, retries=0) as client, pytest.raises(StoreError, match="no model is deployed"):
            client.predict(ROW)
        later = threading.Timer(0.3, made.deploy, (1,))
        later.start()
        with Client(url, retries=10) as client:
            assert client.predict(ROW)["version"] == 1
        later.join()


def test_a_connection_the_server_let_go_is_opened_again(url: str) -> None:
    with Client(url) as client:
        client.predict(ROW, at=AT)
        time.sleep(3.0)
        assert client.predict(ROW, at=AT)["prediction"] == 1


class _Breaking(threading.Thread):
    """A server that answers the first request of each connection, reads the second one whole and closes without a word."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.bodies: list[bytes] = []

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as reader:
                for number in range(2):
                    if not self._request(reader):
                        break
                    if number == 0:
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def _request(self, reader: BinaryIO) -> bool:
        size = 0
        while (line := reader.readline().strip().lower()) != b"":
            if line.startswith(b"content-length:"):
                size = int(line.partition(b":")[2])
        if size:
            self.bodies.append(reader.read(size))
        return size > 0

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.join()


@pytest.fixture
def breaking() -> Iterator[_Breaking]:
    server = _Breaking()
    server.start()
    yield server
    server.stop()


def test_a_request_that_may_have_been_read_is_not_sent_again_without_an_id(breaking: _Breaking) -> None:
    with Client(breaking.url, retries=2) as client:
        assert client.predict(ROW) == {}
        with pytest.raises(StoreError):
            client.predict(ROW)
        assert len(breaking.bodies) == 2


def test_a_request_with_an_id_is_sent_again_when_the_connection_breaks(breaking: _Breaking) -> None:
    with Client(breaking.url, retries=2) as client:
        client.predict(ROW, prediction_id="a")
        assert client.predict(ROW, prediction_id="b") == {}
        assert len(breaking.bodies) == 3 and breaking.bodies[1] == breaking.bodies[2]


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(StoreError, match="does not answer"):
        Client(f"http://127.0.0.1:{port}").health()


@pytest.mark.parametrize("address", ["", "127.0.0.1:8000", "ftp://x", "http://", "http://x:99999"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(UsageError):
        Client(address)
