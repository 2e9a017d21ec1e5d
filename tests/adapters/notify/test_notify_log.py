"""The receiver `log`: one line, whatever an alert is called."""

import json
from pathlib import Path

from flyball.spec.records import Receiver
from notices import Post, line, notification

TERMINAL = Receiver(kind="log")


def test_people_get_one_line(tmp_path: Path) -> None:
    post = Post(tmp_path)
    assert post.send(TERMINAL, notification(line(), line("performance:brier", severity="critical"))) == ""
    (said,) = post.said
    assert said.startswith(
        "2026-04-01 12:00  churn: drift:temp and 1 more fire | drift:temp (warning, since 2026-04-01 12:00 UTC): temp moved"
    )


def test_no_sign_of_a_column_name_reaches_the_terminal_as_a_command(tmp_path: Path) -> None:
    post = Post(tmp_path)
    post.send(TERMINAL, notification(line("drift:a\x1b[2Jb\r\nc\u2028d\u202ee\x00f\x9bg")))
    (said,) = post.said
    assert said.isprintable()
    assert "a [2Jb c d e f g" in said


def test_a_file_gets_one_document_a_line(tmp_path: Path) -> None:
    post, receiver = Post(tmp_path), Receiver(kind="log", file="logs/alerts.jsonl")
    for key in ("drift:a\nb", "drift:温度"):
        assert post.send(receiver, notification(line(key))) == ""
    documents = [json.loads(one) for one in (tmp_path / "logs" / "alerts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [one["alerts"][0]["key"] for one in documents] == ["drift:a\nb", "drift:温度"]
    assert post.said == []


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    assert "cannot be written" in Post(tmp_path).send(Receiver(kind="log", file="logs/alerts.jsonl"))
