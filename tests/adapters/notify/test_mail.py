"""E-mail through real mail servers: plain, with STARTTLS, with TLS from the start, with a login; and servers that misbehave."""

from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from flyball.spec.records import Receiver
from listeners import Mailbox, closed_port, listening, mail_server, make_certificate, silent
from notices import Post, line, notification

USER = {"user": "env:SMTP_USER", "password": "env:SMTP_PASSWORD"}


def receiver(port: int, **changes: object) -> Receiver:
    plain = {"kind": "email", "server": f"127.0.0.1:{port}", "sender": "flyball@example.com", "recipients": ("you@example.com",)}
    return Receiver(**{**plain, "tls": "none", **changes})  # type: ignore[arg-type]  # the fields a test names


def mail(box: Mailbox) -> EmailMessage:
    (envelope,) = box.mails
    assert isinstance(envelope.content, bytes)
    return message_from_bytes(envelope.content, policy=default)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    yield certificate


def test_a_mail_says_what_fires_in_its_subject_and_why_in_its_text(tmp_path: Path) -> None:
    box = Mailbox()
    with mail_server(box) as port:
        assert (
            Post(tmp_path).send(receiver(port, recipients=("you@example.com", "me@example.com")), notification(link="https://w.example"))
            == ""
        )
    said = mail(box)
    assert (said["From"], said["To"]) == ("flyball@example.com", "you@example.com, me@example.com")
    assert said["Subject"] == "churn: drift:temp fires"
    assert said["Message-ID"] == f"<{'a' * 32}.flyball@example.com>"
    assert said["Auto-Submitted"] == "auto-generated"
    text = said.get_content().replace("\r\n", "\n")
    assert text.startswith("drift:temp (warning, since 2026-04-01 12:00 UTC): temp moved by 0.67") and text.endswith(
        "\n\nhttps://w.example\n"
    )
    assert box.mails[0].rcpt_tos == ["you@example.com", "me@example.com"]


def test_a_mail_in_chinese_arrives_in_chinese(tmp_path: Path) -> None:
    box = Mailbox()
    with mail_server(box) as port:
        assert Post(tmp_path, language="zh").send(receiver(port), notification(line("drift:温度"), model="客户")) == ""
    said = mail(box)
    assert said["Subject"] == "客户: drift:温度 告警"
    assert "温度 偏移" in said.get_content()


def test_a_name_with_line_breaks_cannot_write_headers(tmp_path: Path) -> None:
    box = Mailbox()
    hostile = "drift:x\r\nBcc: all@example.com\r\n\r\nread this\n.\n"
    with mail_server(box) as port:
        assert Post(tmp_path).send(receiver(port), notification(line(hostile), model="m\nCc: other@example.com")) == ""
    said = mail(box)
    assert said["Bcc"] is None and said["Cc"] is None
    assert said["Subject"].strip() == "m Cc: other@example.com: drift:x Bcc: all@example.com read this . fires"
    assert box.mails[0].rcpt_tos == ["you@example.com"]


def test_starttls_with_a_login(tmp_path: Path, trusted: Path) -> None:
    box = Mailbox()
    with mail_server(box, tls="starttls", certificate=trusted, login=True) as port:
        post = Post(tmp_path, SMTP_USER="robot", SMTP_PASSWORD="s3cret-word")
        assert post.send(receiver(port, tls="starttls", **USER)) == ""
    assert (len(box.mails), box.users) == (1, ["robot"])


def test_tls_from_the_start(tmp_path: Path, trusted: Path) -> None:
    box = Mailbox()
    with mail_server(box, tls="tls", certificate=trusted) as port:
        assert Post(tmp_path).send(receiver(port, tls="tls")) == ""
    assert len(box.mails) == 1


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path, certificate: Path, tls: str) -> None:
    box = Mailbox()
    with mail_server(box, tls=tls, certificate=certificate) as port:
        said = Post(tmp_path).send(receiver(port, tls=tls))
    assert "no encrypted connection" in said and "self-signed certificate" in said
    assert box.mails == []


def test_a_server_without_starttls_is_not_written_to_in_the_clear(tmp_path: Path) -> None:
    box = Mailbox()
    with mail_server(box) as port:
        said = Post(tmp_path).send(receiver(port, tls="starttls"))
    assert "offers no STARTTLS" in said and 'tls = "none"' in said
    assert box.mails == []


def test_a_wrong_password_is_told_without_being_shown(tmp_path: Path, trusted: Path) -> None:
    box = Mailbox()
    with mail_server(box, tls="starttls", certificate=trusted, login=True) as port:
        said = Post(tmp_path, SMTP_USER="robot", SMTP_PASSWORD="wr0ng-word").send(receiver(port, tls="starttls", **USER))
    assert said == "the mail server refused user and password (code 535)"


def test_a_password_that_is_not_set_is_named(tmp_path: Path) -> None:
    assert "SMTP_PASSWORD is not set" in Post(tmp_path, SMTP_USER="robot").send(receiver(25, **USER))


def test_a_recipient_nobody_knows_is_told(tmp_path: Path) -> None:
    box = Mailbox(refuse=("you@example.com",))
    with mail_server(box) as port:
        post = Post(tmp_path)
        assert post.send(receiver(port)) == "no recipient was taken: it answered 550 no such person here"
        assert post.send(receiver(port, recipients=("you@example.com", "me@example.com"))) == ""
    assert post.said == ["the mail server did not take the notification for you@example.com: it answered 550 no such person here"]
    assert box.mails[0].rcpt_tos == ["me@example.com"]


def test_a_server_that_hangs_costs_no_more_than_it_may(tmp_path: Path) -> None:
    with silent() as port:
        assert "did not answer" in Post(tmp_path, patience=0.5).send(receiver(port))


def test_what_is_no_mail_server_is_told(tmp_path: Path) -> None:
    assert Post(tmp_path).send(receiver(closed_port())) == "Connection refused"
    with listening() as there:
        assert Post(tmp_path).send(receiver(int(there.url.rpartition(":")[2]))) == "what answers there is no mail server"
