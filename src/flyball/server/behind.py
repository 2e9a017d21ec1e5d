"""Versions that another server answers for: whether it does, asked now and then by whoever asks for this server's health."""

import asyncio
from typing import Protocol, cast

from flyball.serving.deployment import LiveModel


class Watched(Protocol):
    """An engine that knows how the server behind it is."""

    trouble: str

    async def probe(self) -> None:
        """Find out how it is, unless that was found out a moment ago."""
        ...


async def behind(live: LiveModel) -> None:
    """Find out how the servers behind the versions are."""
    await asyncio.gather(*(one.probe() for one in _watched(live).values()))


def states(live: LiveModel) -> dict[str, object]:
    """How the server behind each version was when it was asked last; nothing for versions that are here."""
    return {str(number): {"answers": not one.trouble, "error": one.trouble or None} for number, one in _watched(live).items()}


def troubles(live: LiveModel) -> dict[int, str]:
    """What was wrong the last time with servers that do not answer."""
    return {number: one.trouble for number, one in _watched(live).items() if one.trouble}


def _watched(live: LiveModel) -> dict[int, Watched]:
    return {number: cast(Watched, one.engine) for number, one in sorted(live.versions.items()) if one.ask_async is not None}
