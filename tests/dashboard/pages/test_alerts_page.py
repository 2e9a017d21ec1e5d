"""The page alerts: what fires, who was told, what is over, and the silences that begin and end with a button."""

import asyncio
import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest

from dashboarded import TOKEN, asked, client, made
from flyball.alerting.receivers import receiver_id
from flyball.alerting.records import Letter, Told
from flyball.core.reason import Reason, because
from flyball.dashboard.records import Ask
from flyball.demo.project import example_files, write_texts
from flyball.journal.events import AlertFired, AlertResolved, Event
from flyball.loop.steer import silence
from flyball.wiring import open_dashboard
from notices import line, notification

MODEL = "flight-delay"
RECEIVERS = '\n[alerts]\nto = [ { kind = "log", file = "alerts.log" }, { kind = "webhook", url = "http://127.0.0.1:9/hook" } ]\n'
NASTY = 'drift:x\' onclick="steal()" <img src=x>'


@pytest.fixture
def fired(lived: Path, tmp_path: Path) -> Path:
    """A copy of the four weeks in which three alerts fire and one is over."""
    folder = Path(shutil.copytree(lived, tmp_path / "flights"))
    ask = asked(folder, "alerts")
    happens(ask, *(AlertResolved(key=key, reason=over(key)) for key in ask.state().firing))
    happens(ask, fires("drift:temp"), fires("performance:brier"), fires(NASTY), fires("drift:hour"))
    happens(ask, AlertResolved(key="drift:hour", reason=over("drift:hour")))
    return folder


def fires(key: str) -> AlertFired:
    return AlertFired(key=key, reason=because("alert.unwatched", key=key))


def over(key: str) -> Reason:
    return because("alert.resolved", key=key)


def happens(ask: Ask, *events: Event) -> None:
    if events:
        ask.world.journal.append(MODEL, events, expected=ask.state().seq, actor="loop", at=ask.now)


def section(html: str, title: str) -> str:
    """What stands under a heading."""
    return html.split(f"<h2>{title}</h2>", 1)[1].split("<h2>", 1)[0]


def buttons(html: str) -> list[tuple[str, dict[str, object]]]:
    found = re.findall(r"data-do=\"([^\"]*)\" data-body='([^']*)'", html)
    return [(verb, json.loads(unescape(body))) for verb, body in found]


def test_what_fires_is_listed_with_its_sentence_the_critical_first(fired: Path) -> None:
    found = made(fired, "alerts")
    assert "3 alerts fire." in found and "1 is critical." in found
    firing = section(found, "Firing")
    assert firing.index("performance:brier</a>") < firing.index("drift:temp</a>")
    assert "drift:hour" not in firing and "drift:hour</a>" in section(found, "Resolved")
    assert 'href="/m/flight-delay/drift?column=temp"' in firing and 'href="/m/flight-delay/performance"' in firing


def test_names_from_outside_stay_names(fired: Path) -> None:
    found = made(fired, "alerts")
    assert "<img" not in found and "&lt;img src=x&gt;" in found
    assert ("silence", {"pattern": NASTY, "for": "24h"}) in buttons(found)


def test_nobody_is_told_without_receivers_and_the_page_says_how_to_name_them(fired: Path) -> None:
    found = made(fired, "alerts")
    assert "Nobody is told of alerts." in found and "[alerts] to = " in found


def test_of_each_alert_it_is_said_who_was_told_who_waits_and_who_could_not_be(fired: Path) -> None:
    with (fired / "flyball.toml").open("a") as file:
        file.write(RECEIVERS)
    ask = asked(fired, "alerts")
    log, hook = ask.project.spec().alerts.to
    post, standing = ask.world.post, ask.state().standing
    assert post is not None
    seqs = {key: standing[key].seq for key in ("drift:temp", "performance:brier")}
    letters = []
    for number, (key, seq) in enumerate(seqs.items()):
        told = notification(line(key, seq=seq), id=f"{number}" * 32, model=MODEL)
        letters.append(Letter(receiver=receiver_id(hook), notification=told, written_at=ask.now, again_at=ask.now))
    sent = [Told(receiver=receiver_id(log), key=key, seq=seq, at=ask.now) for key, seq in seqs.items()]
    post.outbox.put(MODEL, letters, sent, (), expected=post.outbox.ledger(MODEL).revision)
    assert "… pending" in made(fired, "alerts")
    post.outbox.claim(MODEL, receiver_id(hook), now=ask.now, until=ask.now + timedelta(minutes=1))
    post.outbox.settle(MODEL, receiver_id(hook), ["0" * 32, "1" * 32], again_at=ask.now + timedelta(hours=1), error="no <b>connection</b>")
    found = made(fired, "alerts")
    assert "✓ sent" in found and "✗ failed" in found and "… at the next look" in found
    receivers = section(found, "Who is told")
    assert "2 / 3" in receivers and "no &lt;b&gt;connection&lt;/b&gt;" in receivers and "log alerts.log" in receivers


def test_a_silence_says_until_when_by_whom_and_why_and_can_be_ended(fired: Path) -> None:
    ask = asked(fired, "alerts")
    silence(ask.world, MODEL, "drift:*", reason="the <i>feed</i> is down", length=timedelta(hours=24), actor="ann", now=ask.now)
    found = made(fired, "alerts")
    silences = section(found, "Silences")
    assert "drift:*" in silences and "ann" in silences and "the &lt;i&gt;feed&lt;/i&gt; is down" in silences
    assert f"{ask.now + timedelta(hours=24):%Y-%m-%dT%H:%M:%SZ}" in silences
    assert ("silence", {"pattern": "drift:*", "end": True}) in buttons(silences)
    assert "2 are silenced" in found and "silenced until" in section(found, "Firing")
    assert "drift:*" not in section(made(fired, "alerts", now=ask.now + timedelta(days=2)), "Silences").split("<details")[0]


def test_kinds_and_everything_can_be_silenced_at_once(fired: Path) -> None:
    offered = buttons(section(made(fired, "alerts"), "Silences"))
    assert {str(body["pattern"]) for _, body in offered} == {"drift:*", "performance:*", "*"}
    assert {str(body["for"]) for _, body in offered} == {"1h", "24h", "7d"}


def test_a_button_silences_and_ends_it_and_both_stand_in_the_history(fired: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", TOKEN)
    history = asyncio.run(_pressed(fired))
    assert "known" in history and "silence ended" in history


async def _pressed(fired: Path) -> str:
    """The history after an alert was silenced and the silence ended with the buttons of the page."""
    async with client(open_dashboard([fired])) as browser:
        page = (await browser.get("/m/flight-delay/alerts")).text
        verb, body = next((verb, body) for verb, body in buttons(page) if body["pattern"] == "drift:temp")
        bearer = {"authorization": f"Bearer {TOKEN}"}
        address = f"/m/flight-delay/do/{verb}"
        assert (await browser.post(address, json={**body, "reason": "known"})).status_code == 401
        assert (await browser.post(address, json=body, headers=bearer)).status_code == 422  # without a reason
        assert (await browser.post(address, json={**body, "reason": "known"}, headers=bearer)).status_code == 200
        page = (await browser.get("/m/flight-delay/alerts")).text
        end = next(body for _, body in buttons(section(page, "Silences")) if body.get("end"))
        assert (await browser.post(address, json=end, headers=bearer)).status_code == 200
        return section((await browser.get("/m/flight-delay/alerts")).text, "History")


def test_long_lists_have_pages_and_a_filter_that_can_be_sent_as_a_link(fired: Path) -> None:
    happens(asked(fired, "alerts"), *(fires(f"quality:column{number:03}") for number in range(40)))
    first = section(made(fired, "alerts", kind="quality"), "Firing")
    assert first.count('data-do="silence"') == 15 and "1 to 15 of 40" in first and "firing=2" in unescape(first)
    last = section(made(fired, "alerts", kind="quality", firing="99"), "Firing")
    assert "31 to 40 of 40" in last and "column039" in last and "firing=2" in unescape(last)
    assert "1 to 20 of" in section(made(fired, "alerts"), "History")
    one = section(made(fired, "alerts", q="COLUMN007"), "Firing")
    assert "column007" in one and "column008" not in one
    assert "No alert that fires fits the filter." in made(fired, "alerts", q="nowhere")
    assert "43 alerts fire." in made(fired, "alerts", kind="no such kind", firing="-1", over="x")


def test_a_spec_that_cannot_be_read_hides_nothing_that_fires(fired: Path) -> None:
    ask = asked(fired, "alerts")
    (fired / "flyball.toml").write_text("[model\n")
    from flyball.dashboard.pages.alerts import page

    found = "".join(str(part.body) for part in page(ask).parts)
    assert "3 alerts fire." in found and "Who was told cannot be said" in found and "drift:temp" in found


def test_the_page_is_made_in_chinese(fired: Path) -> None:
    found = made(fired, "alerts", "zh")
    assert "3 项警报" in found and "正在触发" in found and "dashboard." not in found


def test_a_project_in_which_nothing_was_measured_says_what_to_do(tmp_path: Path) -> None:
    write_texts(tmp_path, example_files("flights"))
    found = made(tmp_path, "alerts", now=datetime.now(UTC))
    assert "Nothing has been measured yet." in found and "<code>flyball up</code>" in found
    assert "The journal says nothing about alerts yet." in found


def test_no_two_elements_have_the_same_id(fired: Path) -> None:
    ask = asked(fired, "alerts")
    silence(ask.world, MODEL, "drift:*", reason="known", length=timedelta(hours=1), actor="ann", now=ask.now)
    ids = re.findall(r' id="([^"]*)"', made(fired, "alerts"))
    assert len(ids) == len(set(ids)) > 5
