"""The port `Sender`: each notification by its receiver's kind, all at the same time, none for longer than it may take."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from flyball.adapters.notify.tools import Deliver, Tools, in_words
from flyball.alerting.receivers import receiver_id
from flyball.alerting.records import Parcel
from flyball.words.sentences import Language

# kind → function; imported when the first such receiver is told something.
KINDS: dict[str, str] = {
    "log": "flyball.adapters.notify.log:deliver",
    "webhook": "flyball.adapters.notify.webhook:deliver",
    "slack": "flyball.adapters.notify.slack:deliver",
    "email": "flyball.adapters.notify.mail:deliver",
    "alertmanager": "flyball.adapters.notify.alertmanager:deliver",
}
PATIENCE = 8.0
"""Seconds that all receivers together may take."""
_ONE_STEP = 5.0
"""Seconds that a connection, a request or an answer may take by itself."""


class NotifySender:
    """Delivers in threads of their own. Whatever a receiver does, it costs nobody more than `patience` seconds; one that is still busy with
    what it was sent before is not sent more.

    `secret` turns `env:NAME` into what the variable holds, `echo` writes a line where people watch the loop.
    """

    def __init__(
        self,
        *,
        folder: Path,
        language: Language,
        secret: Callable[[str], str],
        echo: Callable[[str], None],
        patience: float = PATIENCE,
    ) -> None:
        self._tools = Tools(folder=folder, language=language, secret=secret, echo=echo, seconds=min(_ONE_STEP, patience))
        self._patience = patience
        self._busy: dict[str, threading.Thread] = {}
        for name in ("httpx", "httpcore"):  # they log whole addresses, which are as good as passwords
            logging.getLogger(name).setLevel(logging.WARNING)

    def send(self, parcels: Sequence[Parcel]) -> list[str]:
        """Hand each over to its receiver; for each what kept it from being taken, empty if it was."""
        until = time.monotonic() + self._patience
        errors: list[str] = [""] * len(parcels)
        started: list[tuple[int, threading.Thread, list[str]]] = []
        for number, parcel in enumerate(parcels):
            name = receiver_id(parcel.receiver)
            before = self._busy.get(name)
            if before is not None and before.is_alive():
                errors[number] = "it is still busy with what it was sent before"
                continue
            said: list[str] = []
            thread = threading.Thread(target=_deliver, args=(parcel, self._tools, said), name=f"notify-{name}", daemon=True)
            self._busy[name] = thread
            thread.start()
            started.append((number, thread, said))
        for number, thread, said in started:
            thread.join(max(0.0, until - time.monotonic()))
            errors[number] = said[0] if said else f"it did not answer within {self._patience:g} s"
        return errors


def _deliver(parcel: Parcel, tools: Tools, said: list[str]) -> None:
    """In a thread: deliver, and say what went wrong (empty: nothing)."""
    try:
        module, _, name = KINDS[parcel.receiver.kind].partition(":")
        deliver: Deliver = getattr(import_module(module), name)
        deliver(parcel, tools)
        said.append("")
    except Exception as error:  # noqa: BLE001 - a receiver that fails in a new way must fail alone
        said.append(in_words(error))
