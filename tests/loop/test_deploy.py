"""What serves follows from the journal; the registry's aliases follow after."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import versions
from flyball.adapters.memory.deployments import MemoryDeployments
from flyball.adapters.memory.journal import MemoryJournal
from flyball.adapters.memory.registry import MemoryRegistry
from flyball.core.errors import NotFoundError, StoreError
from flyball.core.reason import because
from flyball.journal.events import Entry, Event, Promoted, Registered, RolledBack, RolloutStarted, Staged
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.deploy import deployment_of, external_moves, project_aliases, publish
from flyball.spec.records import Guardrails
from rollouts import spec_of

T0 = datetime(2026, 1, 1, tzinfo=UTC)
WHY = because("x")


class Ports:
    """The ports these functions use, in memory."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.deployments = MemoryDeployments(clock=lambda: T0)
        self.registry: Any = MemoryRegistry()


def registered(version: int) -> Registered:
    return versions.registered(version, bundle=f"bundle{version}")


def promoted(version: int, replaced: int | None, *, watched: bool = False) -> Promoted:
    return Promoted(
        version=version, replaced=replaced, reason=WHY, forced=False, watch_until=datetime(2027, 1, 1, tzinfo=UTC) if watched else None
    )


def state(*events: Event) -> State:
    return fold("m", [Entry(model="m", seq=n, at=T0, actor="a", event=e, prev_hash="", hash="") for n, e in enumerate(events, 1)])


TWO = (registered(1), promoted(1, None), registered(2), promoted(2, 1, watched=True))


def known_to_registry(ports: Ports, folder: Path) -> None:
    for version in (1, 2, 3):
        ports.registry.register("m", f"run{version}", folder, identity=f"i{version}", tags={})


def test_a_deployment_names_every_version_that_has_to_be_loaded() -> None:
    rollout = RolloutStarted(
        version=3, champion=2, strategy="shadow", metric="brier", spec_digest="", start_at=T0, deadline_at=T0, reason=WHY
    )
    found = deployment_of(state(*TWO, registered(3), rollout))
    assert (found.champion, found.challenger, found.challenger_share, found.shadow, found.previous) == (2, 3, 0.0, (3, 1), 1)
    assert found.bundles == {1: "bundle1", 2: "bundle2", 3: "bundle3"}


def test_a_staged_version_answers_its_share() -> None:
    found = deployment_of(state(*TWO, registered(3), Staged(version=3, share=0.25, reason=WHY)))
    assert (found.challenger, found.challenger_share) == (3, 0.25)


def test_nothing_is_published_before_there_is_a_champion_or_when_nothing_changed() -> None:
    ports: Any = Ports()
    publish(ports, state(registered(1)))
    assert ports.deployments.current("m") is None
    publish(ports, state(*TWO))
    first = ports.deployments.current("m")
    publish(ports, state(*TWO, registered(3)))  # a later number of the journal, the same meaning
    assert ports.deployments.current("m") == first


def test_the_registrys_aliases_are_brought_up_to_the_journal(tmp_path: Path) -> None:
    ports: Any = Ports()
    known_to_registry(ports, tmp_path)
    assert project_aliases(ports, state(*TWO)) == ""
    assert ports.registry.aliases("m") == {"champion": 2, "previous": 1}


def test_an_alias_that_somebody_else_moved_is_told_and_put_back(tmp_path: Path) -> None:
    ports: Any = Ports()
    known_to_registry(ports, tmp_path)
    project_aliases(ports, state(*TWO))
    ports.registry.set_alias("m", "champion", 3)
    (move,) = external_moves(ports, state(*TWO))
    assert (move.found, move.restored) == (3, 2)
    project_aliases(ports, state(*TWO))
    assert ports.registry.aliases("m")["champion"] == 2


def test_an_alias_that_only_lags_behind_is_nobodys_fault(tmp_path: Path) -> None:
    ports: Any = Ports()
    known_to_registry(ports, tmp_path)
    ports.registry.set_alias("m", "champion", 1)  # as it stood before the promotion
    assert external_moves(ports, state(*TWO)) == []


@pytest.mark.parametrize("error", [StoreError("the registry does not answer"), NotFoundError("version 2 was deleted")])
def test_a_registry_that_fails_is_trouble_to_tell_not_a_failure(error: Exception) -> None:
    class Away:
        def aliases(self, model: str) -> dict[str, int]:
            raise error

    ports: Any = Ports()
    ports.registry = Away()
    assert str(error) in project_aliases(ports, state(*TWO))
    assert external_moves(ports, state(*TWO)) == []


def compared(strategy: Any) -> tuple[Event, ...]:
    return (
        *TWO[:2],
        registered(2),
        RolloutStarted(
            version=2, champion=1, strategy=strategy, metric="brier", spec_digest="", start_at=T0, deadline_at=T0, reason=WHY,
            share=0.0 if strategy == "shadow" else 0.2, guardrails=Guardrails(errors=0.5), seed="m:7",
        ),
    )  # fmt: skip


@pytest.mark.parametrize("strategy", ["canary", "experiment", "bandit"])
def test_a_challenger_with_traffic_answers_its_share_under_its_own_seed_and_guardrails_and_scores_no_shadow(strategy: str) -> None:
    found = deployment_of(state(*compared(strategy)))
    assert (found.challenger, found.challenger_share, found.seed, found.shadow) == (2, 0.2, "m:7", ())
    assert found.guardrails == Guardrails(errors=0.5) and not found.watched


def test_every_challenger_and_shadow_is_guarded_and_a_champion_alone_is_not() -> None:
    assert deployment_of(state(*TWO[:2])).guardrails is None
    assert deployment_of(state(*compared("shadow"))).guardrails == Guardrails(errors=0.5)
    staged = state(*TWO[:2], registered(2), Staged(version=2, share=0.2, reason=WHY))
    assert deployment_of(staged).guardrails == Guardrails()
    assert deployment_of(staged, guardrails=Guardrails(nan=None)).guardrails == Guardrails(nan=None)


def test_a_new_champion_is_guarded_while_it_is_watched_and_the_one_before_it_kept() -> None:
    watched = deployment_of(state(*TWO))
    assert watched.watched and watched.guardrails == Guardrails() and watched.previous == 1 and 1 in watched.bundles
    without = state(*TWO[:3], promoted(2, 1))
    assert not deployment_of(without).watched
    assert deployment_of(without, watched=True).watched
    assert not deployment_of(state(*TWO[:2]), watched=True).watched, "there is none to go back to"


def test_the_guard_over_a_champion_ends_with_its_time_and_survives_whoever_publishes_without_the_spec() -> None:
    ports: Any = Ports()
    spec, new = spec_of("experiment"), state(*TWO[:3], promoted(2, 1))
    publish(ports, new, spec=spec, now=T0 + timedelta(days=1))
    assert ports.deployments.current("m").watched
    publish(ports, new)
    assert ports.deployments.current("m").watched
    publish(ports, new, spec=spec, now=T0 + timedelta(days=30))
    assert not ports.deployments.current("m").watched


def test_what_servers_have_to_load_is_prepared_and_what_they_have_is_current_at_once() -> None:
    ports: Any = Ports()
    publish(ports, state(registered(1), promoted(1, None)))
    ports.deployments.acknowledge("m", "w0", 2)  # a server lives
    publish(ports, state(*TWO))
    assert ports.deployments.current("m").champion == 1 and ports.deployments.pending("m").deployment.champion == 2
    publish(ports, state(*TWO))  # the next tick finds it on its way
    assert ports.deployments.pending("m").deployment.seq == 4
    ports.deployments.ready("m", "w0", 4)
    publish(ports, state(*TWO))  # nobody else has made it current
    assert ports.deployments.current("m").champion == 2 and ports.deployments.pending("m") is None
    back = (*TWO, RolledBack(version=2, to=1, reason=WHY, evidence={}))
    publish(ports, state(*back))
    assert ports.deployments.current("m").champion == 1 and ports.deployments.pending("m") is None


def test_a_rollback_gives_up_what_is_being_prepared() -> None:
    ports: Any = Ports()
    publish(ports, state(*TWO))
    ports.deployments.acknowledge("m", "w0", 4)
    three = (*TWO, registered(3), promoted(3, 2))
    publish(ports, state(*three))
    assert ports.deployments.pending("m").deployment.champion == 3
    publish(ports, state(*three, RolledBack(version=3, to=2, reason=WHY, evidence={})))
    assert ports.deployments.pending("m") is None and ports.deployments.current("m").champion == 2


def test_a_share_that_begins_waits_for_servers_and_one_that_ends_does_not() -> None:
    ports: Any = Ports()
    publish(ports, state(*TWO))
    ports.deployments.acknowledge("m", "w0", 4)
    staged = (*TWO, registered(3), Staged(version=3, share=0.25, reason=WHY))
    publish(ports, state(*staged))
    assert ports.deployments.current("m").challenger is None and ports.deployments.pending("m").deployment.challenger == 3
    ports.deployments.commit("m", 6)
    publish(ports, state(*staged, Staged(version=None, share=0.0, reason=WHY)))
    assert ports.deployments.pending("m") is None and ports.deployments.current("m").challenger is None
