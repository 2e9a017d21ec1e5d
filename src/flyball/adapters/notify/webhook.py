"""The receiver `webhook`: the whole notification as a JSON document (docs/alerts.md describes it)."""

from flyball.adapters.notify.http import address, post_json
from flyball.adapters.notify.text import document
from flyball.adapters.notify.tools import Tools
from flyball.alerting.records import Parcel
from flyball.core.codec import to_json


def deliver(parcel: Parcel, tools: Tools) -> None:
    """POST it. The id is also the `Idempotency-Key`, by which a receiver knows a repetition."""
    body = to_json(document(parcel.notification, tools.language)).encode()
    post_json(address(tools.secret(parcel.receiver.url)), body, seconds=tools.seconds, key=parcel.notification.id)
