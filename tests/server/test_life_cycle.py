"""Start, drain and rolling restart: no request fails of which a client can know that it was accepted."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from callers import Calls, call
from flyball.server.settings import ServerSettings, settings_to_json
from served import Site, body, serving

ROW = {"hour": 3, "temp": 1.0, "rain": True}
ASK = body(features=ROW)
SERVE = (
    "import sys; from flyball.server.run import serve; from flyball.server.settings import settings_from_json; "
    "sys.exit(serve(settings_from_json(sys.argv[1].encode()), sys.argv[2]))"
)


def workers_of(process: subprocess.Popen[str]) -> set[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
    return {int(pid) for pid in listed.stdout.split()}


def during_load(settings: ServerSettings, act: Callable[[subprocess.Popen[str]], None]) -> tuple[Calls, int]:
    """Clients of both kinds, and something that happens to the server meanwhile; what came of the requests, and the exit status."""

    async def story(url: str, process: subprocess.Popen[str]) -> Calls:
        over = asyncio.Event()

        async def later() -> None:
            await asyncio.sleep(0.4)
            await asyncio.get_running_loop().run_in_executor(None, act, process)
            await asyncio.sleep(0.2)
            if process.poll() is None:
                over.set()

        found, _ = await asyncio.gather(call(url, ASK, 60.0, keeping=16, fresh=16, enough=over), later())
        return found

    with serving(settings) as (url, process):
        found = asyncio.run(story(url, process))
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        return found, process.wait(20)


def terminate(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(20)


def restart(process: subprocess.Popen[str]) -> None:
    """Ask for new workers, and wait until there are no others."""
    before = workers_of(process)
    process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 60
    while (now := workers_of(process)) & before or len(now) != len(before):
        assert time.monotonic() < deadline, "the workers were not replaced"
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_answers_everything_that_was_accepted_and_ends_with_0(made: Site, workers: int) -> None:
    for _ in range(2):
        found, status = during_load(made.settings(workers=workers, lame_duck=0.3), terminate)
        assert status == 0
        assert found.failures == []
        assert found.refused == 32  # the port was closed, and every client came to know it that way
        assert len(found.versions) > 50


@pytest.mark.parametrize("workers", [1, 2])
def test_a_rolling_restart_fails_and_refuses_no_request(made: Site, workers: int) -> None:
    found, status = during_load(made.settings(workers=workers, lame_duck=0.3), restart)
    assert status == 0
    assert found.failures == []
    assert found.refused == 0
    assert len(found.versions) > 50
    assert made.ports.predictions.ingest() == 0


def test_the_total_of_the_counters_does_not_fall_when_workers_are_replaced(made: Site) -> None:
    with serving(made.settings(workers=2)) as (url, process):
        found = asyncio.run(call(url, ASK, 0.3, keeping=4))
        restart(process)
        wanted = f'variant="champion"}} {len(found.versions)}\n'
        assert wanted in asyncio.run(page(url, "/metrics"))


def killed_under_load(url: str, process: subprocess.Popen[str]) -> Calls:
    """What eight clients were told by a worker until it was killed."""

    async def story() -> Calls:
        async def later() -> None:
            await asyncio.sleep(0.3)
            (worker,) = workers_of(process)
            os.kill(worker, signal.SIGKILL)
            over.set()

        over = asyncio.Event()
        found, _ = await asyncio.gather(call(url, ASK, 30.0, keeping=8, enough=over), later())
        return found

    return asyncio.run(story())


def test_what_a_required_log_has_acknowledged_survives_kill_9(made: Site) -> None:
    told: list[str] = []
    with serving(made.settings(log="required")) as (url, process):
        for _ in range(2):
            told += killed_under_load(url, process).ids
            assert "200 OK" in asyncio.run(page(url, "/health/ready"))  # from another worker
    made.ports.predictions.ingest()
    assert len(told) > 50
    assert [name for name in told if made.ports.predictions.find(name) is None] == []


def test_what_an_available_log_lost_by_kill_9_is_counted(made: Site) -> None:
    with serving(made.settings(flush_every=0.02)) as (url, process):
        for _ in range(2):
            told = killed_under_load(url, process).ids
            metrics = asyncio.run(page(url, "/metrics"))
            counted = re.search(r'flyball_log_rows_total\{state="lost"\} (\d+)', metrics)
            lost = int(counted[1]) if counted else 0
            made.ports.predictions.ingest()
            missing = sum(made.ports.predictions.find(name) is None for name in told)
            assert missing <= lost <= len(told) + 8  # of each client one more may have been taken and not told


async def page(url: str, path: str) -> str:
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    found = (await reader.read()).decode()
    writer.close()
    return found


def newcomer(process: subprocess.Popen[str], known: set[int]) -> int:
    """The worker that is started beside those that are known."""
    deadline = time.monotonic() + 60
    while not (now := workers_of(process) - known):
        assert time.monotonic() < deadline, "no new worker was started"
        time.sleep(0.02)
    return now.pop()


def test_a_new_worker_takes_no_request_before_it_has_an_answer(made: Site) -> None:
    with serving(made.settings()) as (url, process):
        before = workers_of(process)
        bundles = made.folder / ".flyball" / "bundles"
        bundles.rename(made.folder / "elsewhere")
        process.send_signal(signal.SIGHUP)
        newcomer(process, before)
        found = asyncio.run(call(url, ASK, 2.0, keeping=2, fresh=2))
        assert found.failures == [] and found.refused == 0 and found.versions
        assert before < workers_of(process)
        (made.folder / "elsewhere").rename(bundles)


def test_a_restart_whose_worker_dies_is_given_up_and_the_next_one_works(made: Site) -> None:
    with serving(made.settings()) as (url, process):
        before = workers_of(process)
        process.send_signal(signal.SIGHUP)
        os.kill(newcomer(process, before), signal.SIGKILL)
        found = asyncio.run(call(url, ASK, 1.0, keeping=2, fresh=2))
        assert found.failures == [] and found.refused == 0 and found.versions
        assert workers_of(process) == before
        restart(process)
        assert "200 OK" in asyncio.run(page(url, "/health/ready"))


def test_a_terminal_that_closes_ends_its_server_and_does_not_restart_it(made: Site) -> None:
    terminal, its_end = os.openpty()
    own_it = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    command = [sys.executable, "-c", own_it + SERVE, settings_to_json(made.settings()).decode(), "flyball.wiring:server_ports"]
    with subprocess.Popen(command, stdin=its_end, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            os.close(its_end)
            assert process.stderr is not None
            while "listening on" not in process.stderr.readline():
                assert process.poll() is None
            os.close(terminal)
            process.stderr.read()
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_the_address_and_the_process_are_written_down_while_it_serves(made: Site) -> None:
    note = made.folder / ".flyball" / "server.json"
    with serving(made.settings()) as (url, process):
        told = json.loads(note.read_text())
        assert told["pid"] == process.pid and told["url"] == url and told["started_at"].endswith("Z")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert not note.exists()


def test_a_request_half_sent_when_the_stop_begins_is_answered_and_an_idle_connection_ends_without_a_reset(made: Site) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    length = b"Content-Length: %d\r\n\r\n" % len(ASK)
    with serving(made.settings(lame_duck=0.3)) as (url, process):
        host, _, port = url.removeprefix("http://").partition(":")
        idle, early, late = (socket.create_connection((host, int(port)), timeout=10) for _ in range(3))
        idle.sendall(head + length + ASK)
        assert idle.recv(4096).startswith(b"HTTP/1.1 200")
        early.sendall(head)
        late.sendall(head + length + ASK[:5])
        process.send_signal(signal.SIGTERM)
        assert idle.recv(4096) == b""  # the lame duck is over
        for connection, rest in ((early, length + ASK), (late, ASK[5:])):
            connection.sendall(rest)
            answer = b""
            while part := connection.recv(4096):
                answer += part
            assert answer.startswith(b"HTTP/1.1 200") and b"connection: close" in answer.lower()
        for connection in (idle, early, late):
            connection.close()
        assert process.wait(15) == 0
