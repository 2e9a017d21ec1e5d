"""Hot swap: all or nothing, a bad version never serves, and the table is told."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from flyball.core.errors import IntegrityError, StoreError
from flyball.ports.serving import BundleStore
from flyball.server.again import Again
from flyball.serving.records import Deployment, Swap
from flyball.serving.traffic import variant_of
from served import BREAKS, MIXED, MODEL, Served, Site, linear, mixed

Play = Callable[..., Any]
ROW = {"hour": 3, "temp": 1.0, "rain": True}


def test_a_swap_changes_the_version_between_two_answers(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        assert (await served.post("/predict", {"features": ROW})).json()["version"] == 1
        made.add(2, linear([0.0, -0.5, -1.0], 0.0))
        made.deploy(2)
        await served.look()
        answer = (await served.post("/predict", {"features": ROW})).json()
        assert (answer["version"], answer["prediction"]) == (2, 0)
        assert made.ports.deployments.workers(MODEL) == {"w0": (2, "")}

    play(story)


def test_versions_already_in_memory_are_not_loaded_again(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        before = served.app.reloader.live
        made.add(2, linear([0.0, 0.0, 0.0], 0.0))
        made.deploy(1, shadow=(2,))
        await served.look()
        live = served.app.reloader.live
        assert live is not None and before is not None and live.champion is before.champion and set(live.versions) == {1, 2}

    play(story)


def test_a_version_that_fails_verification_never_serves_and_is_told(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        corrupt(made, made.add(2, linear([0.0, 0.0, 0.0], 0.0)))
        made.deploy(2)
        await served.look()
        assert (await served.post("/predict", {"features": ROW})).json()["version"] == 1
        health = (await served.get("/health")).json()
        assert health["status"] == "healthy" and "refused" in health["error"] and health["version"] == 1
        assert 'flyball_swaps_total{result="refused"} 1' in (await served.get("/metrics")).text
        seq, error = made.ports.deployments.workers(MODEL)["w0"]
        assert seq == 1 and "deployment 2" in error
        made.add(3, linear([0.0, 0.0, 0.0], 0.0))
        made.deploy(3)
        await served.look()
        assert (await served.post("/predict", {"features": ROW})).json()["version"] == 3
        assert (await served.get("/health")).json()["error"] is None

    play(story)


def test_what_cannot_be_loaded_is_refused_with_its_reason(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        def refused(words: str) -> None:
            assert words in served.app.reloader.error
            assert served.app.reloader.live is not None and served.app.reloader.live.champion.version == 1

        made.digests[2] = "0" * 64
        made.deploy(2)
        await served.look()
        refused("deployment 2 was refused")
        made.add(3, b"not a model")
        made.deploy(3)
        await served.look()
        refused("not ONNX")
        made.add(4, linear([0.0, math.inf, 0.0], 0.0, regression=True), task="regression", classes=())
        made.deploy(4)
        await served.look()
        refused("not a finite number")
        made.add(5, linear([0.0, 0.0, 0.0], 0.0), model="another")
        made.deploy(5)
        await served.look()
        refused("another model")
        made.add(6, b"", engine="native")
        made.deploy(6)
        await served.look()
        refused("could not be compiled")
        categorical = MIXED.columns[1]
        other = type(MIXED)(columns=(MIXED.columns[0], categorical, type(categorical)(name="rain", kind="category", nullable=False)))
        made.add(7, mixed(0.0, {"AA": 1.0}), schema=other)
        made.deploy(1, shadow=(7,))
        await served.look()
        refused("version 7 is left out: model.onnx does not fit its schema")
        assert served.app.reloader.live is not None and served.app.reloader.live.shadows == ()

    play(story)


def test_a_unit_is_assigned_anew_when_the_deployment_changes(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, -0.5, -1.0], 0.0))
    units = [f"u{number}" for number in range(60)]

    async def story(served: Served) -> None:
        for share in (0.0, 0.3, 0.9, 0.3, 0.0):
            deployment = made.deploy(1, challenger=2, share=share)
            await served.look()
            for _ in range(2):
                answered = [(await served.post("/predict", {"features": ROW, "unit": unit})).json()["variant"] for unit in units]
                assert answered == [variant_of(deployment, unit, "") for unit in units]

    play(story)


def corrupt(made: Site, digest: str) -> None:
    model = made.bundles.path(digest) / "model.onnx"
    model.chmod(0o600)
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(bytes(content))


def test_a_champion_serves_without_a_corrupt_shadow_and_a_challenger_of_untrusted_code(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, -0.5, -1.0], 0.0))
    corrupt(made, made.add(3, linear([0.0, 0.1, 0.0], 0.0)))
    made.add(4, b"", engine="native")
    made.add(5, linear([0.0, 0.2, 0.0], 0.0))
    champion = 2

    async def served_well(served: Served) -> None:
        answers = [(await served.post("/predict", {"features": ROW, "unit": f"u{number}"})).json() for number in range(20)]
        assert {(answer["version"], answer["variant"]) for answer in answers} == {(champion, "champion")}
        health = (await served.get("/health")).json()
        assert health["status"] == "healthy" and health["deployment"] == made.seq
        assert health["versions"] == {"champion": champion, "challenger": 4, "shadow": [3, 5], "left_out": [3, 4]}
        assert "version 3 is left out" in health["error"] and "version 4 is left out" in health["error"]
        assert health["reason"].startswith(f"version {champion} answers; version 3 is left out")
        assert (await served.get("/health/ready")).status_code == 200
        page = (await served.get("/metrics")).text
        assert 'flyball_versions_left_out_total{version="3"} 1' in page and 'flyball_versions_left_out_total{version="4"} 1' in page
        deployment = made.ports.deployments.current(MODEL)
        assert deployment is not None
        fallbacks = sum(variant_of(deployment, f"u{number}", "") == "challenger" for number in range(20))
        assert fallbacks > 0 and f"model_fallbacks_total {fallbacks}" in page
        assert 'flyball_serving_version{role="challenger"' not in page and 'flyball_serving_version{role="shadow",version="5"} 1' in page
        seq, error = made.ports.deployments.workers(MODEL)["w0"]
        assert seq == made.seq and "version 3 is left out" in error and "could not be compiled" in error

    async def published(served: Served) -> None:
        nonlocal champion
        assert (await served.post("/predict", {"features": ROW})).json()["version"] == 1
        made.deploy(2, challenger=4, share=0.5, shadow=(3, 5))
        await served.look()
        await served_well(served)

    async def rolled_back(served: Served) -> None:
        nonlocal champion
        champion = 1
        made.deploy(1, challenger=4, share=0.5, shadow=(3, 5))
        await served.look()
        assert (await served.post("/predict", {"features": ROW})).json()["version"] == 1
        made.deploy(1)
        await served.look()
        assert (await served.get("/health")).json()["error"] is None
        assert made.ports.deployments.workers(MODEL)["w0"] == (made.seq, "")

    play(published)
    play(served_well)  # a restart with them
    play(rolled_back)


def test_a_version_that_only_sometimes_fails_is_taken_up(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        made.add(2, linear(BREAKS, 0.0))
        made.deploy(2)
        await served.look()
        assert (await served.post("/predict", {"features": {**ROW, "temp": 0.5}})).status_code == 200
        answer = await served.post("/predict", {"features": {**ROW, "temp": 5.0}})
        assert answer.status_code == 500 and "not a finite number" in answer.json()["error"]

    play(story)


class Gone:
    """A deployments table that does not answer."""

    def prepare(self, deployment: Deployment, *, within: timedelta) -> None:
        raise StoreError("the database does not answer")

    def pending(self, model: str) -> Swap | None:
        raise StoreError("the database does not answer")

    def ready(self, model: str, worker: str, seq: int, error: str = "") -> None:
        raise StoreError("the database does not answer")

    def commit(self, model: str, seq: int) -> None:
        raise StoreError("the database does not answer")

    def current(self, model: str) -> Deployment | None:
        raise StoreError("the database does not answer")

    def publish(self, deployment: Deployment) -> None:
        raise StoreError("the database does not answer")

    def acknowledge(self, model: str, worker: str, seq: int, error: str = "") -> None:
        raise StoreError("the database does not answer")

    def workers(self, model: str) -> Mapping[str, tuple[int, str]]:
        raise StoreError("the database does not answer")


def test_a_start_without_the_table_serves_the_last_known_deployment_and_says_so(play: Play, made: Site) -> None:
    async def well(served: Served) -> None:
        assert (await served.post("/predict", {"features": ROW})).json()["version"] == 1

    async def without(served: Served) -> None:
        assert (await served.post("/predict", {"features": ROW})).json()["version"] == 1
        health = (await served.get("/health")).json()
        assert health["stale"] is True and "last known deployment" in health["reason"]
        assert "flyball_deployment_stale 1" in (await served.get("/metrics")).text

    play(well)
    made.ports = replace(made.ports, deployments=Gone())
    play(without)


def test_losing_the_table_changes_nothing_for_predictions(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        served.app.reloader._ports = replace(made.ports, deployments=Gone())
        await served.look()
        assert (await served.post("/predict", {"features": ROW})).json()["version"] == 1
        assert (await served.get("/health")).json()["stale"] is True
        assert "does not answer" in (await served.get("/health")).json()["error"]
        served.app.reloader._ports = made.ports
        await served.look()
        health = (await served.get("/health")).json()
        assert (health["stale"], health["error"], health["reason"]) == (False, None, "version 1 answers")

    play(story)


class ReadOnly:
    """A deployments table that can be read and not be written."""

    def __init__(self, site: Site) -> None:
        self._real = site.ports.deployments

    def prepare(self, deployment: Deployment, *, within: timedelta) -> None:
        raise StoreError("the disk is full")

    def pending(self, model: str) -> Swap | None:
        return self._real.pending(model)

    def ready(self, model: str, worker: str, seq: int, error: str = "") -> None:
        raise StoreError("the disk is full")

    def commit(self, model: str, seq: int) -> None:
        raise StoreError("the disk is full")

    def current(self, model: str) -> Deployment | None:
        return self._real.current(model)

    def publish(self, deployment: Deployment) -> None:
        raise StoreError("the disk is full")

    def acknowledge(self, model: str, worker: str, seq: int, error: str = "") -> None:
        raise StoreError("the disk is full")

    def workers(self, model: str) -> Mapping[str, tuple[int, str]]:
        return self._real.workers(model)


def test_a_table_that_cannot_be_written_is_told_and_forgotten_when_it_can(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        made.deploy(1)
        served.app.reloader._ports = replace(made.ports, deployments=ReadOnly(made))
        await served.look()
        health = (await served.get("/health")).json()
        assert (health["stale"], health["error"], health["deployment"]) == (False, "the disk is full", 2)
        assert "cannot be told" in health["reason"]
        served.app.reloader._ports = made.ports
        await served.look()
        assert (await served.get("/health")).json()["error"] is None
        assert made.ports.deployments.workers(MODEL)["w0"] == (2, "")

    play(story)


class Away:
    """Bundles that cannot be had for a while."""

    def __init__(self, real: BundleStore) -> None:
        self._real, self.away = real, True

    def path(self, digest: str) -> Path:
        if self.away:
            raise StoreError("the database does not answer")
        return self._real.path(digest)

    def put(self, folder: Path) -> str:
        return self._real.put(folder)


def without_bundles(made: Site, served: Served) -> Away:
    away = Away(made.ports.bundles)
    served.app.reloader._ports = replace(made.ports, bundles=away)
    return away


async def until(served: Served, version: int) -> None:
    for _ in range(600):
        await served.look()
        if (await served.post("/predict", {"features": ROW})).json()["version"] == version:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(served.app.reloader.error)


def test_a_bundle_that_a_store_did_not_give_is_asked_for_again(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        away = without_bundles(made, served)
        made.add(2, linear([0.0, 0.0, 0.0], 0.0))
        made.deploy(2)
        await served.look()
        assert "deployment 2 was refused: the database does not answer" in served.app.reloader.error
        away.away = False
        await until(served, 2)
        assert served.app.reloader.error == ""

    play(story)


def test_what_is_being_prepared_is_tried_again_and_becomes_current(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        away = without_bundles(made, served)
        made.add(2, linear([0.0, 0.0, 0.0], 0.0))
        current = made.ports.deployments.current(MODEL)
        assert current is not None
        following = replace(current, seq=2, champion=2, bundles=dict(made.digests))
        made.ports.deployments.prepare(following, within=timedelta(seconds=30))
        await served.look()
        swap = made.ports.deployments.pending(MODEL)
        assert swap is not None and "the database does not answer" in swap.failed["w0"]
        away.away = False
        await until(served, 2)
        assert made.ports.deployments.pending(MODEL) is None

    play(story)


def test_a_challenger_that_a_store_did_not_give_takes_part_later(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        away = without_bundles(made, served)
        made.add(2, linear([0.0, 0.0, 0.0], 0.0))
        made.deploy(1, challenger=2, share=0.5)
        for _ in range(2):
            await served.look()
            live = served.app.reloader.live
            assert live is not None and set(live.left_out) == {2}
        away.away = False
        for _ in range(600):
            await served.look()
            if not served.app.reloader.error:
                break
            await asyncio.sleep(0.05)
        live = served.app.reloader.live
        assert live is not None and set(live.versions) == {1, 2}

    play(story)


def test_attempts_become_rarer_and_what_cannot_pass_is_never_tried_again() -> None:
    again = Again()
    waited = []
    for _ in range(9):
        again.failed(StoreError("away"), 0.0)
        waited.append(next(seconds for seconds in range(100) if again.due(seconds)))
        again.begin(afresh=False)
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60, 60] and not again.due(1e9)
    again.begin(afresh=True)
    again.failed(IntegrityError("another signature"), 0.0)
    assert not again.due(1e9)
    again.failed(OSError("full"), 0.0)
    assert again.due(1.0)
