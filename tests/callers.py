"""Clients that ask a server all the time, on connections they keep or on a new one for each request, and say what failed."""

import asyncio
import json
import re
import time
from dataclasses import dataclass, field


@dataclass
class Calls:
    """What came of all requests. A connection that was refused is no failure of a request; one that was sent and not answered is."""

    versions: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    refused: int = 0


async def call(
    url: str,
    ask: bytes,
    seconds: float,
    *,
    keeping: int = 8,
    fresh: int = 0,
    enough: asyncio.Event | None = None,
    into: Calls | None = None,
) -> Calls:
    """Ask for so long, or until `enough`, or until connections are refused; `keeping` clients keep their connection, `fresh` do not.

    What comes is added to `into` while it comes, for who wants to look meanwhile.
    """
    until, enough = time.monotonic() + seconds, enough or asyncio.Event()
    calls = Calls() if into is None else into
    await asyncio.gather(*(_one(url, ask, until, enough, calls, keep=number < keeping) for number in range(keeping + fresh)))
    return calls


async def _one(url: str, ask: bytes, until: float, enough: asyncio.Event, calls: Calls, *, keep: bool) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    close = "" if keep else "Connection: close\r\n"
    head = f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{close}Content-Length: {len(ask)}\r\n\r\n".encode()
    while time.monotonic() < until and not enough.is_set():
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
        except ConnectionRefusedError:
            calls.refused += 1
            return
        except OSError as error:
            calls.failures.append(f"connecting: {error!r}")
            return
        number = 0
        try:
            while time.monotonic() < until and not enough.is_set():
                writer.write(head + ask)
                number += 1
                answer = await reader.readuntil(b"\r\n\r\n")
                content = await reader.readexactly(int(re.findall(rb"(?i)content-length: (\d+)", answer)[0]))
                if answer.startswith(b"HTTP/1.1 200"):
                    told = json.loads(content)
                    calls.versions.append(told["version"])
                    calls.ids.append(told["prediction_id"])
                else:
                    calls.failures.append(content.decode())
                if not keep or b"connection: close" in answer.lower():
                    break
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            calls.failures.append(f"request {number} of a {'kept' if keep else 'fresh'} connection: {error!r}")
        finally:
            writer.close()
