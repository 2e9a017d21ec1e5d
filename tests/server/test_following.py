"""What a server follows when something breaks in between: a table that is away at the wrong moment, a load that fails in a new way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from flyball.core.errors import StoreError
from flyball.serving.local import LocalRollback, remove_local, write_local
from flyball.serving.records import Deployment
from served import MODEL, Served, Site, linear

Play = Callable[..., Any]
ROW = {"hour": 3, "temp": 1.0, "rain": True}


class Locked:
    """A deployments table that cannot be read just now."""

    def __init__(self, whole: Any) -> None:
        self._whole = whole

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def current(self, model: str) -> Deployment | None:
        raise StoreError("the database is locked")


def test_a_rollback_of_this_machine_is_let_go_only_when_the_table_has_been_read(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, -0.5, -1.0], 0.0))

    async def story(served: Served) -> None:
        made.deploy(2, previous=1)
        await served.look()
        state = made.folder / ".flyball"
        write_local(state, LocalRollback(model=MODEL, version=2, to=1, seq=made.seq, reason="r", actor="a", at=datetime.now(UTC)))
        await served.look()
        made.deploy(1)  # the tick publishes the rollback, then removes the file
        reloader, whole = served.app.reloader, made.ports
        reloader._ports = replace(whole, deployments=cast(Any, Locked(whole.deployments)))
        remove_local(state)
        for _ in range(3):
            await served.look()
            answer = (await served.post("/predict", {"features": ROW})).json()
            assert answer["version"] == 1, "what was given up does not come back while nobody knows"
            assert reloader.local is not None and (await served.get("/health")).json()["local"] is True
        reloader._ports = whole
        await served.look()
        assert reloader.local is None and (await served.get("/health")).json()["local"] is False
        assert (await served.post("/predict", {"features": ROW})).json()["version"] == 1

    play(story)


def test_a_load_that_breaks_in_a_way_nobody_foresaw_is_refused_told_and_tried_with_the_next_deployment(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, -0.5, -1.0], 0.0))

    async def story(served: Served) -> None:
        reloader = served.app.reloader
        load = reloader._load

        def broken(deployment: Deployment, *rest: Any) -> Any:
            if deployment.champion == 2 and deployment.seq < 3:
                raise RuntimeError("cannot schedule new futures")
            return load(deployment, *rest)

        reloader._load = broken  # type: ignore[method-assign, assignment]  # what no bundle can be made to do
        made.deploy(2)
        await served.look()
        state = (await served.get("/health")).json()
        assert state["error"] == "deployment 2 was refused: it cannot be taken up (RuntimeError)" and state["version"] == 1
        assert made.ports.deployments.workers(MODEL)["w0"] == (1, state["error"])
        assert (await served.post("/predict", {"features": ROW})).json()["version"] == 1
        made.deploy(2)
        await served.look()
        assert (await served.post("/predict", {"features": ROW})).json()["version"] == 2
        assert (await served.get("/health")).json()["error"] is None

    play(story)
