"""The receiver `email`: a plain text by SMTP."""

import smtplib
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as RULES
from email.utils import format_datetime

from flyball.adapters.notify.text import clean, lines, title
from flyball.adapters.notify.tools import Tools
from flyball.alerting.records import Parcel
from flyball.core.errors import SpecError, StoreError
from flyball.spec.records import Receiver
from flyball.words.sentences import Language

_MOST = 50


def deliver(parcel: Parcel, tools: Tools) -> None:
    """Send it. Taken means that the mail server took it for at least one of the recipients."""
    receiver = parcel.receiver
    user, password = (tools.secret(text) if text else "" for text in (receiver.user, receiver.password))
    message = compose(parcel, tools.language)
    server = _connected(receiver, tools.seconds)
    try:
        if user or password:
            _log_in(server, user, password)
        try:
            refused = server.send_message(message)
        except smtplib.SMTPResponseException as error:
            raise StoreError(_said(error.smtp_code, error.smtp_error)) from None
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            raise StoreError(f"no recipient was taken: {_said(code, said)}") from None
        for address, (code, said) in refused.items():
            tools.echo(f"the mail server did not take the notification for {clean(address, 100)}: {_said(code, said)}")
    finally:
        with suppress(smtplib.SMTPException, OSError):  # it has the message; how it says goodbye does not matter
            server.quit()
        server.close()


def compose(parcel: Parcel, language: Language) -> EmailMessage:
    """The message. Its id follows from what it says, so a repetition can be told from news."""
    receiver, notification = parcel.receiver, parcel.notification
    message = EmailMessage(policy=RULES)
    try:
        message["From"] = Address(addr_spec=receiver.sender)
        message["To"] = tuple(Address(addr_spec=one) for one in receiver.recipients)
    except (ValueError, IndexError, TypeError):
        raise SpecError("an address of the mail cannot be used", hint="correct from and to under [alerts] to") from None
    message["Subject"] = clean(title(notification, language), 200)
    message["Date"] = format_datetime(notification.at)
    message["Message-ID"] = f"<{notification.id}.flyball@{receiver.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    said = lines(notification, language, most=_MOST)
    message.set_content("\n\n".join([*said, *([notification.link] if notification.link else [])]) + "\n")
    return message


def _connected(receiver: Receiver, seconds: float) -> smtplib.SMTP:
    host, _, port = receiver.server.rpartition(":")
    host = host.strip("[]")
    try:
        if receiver.tls == "tls":
            return smtplib.SMTP_SSL(host, int(port), timeout=seconds, context=ssl.create_default_context())
        server = smtplib.SMTP(host, int(port), timeout=seconds)
    except smtplib.SMTPException:
        raise StoreError("what answers there is no mail server") from None
    if receiver.tls == "none":
        return server
    try:
        server.ehlo_or_helo_if_needed()
        if not server.has_extn("starttls"):
            raise StoreError("the mail server offers no STARTTLS", hint='tls = "tls" encrypts from the start, tls = "none" not at all')
        server.starttls(context=ssl.create_default_context())
    except BaseException:
        server.close()
        raise
    return server


def _log_in(server: smtplib.SMTP, user: str, password: str) -> None:
    try:
        server.login(user, password)
    except smtplib.SMTPAuthenticationError as error:
        raise StoreError(f"the mail server refused user and password (code {error.smtp_code})") from None
    except smtplib.SMTPNotSupportedError:
        raise StoreError("the mail server takes no password on this connection") from None


def _said(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"it answered {code} {clean(text, 160)}".rstrip()
