"""The bare request: our connection, decoder, engine and encoder, and nothing that a model in production needs besides.

`python -m bench.serving.bare SETTINGS`: one process; no split, no identity, no log, no metrics. The difference to the whole server is what
these cost.
"""

import gc
import socket
import sys
from typing import Any, cast

import uvicorn

from flyball.server.app import make_app
from flyball.server.memory import be_frugal
from flyball.server.protocol import protocol_for
from flyball.server.reload import Reloader
from flyball.server.settings import settings_from_json
from flyball.serving.codecs import answer_parts, encode_float
from flyball.serving.deployment import LiveModel
from flyball.wiring import server_ports

_NAME = b"0" * 26


class BareLane:
    """The short way of a binary model with one version: bytes to bytes."""

    gathers = False

    def __init__(self, live: LiveModel) -> None:
        self.live = live
        version, decode, single = live.champion, live.contract.shape.one, live.contract.shape.single
        score_one = version.engine.score_one
        no, yes = (answer_parts(live.model, version.version, "champion", label=label) for label in version.manifest.classes)

        def answer(body: bytes) -> bytes | None:
            row = single(body, decode(body))
            if row is None:
                return None
            score = score_one(row)
            number, (start, middle) = (score, yes) if score >= 0.5 else (1.0 - score, no)
            return b"".join((start, encode_float(number), middle, _NAME, b'"}'))

        self.answer = answer


class BarePredictor:
    """Stands where the predictor stands; the general way is closed, so that nothing but the short way is ever measured."""

    def __init__(self, reloader: Reloader) -> None:
        self._reloader = reloader
        self._lane: BareLane | None = None

    @property
    def lane(self) -> BareLane:
        """The short way through what serves."""
        live = self._reloader.live
        if self._lane is None or live is not self._lane.live:
            assert live is not None
            self._lane = BareLane(live)
        return self._lane

    def quick(self, body: bytes) -> bytes | None:
        """The first request of a connection."""
        return self.lane.answer(body)

    def at_once(self, body: bytes) -> bytes | None:
        """What the lane would not answer."""
        raise NotImplementedError

    async def answer(self, body: bytes) -> bytes:
        """What came through the application."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is open."""


class _Server(uvicorn.Server):
    """uvicorn with the garbage collector set as in our workers."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)


def main() -> None:
    """Serve until told to stop."""
    be_frugal()
    settings = settings_from_json(sys.argv[1].encode())
    app = make_app(settings, server_ports(settings.folder))
    app.predictor = app.models.first.predictor = cast(Any, BarePredictor(app.reloader))
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=protocol_for(app),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=2048,
    )
    listener = socket.create_server((settings.host, settings.port), backlog=2048)
    _Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
