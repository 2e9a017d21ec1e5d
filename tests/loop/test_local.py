"""A machine that was rolled back by itself: what is refused, and what the journal makes of it when it answers again."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

import versions
from flyball.adapters.memory.deployments import MemoryDeployments
from flyball.adapters.memory.journal import MemoryJournal
from flyball.core.errors import IntegrityError, NotFoundError, RefusedError, StoreError
from flyball.core.reason import because
from flyball.journal.events import Event, Promoted, Registered, RolledBack
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.deploy import deployment_of
from flyball.loop.local import meant, roll_back_here, settle_local
from flyball.serving.local import LocalRollback, as_served, last_served, read_local, remember, write_local
from flyball.spec.load import load_spec
from flyball.words.sentences import sentence
from scored import airport
from served import MODEL, Site

T0 = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Ports:
    """What settling uses of a world."""

    journal: MemoryJournal
    deployments: MemoryDeployments

    def append(self, *events: Event, at: datetime = T0) -> None:
        entries = self.journal.read(MODEL)
        self.journal.append(MODEL, list(events), expected=len(entries), actor="a", at=at)

    @property
    def state(self) -> State:
        return fold(MODEL, self.journal.read(MODEL))


def registered(version: int, bundle: str) -> Registered:
    return versions.registered(version, bundle=bundle)


def promoted(version: int, replaced: int | None) -> Promoted:
    return Promoted(version=version, replaced=replaced, reason=because("x"), forced=False, watch_until=None)


@pytest.fixture
def town(tmp_path: Path) -> Site:
    return airport(tmp_path / "town")


@pytest.fixture
def ports(town: Site) -> Ports:
    made = Ports(MemoryJournal(), MemoryDeployments(clock=lambda: T0))
    for version, replaced in ((1, None), (2, 1)):
        made.append(registered(version, town.digests[version]), promoted(version, replaced))
    remember(town.folder / ".flyball", deployment_of(made.state), "w0")
    return made


def back(town: Site, at: datetime = T0 + DAY) -> LocalRollback:
    return roll_back_here(town.bundles, town.folder, MODEL, reason="wrong prices", actor="ann", now=at)


def settle(town: Site, ports: Ports) -> list[Any]:
    state, entries = settle_local(cast(Any, ports), load_spec(town.folder), ports.state, [])
    assert state.seq == len(ports.journal.read(MODEL))
    return entries


def test_a_rollback_here_is_served_as_long_as_the_same_champion_is_deployed(town: Site, ports: Ports) -> None:
    local = back(town)
    assert read_local(town.folder / ".flyball") == local
    deployed = replace(deployment_of(ports.state), challenger=3, challenger_share=0.3, shadow=(3,), watched=True)
    served = as_served(deployed, local)
    assert (served.champion, served.challenger, served.challenger_share, served.shadow) == (1, None, 0.0, ())
    assert served.local and not served.watched and served.guardrails is None
    assert as_served(replace(deployed, champion=3), local) == replace(deployed, champion=3)
    assert as_served(deployed, None) == deployed and as_served(deployed, replace(local, model="another")) == deployed


def test_who_promotes_the_version_again_later_is_obeyed_where_no_tick_runs_too(town: Site, ports: Ports) -> None:
    local = back(town)
    assert as_served(deployment_of(ports.state), local).champion == 1
    ports.append(RolledBack(version=2, to=1, reason=because("x"), evidence={}), at=T0 + DAY)
    ports.append(promoted(2, 1), at=T0 + 2 * DAY)
    again = deployment_of(ports.state)
    assert as_served(again, local) == again and again.champion == 2
    remember(town.folder / ".flyball", again, "w0")
    later = back(town, T0 + 3 * DAY)
    assert as_served(again, later).champion == 1, "and can be given up here again"


def test_what_cannot_be_rolled_back_here_is_refused_and_says_why(town: Site, ports: Ports, tmp_path: Path) -> None:
    back(town)
    with pytest.raises(RefusedError, match="already: version 1 answers in the place of 2"):
        back(town)
    (town.folder / ".flyball" / "rollback.json").write_bytes(b"half a f")
    model = town.bundles.path(town.digests[1]) / "model.onnx"
    content = model.read_bytes()
    model.chmod(0o600)
    model.write_bytes(content[:-1] + b"x")
    with pytest.raises(IntegrityError, match="differs from what was signed"):
        back(town)
    model.write_bytes(content)
    state = town.folder / ".flyball"
    served = last_served(state)
    assert served is not None
    remember(state, replace(served, previous=None), "w0")
    with pytest.raises(RefusedError, match="no previous champion"):
        back(town)
    with pytest.raises(NotFoundError, match="has served from"):
        roll_back_here(town.bundles, tmp_path, MODEL, reason="", actor="ann", now=T0)


def test_the_journal_learns_who_did_it_when_and_why_and_servers_follow_it_again(town: Site, ports: Ports) -> None:
    back(town)
    (entry,) = settle(town, ports)
    assert isinstance(entry.event, RolledBack) and (entry.event.version, entry.event.to) == (2, 1)
    assert (entry.actor, entry.at) == ("ann", T0 + DAY)
    assert sentence(entry.event.reason) == "version 1 took the place of version 2 on one machine by itself, by ann: wrong prices"
    assert "回滚到版本 1" in sentence(entry.event.reason, "zh")
    assert ports.state.champion == 1 and read_local(town.folder / ".flyball") is None
    deployed = ports.deployments.current(MODEL)
    assert deployed is not None and (deployed.champion, deployed.local) == (1, False)
    assert settle(town, ports) == []


def test_a_tick_that_died_between_journal_and_file_writes_it_once(town: Site, ports: Ports) -> None:
    local = back(town)
    settle(town, ports)
    ports.append(promoted(2, 1), at=T0 + 2 * DAY)
    write_local(town.folder / ".flyball", local)
    assert meant(ports.state, ports.journal.read(MODEL), local) == "written"
    assert settle(town, ports) == [] and ports.state.champion == 2
    assert read_local(town.folder / ".flyball") is None


def test_the_journal_has_the_last_word_where_it_says_something_newer(town: Site, ports: Ports) -> None:
    """Another version was promoted meanwhile, or the same again, after it was given up here."""
    local = back(town)
    ports.append(registered(3, town.digests[3]), promoted(3, 2), at=T0 + DAY)
    assert meant(ports.state, ports.journal.read(MODEL), local) == "overtaken"
    assert settle(town, ports) == [] and ports.state.champion == 3
    assert read_local(town.folder / ".flyball") is None
    again = replace(local, version=3, to=2)
    write_local(town.folder / ".flyball", again)
    ports.append(RolledBack(version=3, to=2, reason=because("x"), evidence={}), promoted(3, 2), at=T0 + 2 * DAY)
    assert settle(town, ports) == [] and ports.state.champion == 3
    assert read_local(town.folder / ".flyball") is None


def test_an_empty_journal_in_the_place_of_a_lost_one_does_not_bring_back_what_was_given_up(town: Site, ports: Ports) -> None:
    local = back(town)
    empty = Ports(MemoryJournal(), MemoryDeployments(clock=lambda: T0))
    assert meant(empty.state, [], local) == "unknown"
    assert settle(town, empty) == [] and read_local(town.folder / ".flyball") == local
    assert len(settle(town, ports)) == 1


def test_a_database_that_goes_away_again_leaves_it_to_the_next_tick(town: Site, ports: Ports) -> None:
    back(town)
    whole = ports.journal

    class Gone:
        def read(self, model: str) -> Any:
            raise StoreError("the database does not answer")

    state = ports.state
    ports.journal = cast(Any, Gone())
    assert settle_local(cast(Any, ports), load_spec(town.folder), state, []) == (state, [])
    assert read_local(town.folder / ".flyball") is not None
    ports.journal = whole
    assert len(settle(town, ports)) == 1
