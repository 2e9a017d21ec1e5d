"""The receiver `log`: one line where people watch the loop, or one line of JSON added to a file of the project."""

import os

from flyball.adapters.notify.text import clean, document, lines, title
from flyball.adapters.notify.tools import Tools
from flyball.alerting.records import Parcel
from flyball.core.codec import to_json
from flyball.core.errors import StoreError

_MOST = 5


def deliver(parcel: Parcel, tools: Tools) -> None:
    """Write it down, in one piece."""
    if not parcel.receiver.file:
        said = " | ".join([title(parcel.notification, tools.language), *lines(parcel.notification, tools.language, most=_MOST)])
        tools.echo(f"{parcel.notification.at:%Y-%m-%d %H:%M}  {clean(said, 2000)}")
        return
    path = tools.folder / parcel.receiver.file
    line = to_json(document(parcel.notification, tools.language)).encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.write(file, line) != len(line):
                raise StoreError("the disk took only a part of the line")
        finally:
            os.close(file)
    except OSError as error:
        raise StoreError(f"the file cannot be written: {error.strerror}") from None
