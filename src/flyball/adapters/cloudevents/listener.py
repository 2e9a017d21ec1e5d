"""Journal entries as CloudEvents 1.0 (structured mode, JSON): port Listener, to an address or a file of the project."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from flyball.adapters.notify.http import address, post_json
from flyball.adapters.notify.tools import in_words
from flyball.core.codec import to_json, to_plain
from flyball.core.errors import SpecError, StoreError
from flyball.core.reason import Reason
from flyball.core.slug import slug
from flyball.journal.events import KINDS, Entry
from flyball.journal.explain import tell
from flyball.spec.file_address import file_in, is_file_address

_STRUCTURED = "application/cloudevents+json; charset=UTF-8"
_PATIENCE, _ONE_STEP = 8.0, 4.0  # seconds: for all that is told at once, and for one event


class CloudEvents:
    """`secret` turns `env:NAME` into what the variable holds, `sentence` reasons into words."""

    def __init__(
        self, *, folder: Path, secret: Callable[[str], str], sentence: Callable[[Reason], str], patience: float = _PATIENCE
    ) -> None:
        self._folder, self._secret, self._sentence, self._patience = folder, secret, sentence, patience

    def tell(self, where: str, entries: Sequence[Entry]) -> tuple[int, str]:
        """One request, or one line, for each."""
        if not entries:
            return 0, ""
        try:
            place = self._secret(where)
            if is_file_address(place):
                self._write(file_in(self._folder, place), entries)
                return len(entries), ""
            place = address(place)
        except (SpecError, OSError) as error:
            return 0, in_words(error)
        return self._post(place, entries)

    def _post(self, place: str, entries: Sequence[Entry]) -> tuple[int, str]:
        until = time.monotonic() + self._patience
        for number, entry in enumerate(entries):
            left = until - time.monotonic()
            if left <= 0:
                return number, f"it took {number} events in {self._patience:g} s"
            body = to_json(cloud_event(entry, self._sentence)).encode()
            try:
                post_json(place, body, seconds=min(_ONE_STEP, left), key=entry.hash, more={"content-type": _STRUCTURED})
            except (StoreError, SpecError) as error:
                return number, in_words(error)
        return len(entries), ""

    def _write(self, path: Path, entries: Sequence[Entry]) -> None:
        """A line each, durably; a line that a full disk cut off is ended first."""
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{to_json(cloud_event(entry, self._sentence))}\n" for entry in entries).encode()
        with path.open("a+b") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                lines = lines if file.read(1) == b"\n" else b"\n" + lines
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())


def cloud_event(entry: Entry, sentence: Callable[[Reason], str]) -> dict[str, object]:
    """The envelope and what happened. The id is the entry's hash, so that whoever hears it twice knows it."""
    told = tell(entry)
    version = told.version or None
    return {
        "specversion": "1.0",
        "id": entry.hash,
        "source": f"/flyball/{slug(entry.model)}",
        "type": f"flyball.{KINDS[type(entry.event)].replace(' ', '-')}",
        "subject": entry.model if version is None else f"{entry.model}@{version}",
        "time": entry.at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "sequence": f"{entry.seq:012d}",
        "data": {
            "model": entry.model,
            "seq": entry.seq,
            "actor": entry.actor,
            "action": told.action,
            "version": version,
            "code": told.reason.code,
            "reason": sentence(told.reason),
            "event": to_plain(entry.event),
        },
    }
