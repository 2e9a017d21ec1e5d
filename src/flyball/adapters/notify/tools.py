"""What every kind of receiver is handed, and how its failures are told without its secrets."""

import smtplib
import ssl
from collections.abc import Callable
from pathlib import Path

from flyball.adapters.notify.text import clean
from flyball.alerting.records import Parcel
from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.words.sentences import Language


@record
class Tools:
    """The project's folder, the reader's language, what a text of the spec stands for, where to say a line, how long a step may take."""

    folder: Path
    language: Language
    secret: Callable[[str], str]
    echo: Callable[[str], None]
    seconds: float


Deliver = Callable[[Parcel, Tools], None]
"""Returns when the receiver has taken the parcel; any exception says that it has not."""


def in_words(error: Exception) -> str:
    """What went wrong, on one line. The text of an error that nobody foresaw could hold an address, so only its kind is told."""
    if isinstance(error, FlyballError):
        return clean(f"{error.message} ({error.hint})" if error.hint else error.message)
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, ssl.SSLError):
        return clean(f"no encrypted connection: {error.reason or 'TLS failed'}{_certificate(error)}")
    if isinstance(error, smtplib.SMTPException):
        return clean(f"the mail server did not take it ({type(error).__name__})")
    if isinstance(error, OSError):
        return clean(error.strerror or type(error).__name__)
    return type(error).__name__


def _certificate(error: ssl.SSLError) -> str:
    return f": {error.verify_message}" if isinstance(error, ssl.SSLCertVerificationError) else ""
