"""A model that was made elsewhere becomes champion once, is never doubled, and a borrowed one leaves its registry alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flyball.adapters.local.bundles import LocalBundles
from flyball.adapters.memory.deployments import MemoryDeployments
from flyball.adapters.memory.journal import MemoryJournal
from flyball.adapters.memory.registry import MemoryRegistry
from flyball.core.errors import RefusedError
from flyball.journal.events import Frozen
from flyball.journal.explain import about, tell
from flyball.journal.known import State
from flyball.loop.adopt import Examined, FrozenError, Shelf, Source, adopt, known_identities
from flyball.loop.deploy import external_moves, project_aliases
from flyball.registry.bundle import read_manifest
from flyball.registry.signing import load_key
from flyball.words.sentences import sentence
from served import MODEL, linear, manifest

T0 = datetime(2026, 1, 1, tzinfo=UTC)


class World:
    """The ports of an adoption, and of the aliases after it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry: Any = MemoryRegistry()
        self.shelf = Shelf(
            journal=MemoryJournal(),
            bundles=LocalBundles(folder / "bundles", folder / "key"),
            deployments=MemoryDeployments(clock=lambda: T0),
            key=load_key(folder / "key"),
        )

    def adopt(self, found: Examined, *, borrowed: bool = False, followed: str = "", now: datetime = T0) -> tuple[State, int]:
        return adopt(self.shelf, MODEL, found, work=self.folder, borrowed=borrowed, actor="ann", now=now, followed=followed)

    def freeze(self, until: datetime | None) -> None:
        events = [Frozen(reason="an audit", until=until)]
        self.shelf.journal.append(MODEL, events, expected=len(self.shelf.journal.read(MODEL)), actor="ann", at=T0)

    def examined(self, version: int, identity: str = "", *, known: bool = False) -> Examined:
        (self.folder / "model.onnx").write_bytes(linear([1.0, 0.0, 0.0], float(version)))
        (self.folder / "reference.json").write_bytes(b"{}")
        source = Source(
            asked=f"models:/{MODEL}@live",
            uri=f"models:/{MODEL}/{version}",
            name=MODEL,
            version=version,
            run_id="r",
            identity=identity or f"i{version}",
        )
        files = {name: str(self.folder / name) for name in ("model.onnx", "reference.json")}
        return Examined(source=source, manifest=None if known else manifest(), files=files, parity_rows=0, reference_rows=0, notes=())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_it_becomes_champion_and_servers_are_told(world: World) -> None:
    state, version = world.adopt(world.examined(7))
    assert (state.champion, version, state.previous) == (7, 7, None)
    deployed = world.shelf.deployments.current(MODEL)
    assert deployed is not None and deployed.champion == 7
    digest = deployed.bundles[7]
    assert read_manifest(world.shelf.bundles.path(digest), digest).model == MODEL
    told = [sentence(tell(entry).reason) for entry in world.shelf.journal.read(MODEL)]
    assert told == [
        f"version 7 was made elsewhere and adopted from models:/{MODEL}/7, engine onnx",
        f"ann adopted models:/{MODEL}@live, so version 7 answers",
    ]
    assert [one.action for one in about(world.shelf.journal.read(MODEL), 7)] == ["adopted", "promote"]
    assert not (world.folder / "bundle").exists()


def test_what_is_here_already_is_not_entered_twice(world: World) -> None:
    world.adopt(world.examined(7))
    state, version = world.adopt(world.examined(7, known=True))
    assert version == 7 and len(world.shelf.journal.read(MODEL)) == state.seq == 2
    assert known_identities(state) == {"i7": 7}
    with pytest.raises(RefusedError, match="nothing is known"):
        world.adopt(world.examined(8, known=True))


def test_a_name_that_moves_on_and_back_moves_the_champion(world: World) -> None:
    world.adopt(world.examined(1), borrowed=True)
    state, _ = world.adopt(world.examined(2), borrowed=True, followed="models:/x@live")
    assert (state.champion, state.previous) == (2, 1)
    state, _ = world.adopt(world.examined(1, known=True), borrowed=True, followed="models:/x@live")
    assert (state.champion, state.previous, len(state.versions)) == (1, 2, 2)
    assert "means version 1 now" in sentence(tell(world.shelf.journal.read(MODEL)[-1]).reason)


@pytest.mark.parametrize("followed", ["models:/x@live", ""])
def test_nothing_moves_the_champion_while_the_loop_is_frozen(world: World, followed: str) -> None:
    world.adopt(world.examined(1), borrowed=True)
    world.freeze(T0 + timedelta(hours=1))
    before = world.shelf.journal.read(MODEL)
    with pytest.raises(FrozenError, match=r"frozen until 2026-01-01 01:00 UTC \(an audit\)"):
        world.adopt(world.examined(2), borrowed=True, followed=followed)
    assert world.shelf.journal.read(MODEL) == before
    assert world.adopt(world.examined(1, known=True), borrowed=True, followed=followed)[0].champion == 1
    later = T0 + timedelta(hours=1)
    assert world.adopt(world.examined(2), borrowed=True, followed=followed, now=later)[0].champion == 2


def test_the_first_model_may_come_while_the_loop_is_frozen(world: World) -> None:
    world.freeze(None)
    assert world.adopt(world.examined(1))[0].champion == 1


def test_a_model_of_no_registry_gets_the_next_number(world: World) -> None:
    assert world.adopt(world.examined(0, "first"))[1] == 1
    assert world.adopt(world.examined(0, "second"))[1] == 2


def test_another_model_under_the_same_number_is_refused(world: World) -> None:
    world.adopt(world.examined(7))
    with pytest.raises(RefusedError, match="here already"):
        world.adopt(world.examined(7, "another"))


def test_only_an_adopted_model_shows_in_its_registry(world: World, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    world.registry.register(MODEL, "r", tmp_path / "made", identity="i", tags={})
    world.registry.set_alias(MODEL, "champion", 1)
    state, _ = world.adopt(world.examined(2), borrowed=True)
    ports: Any = world
    assert project_aliases(ports, state) == "" and external_moves(ports, state) == []
    assert world.registry.aliases(MODEL) == {"champion": 1}
    other = World(tmp_path / "other")
    (tmp_path / "other").mkdir(exist_ok=True)
    other.registry = world.registry
    state, _ = other.adopt(other.examined(1))
    ports = other
    world.registry.set_alias(MODEL, "champion", None)
    assert project_aliases(ports, state) == ""
    assert world.registry.aliases(MODEL) == {"champion": 1}
