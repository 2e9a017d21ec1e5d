"""Any error as status, message and headers, for a protocol to put into its own shape."""

import re
from typing import NamedTuple

import msgspec

from flyball.server.answers import Headers, error_reply, log_fault

_ROW = re.compile(r"features\[(\d+)\]\.?")


class Refusal(NamedTuple):
    """Why a request is not answered: the status the native routes would give, and what was wrong in which field."""

    status: int
    message: str
    field: str
    headers: Headers


def refusal(error: Exception) -> Refusal:
    """An error as it may be told; of one that nobody foresaw nothing but that it happened: the log says why."""
    reply = error_reply(error)
    log_fault(error, reply.status)
    said: dict[str, str] = msgspec.json.decode(reply.body)
    message, field = said["error"], said.get("field", "")
    row = _ROW.match(field)
    if row is not None and not message.startswith("features["):  # several rows: the field says in which
        message = f"row {row[1]}: {message}"
    return Refusal(reply.status, message, field, reply.headers)
