"""Two loops on one store, as two machines would run them: one acts, and the other takes over by itself."""

import signal
import time

import pytest

from trained import Shop, flyball, running

LOOP = ("up", "--no-dashboard", "--every", "1s", "--lease", "5s")


def leader(own: Shop) -> str:
    found = flyball(own.folder, "status", "--json").json["leader"]
    return "" if found is None else str(found).partition(" ")[0]


def until_leads(own: Shop, *names: str) -> str:
    until = time.monotonic() + 90
    while (found := leader(own)) not in names:
        assert time.monotonic() < until, f"{found or 'nobody'} leads"
        time.sleep(0.1)
    return found


def test_another_loop_takes_over_from_one_that_stands_still_and_gives_back_when_it_ends(own: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_REPLICA", "berlin")
    with running(own.folder, *LOOP) as (_, berlin):
        monkeypatch.setenv("FLYBALL_REPLICA", "paris")
        with running(own.folder, *LOOP) as (_, paris):
            until_leads(own, "berlin", "paris")
            monkeypatch.setenv("FLYBALL_REPLICA", "cron")
            said = flyball(own.folder, "tick", "--json")
            assert said.status == 0 and " acts for this model and its lease lasts until " in said.json["stands_by"]
            assert said.json["decisions"] == []
            frozen = flyball(own.folder, "freeze", "--reason", "people are not fenced")
            assert frozen.status == 0, frozen.err
            loops = {"berlin": berlin, "paris": paris}
            first = until_leads(own, *loops)
            (second,) = loops.keys() - {first}
            loops[first].send_signal(signal.SIGSTOP)
            try:
                until_leads(own, second)
            finally:
                loops[first].send_signal(signal.SIGCONT)
            loops[second].send_signal(signal.SIGTERM)
            assert loops[second].wait(60) == 0
            until_leads(own, first)


def test_a_lease_that_cannot_be_renewed_in_time_is_refused(own: Shop) -> None:
    said = flyball(own.folder, "up", "--lease", "100ms")
    assert said.status == 2 and "--lease" in said.err


@pytest.mark.parametrize("name", ["two words", "-dash", "x" * 64, "b\u00e9", "a/b", "a\nb"])
def test_a_name_that_no_machine_can_have_is_refused(own: Shop, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("FLYBALL_REPLICA", name)
    said = flyball(own.folder, "status")
    assert said.status == 2 and "cannot name a machine" in said.err
