"""Webhooks, Slack's and others': what is posted, what counts as taken, and what a refusal tells."""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from flyball.adapters.notify.text import document
from flyball.alerting.records import Parcel
from flyball.core.reason import because
from flyball.spec.records import Receiver
from listeners import Answer, closed_port, drip, listening, silent, status
from notices import NOON, Post, line, notification

SECRET = "/services/T012/B345/very-secret-token?key=hidden-value"


def webhook(url: str) -> Receiver:
    return Receiver(kind="webhook", url=url)


def test_a_webhook_gets_the_whole_notification(tmp_path: Path) -> None:
    over = line("performance:brier", status="resolved", severity="critical", until=NOON, reason=because("alert.resolved", key="x"))
    with listening() as there:
        assert Post(tmp_path).send(webhook(f"{there.url}/hook"), notification(line(), over, link="https://wiki.example")) == ""
    (heard,) = there.heard
    assert (heard.path, heard.headers["content-type"]) == ("/hook", "application/json")
    assert heard.headers["idempotency-key"] == heard.json["id"] == "a" * 32
    assert {name: heard.json[name] for name in ("schema", "model", "version", "status", "firing", "resolved", "more", "test", "link")} == {
        "schema": 1,
        "model": "churn",
        "version": 3,
        "status": "firing",
        "firing": 1,
        "resolved": 1,
        "more": 0,
        "test": False,
        "link": "https://wiki.example",
    }
    assert heard.json["title"] == "churn: drift:temp fires; performance:brier is over"
    first, second = heard.json["alerts"]
    assert (first["key"], first["severity"], first["since"], first["until"]) == ("drift:temp", "warning", "2026-04-01T12:00:00.000Z", None)
    assert first["reason"]["code"] == "drift.moved" and first["reason"]["values"]["distance"] == 0.67
    assert first["sentence"].startswith("temp moved by 0.67 [0.66, 0.68]")
    assert first["window"] == {"start": "2026-03-31T12:00:00.000Z", "end": "2026-04-01T12:00:00.000Z"}
    assert (second["status"], second["until"]) == ("resolved", "2026-04-01T12:00:00.000Z")


def test_sentences_are_in_the_language_of_the_loop(tmp_path: Path) -> None:
    with listening() as there:
        Post(tmp_path, language="zh").send(webhook(there.url))
    assert "偏移" in there.heard[0].json["alerts"][0]["sentence"]
    assert there.heard[0].json["title"] == "churn: drift:temp 告警"


def test_the_address_may_stand_in_a_variable(tmp_path: Path) -> None:
    with listening() as there:
        assert Post(tmp_path, HOOK=f"{there.url}{SECRET}").send(webhook("env:HOOK")) == ""
    assert there.heard[0].path == SECRET


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    assert "HOOK is not set" in Post(tmp_path).send(webhook("env:HOOK"))


def test_a_variable_that_holds_no_address_is_refused_without_being_shown(tmp_path: Path) -> None:
    for value in ("hooks.example.com/very-secret", "ftp://x/very-secret", "http://[very-secret", "https://x/very secret"):
        said = Post(tmp_path, HOOK=value).send(webhook("env:HOOK"))
        assert "http:// or https://" in said and "secret" not in said


def garbled(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x00\xff nonsense\r\n\r\n")


REFUSALS: dict[str, tuple[Answer, str]] = {
    "500": (status(500, b"it is broken"), "HTTP 500: it is broken"),
    "404": (status(404, b"no_service " + SECRET.encode()), "HTTP 404: no_service …"),
    "429": (status(429), "HTTP 429"),
    "garbled": (garbled, "no connection"),
    "gone": (lambda handler: handler.connection.close(), "no connection"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_whatever_is_no_2xx_was_not_taken_and_the_address_stays_secret(tmp_path: Path, name: str) -> None:
    answer, expected = REFUSALS[name]
    with listening(answer) as there:
        said = Post(tmp_path).send(webhook(f"{there.url}{SECRET}"))
    assert said.startswith(expected)
    assert "secret" not in said and "hidden" not in said and "T012" not in said and "\n" not in said


def test_no_log_of_a_library_holds_the_address(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with listening() as there:
        assert Post(tmp_path).send(webhook(f"{there.url}{SECRET}")) == ""
    assert "secret" not in caplog.text


def test_a_redirection_is_not_followed(tmp_path: Path) -> None:
    with listening() as elsewhere, listening(status(307, location=f"{elsewhere.url}/steal?very-secret")) as there:
        said = Post(tmp_path).send(webhook(there.url))
    assert elsewhere.heard == []
    assert "HTTP 307" in said and elsewhere.url in said and "secret" not in said


def test_a_body_that_never_ends_does_not_keep_what_was_taken_from_counting(tmp_path: Path) -> None:
    over = threading.Event()
    with listening(drip(over, b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")) as there:
        assert Post(tmp_path).send(webhook(there.url)) == ""
        over.set()


def test_nobody_listening_is_told_in_words(tmp_path: Path) -> None:
    assert Post(tmp_path).send(webhook(f"http://127.0.0.1:{closed_port()}{SECRET}")) == "no connection: Connection refused"


def test_a_server_that_says_nothing_costs_no_more_than_a_step_may_take(tmp_path: Path) -> None:
    with silent() as port:
        said = Post(tmp_path, patience=0.5).send(webhook(f"http://127.0.0.1:{port}/"))
    assert "did not answer within 0.5 s" in said


def test_a_server_that_drips_is_left_behind_and_not_asked_again_meanwhile(tmp_path: Path) -> None:
    over = threading.Event()
    with listening(drip(over)) as there, listening() as other:
        post = Post(tmp_path, patience=0.6)
        parcels = [Parcel(receiver=webhook(one.url), notification=notification()) for one in (there, other)]
        assert post.sender.send(parcels) == ["it did not answer within 0.6 s", ""], "the other one is told all the same"
        assert post.sender.send(parcels) == ["it is still busy with what it was sent before", ""]
        over.set()


def test_receivers_are_told_at_the_same_time(tmp_path: Path) -> None:
    everybody = threading.Barrier(3, timeout=20)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        everybody.wait()  # nobody answers before all were asked
        status(200)(handler)

    with listening(answer) as one, listening(answer) as two, listening(answer) as three:
        parcels = [Parcel(receiver=webhook(there.url), notification=notification()) for there in (one, two, three)]
        assert Post(tmp_path).sender.send(parcels) == ["", "", ""]


def test_slack_gets_a_text_in_which_nothing_is_a_link_or_a_mention(tmp_path: Path) -> None:
    hostile = line("drift:<!channel> & <https://evil.example|click> @here\nx")
    with listening() as there:
        assert Post(tmp_path).send(Receiver(kind="slack", url=there.url), notification(hostile, link="https://wiki.example/?a=1&b=2")) == ""
    text = there.heard[0].json["text"]
    assert set(there.heard[0].json) == {"text"}
    assert text.startswith("*churn: drift:&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt; @\u200bhere x fires*")
    assert "<" not in text and "@here" not in text
    assert text.endswith("\nhttps://wiki.example/?a=1&amp;b=2")


def test_a_thousand_alerts_are_one_message_of_a_length_that_is_taken(tmp_path: Path) -> None:
    lines = [line(f"drift:c{number}-{'x' * 300}") for number in range(1000)]
    with listening() as there:
        Post(tmp_path).send(Receiver(kind="slack", url=there.url), notification(*lines))
    text = there.heard[0].json["text"]
    assert len(text) <= 12_000
    assert "and 999 more fire" in text and text.count("\n") <= 22


def test_the_document_in_the_docs_is_the_document_that_is_sent() -> None:
    page = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")
    shown = json.loads(page.split("```json\n")[1].split("```")[0])
    assert document(notification(line(), id=shown["id"], link="https://wiki.example/churn"), "en") == shown
