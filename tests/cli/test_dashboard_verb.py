"""`flyball dashboard`, and the dashboard beside `flyball up` and the demo, as processes."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from dashboarded import TOKEN
from trained import Shop, command, flyball, running

ADDRESS = re.compile(r"the dashboard is at (http://127\.0\.0\.1:\d+)(/#token=(\S+))?")


def address(process: "subprocess.Popen[str]") -> "re.Match[str]":
    """What the process says of where its dashboard is; it writes little before."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := ADDRESS.search(line):
            return found
    raise AssertionError(f"it ended with {process.wait()} without a word of a dashboard")


@contextmanager
def begun(folder: Path, *words: str, **more: str) -> "Iterator[subprocess.Popen[str]]":
    env = {name: value for name, value in os.environ.items() if name != "FLYBALL_ADMIN_TOKEN"} | more
    with subprocess.Popen(command(folder, *words), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        try:
            yield process
        finally:
            process.kill()  # nobody tidies up after this


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_pages_are_answered_until_it_is_told_to_end(shop: Shop, sign: signal.Signals) -> None:
    with begun(shop.folder, "dashboard", "--port", "0") as process:
        url = address(process)[1]
        assert httpx.get(f"{url}/", follow_redirects=True).status_code == 200
        process.send_signal(sign)
        assert process.wait(20) == 0
        assert process.stderr is not None and "Traceback" not in process.stderr.read()


ENDLESS = """
import sys, time
from pathlib import Path
from flyball.dashboard import table
from flyball.dashboard.run import serve
from flyball.wiring import open_dashboard

def page(ask):
    time.sleep(600)

if __name__ == "__main__":
    table.PAGES = (table.Row("loop", "endless:page"),)
    told = lambda url: print("the dashboard is at", url, file=sys.stderr, flush=True)
    sys.exit(serve(open_dashboard([Path(sys.argv[1])]), 0, told))
"""


def test_a_page_that_never_ends_keeps_nobody_from_ending_it(own: Shop, tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    words = [sys.executable, str(tmp_path / "endless.py"), str(own.folder)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process, ThreadPoolExecutor(1) as asking:
        try:
            url = address(process)[1]
            asked = asking.submit(httpx.get, f"{url}/m/churn/loop", timeout=60)
            time.sleep(1.0)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert asked.exception() is not None or asked.result().status_code == 500
        finally:
            process.kill()


def test_a_port_that_is_taken_is_named_and_the_usual_one_gives_way(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = flyball(shop.folder, "dashboard", "--port", str(port))
    assert said.status != 0 and f"port {port}" in said.err and f"flyball dashboard --port {port + 1}" in said.err
    with begun(shop.folder, "dashboard") as first, begun(shop.folder, "dashboard") as second:
        assert address(first)[1] != address(second)[1]


def test_the_buttons_are_closed_without_a_token_and_open_with_one(own: Shop) -> None:
    for words, more, expected in (
        ((), {}, 403),
        ((), {"FLYBALL_ADMIN_TOKEN": TOKEN}, 200),
        (("--read-only",), {"FLYBALL_ADMIN_TOKEN": TOKEN}, 403),
    ):
        with begun(own.folder, "dashboard", "--port", "0", *words, **more) as process:
            url = address(process)[1]
            answer = httpx.post(f"{url}/m/churn/do/freeze", json={"reason": "lunch"}, headers={"authorization": f"Bearer {TOKEN}"})
            assert answer.status_code == expected, answer.text
            assert httpx.post(f"{url}/m/churn/do/freeze", json={"reason": "lunch"}).status_code == (401 if expected == 200 else 403)
    assert "lunch" in flyball(own.folder, "status").out


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_in_a_terminal_the_address_brings_a_token_made_for_this_run(own: Shop) -> None:
    import pty

    ours, theirs = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name != "FLYBALL_ADMIN_TOKEN"}
    process = subprocess.Popen(command(own.folder, "dashboard", "--port", "0"), stdin=subprocess.DEVNULL, stderr=theirs, env=env)
    os.close(theirs)
    try:
        said = ""
        while not (found := ADDRESS.search(said)) or "\n" not in said[found.end() :]:
            said += os.read(ours, 4096).decode()
        token = {"authorization": f"Bearer {found[3]}"}
        assert httpx.post(f"{found[1]}/m/churn/do/freeze", json={"reason": "tea"}, headers=token).status_code == 200
        assert "token:dashboard" in flyball(own.folder, "journal").out
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_up_shows_it_and_takes_it_along_however_it_ends(own: Shop) -> None:
    with begun(own.folder, "up", "--port", "0", "--dashboard-port", "0", "--every", "60s") as process:
        url = address(process)[1]
        assert httpx.get(f"{url}/m/churn/loop").status_code == 200
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            httpx.get(f"{url}/health", timeout=2)
        except httpx.TransportError:
            return
        time.sleep(0.1)
    raise AssertionError("the dashboard outlives who started it")


def test_up_goes_on_without_pages_and_refuses_a_port_for_none(own: Shop) -> None:
    said = flyball(own.folder, "up", "--no-dashboard", "--dashboard-port", "0")
    assert said.status == 2 and "--dashboard-port" in said.err
    with running(own.folder, "up", "--no-dashboard") as (url, _), urllib.request.urlopen(f"{url}/health") as answer:
        assert json.load(answer)["status"] == "healthy"


def test_a_fleet_shows_a_project_that_cannot_be_read_by_its_folder(own: Shop) -> None:
    folder = own.folder.parent / "fleet"
    (folder / "broken").mkdir(parents=True)
    (folder / "broken" / "flyball.toml").write_text("[model\n")
    own.folder.rename(folder / "churn")
    with begun(folder, "dashboard", "--port", "0") as process:
        url = address(process)[1]
        page = httpx.get(f"{url}/").text
        assert "broken" in page and "/m/churn/loop" in page and "flyball.toml" in page
        assert httpx.get(f"{url}/m/churn/loop").status_code == 200
        assert httpx.get(f"{url}/m/broken/loop").status_code == 409
