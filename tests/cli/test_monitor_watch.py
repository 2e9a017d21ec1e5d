"""`flyball monitor --watch`: live in a terminal and in a pipe, and going on when the server or the database does not."""

import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flyball.api.client import Client
from flyball.cli.monitor_screen import as_object, one_line
from flyball.cli.monitor_watch import Watcher
from flyball.core.reason import because
from flyball.journal.events import AlertFired, AlertResolved
from flyball.loop.memory import Memory
from flyball.render.report.text import Words
from flyball.server.metrics import Metrics, Page, render
from flyball.server.pulse import numbers
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.wiring import open_world
from trained import CUSTOMER, MODEL, Shop, change, command, flyball, running, until_logged

NOW = datetime(2025, 3, 10, tzinfo=UTC)


class Clock:
    """A time that is set by hand."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        """The time it is."""
        return self.at


def watcher(folder: Path, clock: Clock, server: Metrics | None = None) -> Watcher:
    def ask(at: float) -> object:
        return None if server is None else numbers(render([Page(MODEL, server, [])]), MODEL, at)

    return Watcher(open_world(read_settings(folder)), load_spec(folder), Memory(), clock, ask)  # type: ignore[arg-type]  # numbers or None


def rename(folder: Path, before: str, after: str) -> None:
    with sqlite3.connect(folder / "flyball.db") as connection:
        connection.execute(f"ALTER TABLE {before} RENAME TO {after}")
    connection.close()


def test_rates_need_two_looks_and_a_server_that_goes_away_is_told_since_when(own: Shop) -> None:
    clock, metrics, words = Clock(), Metrics(), Words("en")
    metrics.took(0.001)
    looking = watcher(own.folder, clock, metrics)
    first = looking.look()
    assert first.server is None and first.away is None
    clock.at += timedelta(seconds=2)
    metrics.took(0.001)
    metrics.took(0.001)
    second = looking.look()
    assert second.server is not None and second.server.requests == 1.0
    gone = watcher(own.folder, clock)
    gone.look()
    clock.at += timedelta(seconds=2)
    third = gone.look()
    assert third.away == clock.at - timedelta(seconds=2)
    assert "no server at http://x since 2025-03-10 00:00:02 UTC" in one_line(third, "http://x", words)


def test_a_database_that_fails_is_told_since_when_and_what_was_known_stays(own: Shop) -> None:
    clock = Clock()
    looking = watcher(own.folder, clock)
    good = looking.look()
    assert good.trouble is None and good.picture is not None
    rename(own.folder, "predictions", "elsewhere")
    for _ in range(2):
        clock.at += timedelta(seconds=2)
        bad = looking.look()
    assert bad.trouble is not None and bad.trouble.since == NOW + timedelta(seconds=2)
    assert bad.picture is good.picture
    assert "the database does not answer since 2025-03-10 00:00:02 UTC" in one_line(bad, "http://x", Words("en"))
    rename(own.folder, "elsewhere", "predictions")
    clock.at += timedelta(seconds=2)
    assert looking.look().trouble is None


def test_what_the_loop_decides_meanwhile_is_news_once(own: Shop) -> None:
    clock, settings = Clock(), read_settings(own.folder)
    looking, world = watcher(own.folder, clock), open_world(settings)
    assert looking.look().fresh == 0, "what was there before is no news"
    fired = AlertFired(key="drift:tenure_months", reason=because("alert.unwatched", key="drift:tenure_months"))
    world.journal.append(MODEL, [fired], expected=len(world.journal.read(MODEL)), actor="loop", at=NOW)
    look = looking.look()
    assert look.fresh == 1 and look.picture is not None
    assert [one.key for one in look.picture.firing] == ["drift:tenure_months"]
    assert "alert: drift:tenure_months is no longer watched" in one_line(look, "http://x", Words("en"))
    document = as_object(look, settings, every_column=False)
    assert document["events"] == [{"at": NOW, "action": "alert", "version": None, "reason": "drift:tenure_months is no longer watched"}]
    resolved = AlertResolved(key="drift:tenure_months", reason=because("alert.resolved", key="drift:tenure_months"))
    world.journal.append(MODEL, [resolved], expected=len(world.journal.read(MODEL)), actor="loop", at=NOW)
    look = looking.look()
    assert look.fresh == 1 and look.picture is not None and look.picture.firing == ()
    assert looking.look().fresh == 0


def test_what_does_not_exist_yet_cannot_be_watched(own: Shop) -> None:
    (own.folder / "flyball.db").unlink()
    said = flyball(own.folder, "monitor", "--watch")
    assert said.status == 1 and "no champion to watch" in said.err
    look = watcher(own.folder, Clock()).look()
    assert look.picture is None and look.trouble is not None


@contextmanager
def terminal(folder: Path, *words: str) -> Iterator[tuple["subprocess.Popen[bytes]", Callable[[str], str]]]:
    """The verb in a pseudo-terminal: its process, and what waits until a text was on the screen and gives everything so far."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "140", "LINES": "50", "FLYBALL_LANG": "en"}
    process = subprocess.Popen(command(folder, "monitor", "--watch", *words), stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    seen = ""

    def until(text: str) -> str:
        nonlocal seen
        end = time.monotonic() + 60
        while text not in plain(seen):
            assert time.monotonic() < end, plain(seen)[-3000:]
            if select.select([ours], [], [], 1)[0]:
                try:
                    seen += os.read(ours, 65536).decode(errors="replace")
                except OSError:  # the other side is gone
                    assert text in plain(seen), plain(seen)[-3000:]
        return plain(seen)

    try:
        yield process, until
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(ours)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def test_a_terminal_shows_what_happens_while_it_happens_and_ctrl_c_ends_it(own: Shop) -> None:
    with running(own.folder, "serve") as (url, _):
        change(own.folder, 'address = "127.0.0.1:8000"', f'address = "{url.removeprefix("http://")}"')
        with terminal(own.folder, "--every", "0.2s") as (process, until), Client(url) as client:
            until(f"server {url}")
            client.predict([{**CUSTOMER, "monthly_charges": 990.0}] * 600)
            until_logged(client, 600)
            text = until("600 rows in the window")
            assert "requests/s" in text and "Ctrl-C ends this" in text
            until("monthly_charges")
            until("▲ drift")
            assert flyball(own.folder, "freeze", "--reason", "an audit").status == 0
            until("freeze: the loop stands still: an audit")
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)  # asked twice it ends all the same
            assert process.wait(20) == 0


def test_a_locked_database_is_said_and_waited_for_and_does_not_keep_ctrl_c(own: Shop) -> None:
    with running(own.folder, "serve") as (url, _):
        change(own.folder, 'address = "127.0.0.1:8000"', f'address = "{url.removeprefix("http://")}"')
        with terminal(own.folder, "--every", "0.2s") as (process, until), Client(url) as client:
            until(f"server {url}")
            locking = sqlite3.connect(own.folder / "flyball.db", isolation_level=None)
            locking.execute("BEGIN IMMEDIATE")
            client.predict([CUSTOMER] * 5)  # what there is to take in needs the lock
            until("this look has been waiting for the database")
            locking.execute("ROLLBACK")
            until("5 rows in the window")
            locking.execute("BEGIN IMMEDIATE")
            client.predict([CUSTOMER] * 5)
            until_logged(client, 10)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
            locking.execute("ROLLBACK")
            locking.close()


def test_a_server_that_ends_does_not_end_the_watch(own: Shop) -> None:
    with ExitStack() as watching:
        with running(own.folder, "serve") as (url, _):
            change(own.folder, 'address = "127.0.0.1:8000"', f'address = "{url.removeprefix("http://")}"')
            process, until = watching.enter_context(terminal(own.folder, "--every", "0.2s"))
            until("requests/s")
        until(f"no server at {url} since")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_server_on_another_port_than_the_spec_says_is_found_by_its_workers(own: Shop) -> None:
    change(own.folder, 'address = "127.0.0.1:8000"', 'address = "127.0.0.1:9"')
    with running(own.folder, "serve"), terminal(own.folder, "--every", "0.2s") as (process, until):
        until("requests/s")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_pipe_gets_one_line_a_look(own: Shop, words: tuple[str, ...]) -> None:
    process = subprocess.Popen(
        command(own.folder, "monitor", "--watch", "--every", "0.1s", *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FLYBALL_LANG": "en"},
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    for line in [*lines, *rest.splitlines()]:
        if words:
            document = json.loads(line)
            assert {"at", "window", "rows", "columns", "alerts", "answer", "events", "traffic", "trouble"} <= set(document)
        else:
            assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC  Look: nothing was predicted", line), line
