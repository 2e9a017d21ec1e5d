"""What a receiver is called: to the outbox (`receiver_id`) and to people (`receiver_name`), without anything that must stay secret."""

from urllib.parse import urlsplit

from flyball.core.codec import to_plain
from flyball.core.digest import sha256_json
from flyball.spec.records import Receiver


def receiver_id(receiver: Receiver) -> str:
    """The same for the same line of the spec, wherever it stands there; another for one that would reach somebody else."""
    return f"{receiver.kind}-{sha256_json(to_plain(receiver))[:16]}"


def receiver_name(receiver: Receiver) -> str:
    """Kind and place. The path of a webhook's address is as good as a password, so only scheme and host are shown.

    >>> receiver_name(Receiver(kind="slack", url="https://hooks.example.com/services/T0/B0/secret"))
    'slack https://hooks.example.com'
    """
    if receiver.kind == "log":
        return f"log {receiver.file or 'stderr'}"
    if receiver.kind == "email":
        more = f" and {len(receiver.recipients) - 1} more" if len(receiver.recipients) > 1 else ""
        return f"email {receiver.recipients[0]}{more}"
    return f"{receiver.kind} {place_of(receiver.url)}"


def place_of(url: str) -> str:
    """Scheme, host and port of an address; the name of a variable as it stands."""
    if url.startswith("env:"):
        return url
    try:
        split = urlsplit(url)
        port = f":{split.port}" if split.port else ""
    except ValueError:
        return "an address that cannot be read"
    host = f"[{split.hostname}]" if split.hostname and ":" in split.hostname else split.hostname
    return f"{split.scheme}://{host}{port}"
