"""Nobody promotes, stages or approves by accident what no server could load."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flyball.adapters.local.bundles import LocalBundles
from flyball.core.errors import RefusedError
from flyball.journal.events import Promoted
from flyball.loop.at_hand import unloadable
from flyball.loop.steer import promote, roll_back, stage
from watched import SPEC, Watched, reference

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WHO: dict[str, Any] = {"reason": "the better one", "actor": "ada", "now": NOW}


@pytest.fixture
def town(tmp_path: Path) -> Watched:
    """Champion 1, and version 2 that passed its gate."""
    known = reference()
    return Watched(tmp_path).register(1, known).promote(1).register(2, known)


def lose(town: Watched, version: int) -> str:
    digest = town.state.versions[version].registered.bundle
    shutil.rmtree(town.folder / "bundles" / digest)
    return digest


def test_a_bundle_that_is_here_speaks_against_nothing(town: Watched) -> None:
    assert unloadable(town.world, town.state, 2) == []


def test_a_version_whose_bundle_is_gone_is_neither_promoted_nor_staged(town: Watched) -> None:
    digest, before = lose(town, 2), town.state.seq
    acts: list[Callable[..., object]] = [promote, partial(stage, share=0.1), partial(stage, share=0.0)]
    for act in acts:
        with pytest.raises(RefusedError) as caught:
            act(town.world, SPEC, 2, force=False, **WHO)
        assert f"no server can load it: the bundle {digest[:12]} is not in" in caught.value.message
        assert f"copy the folder {digest} there" in caught.value.message
        assert "--force" in caught.value.hint
    assert town.state.seq == before


def test_a_bundle_that_was_changed_speaks_against_its_version(town: Watched) -> None:
    digest = town.state.versions[2].registered.bundle
    assert isinstance(town.world.bundles, LocalBundles)
    (town.folder / "bundles" / digest / "name").write_bytes(b"another")
    (found,) = unloadable(town.world, town.state, 2)
    assert found.startswith("no server can load it: ")


def test_whoever_knows_that_servers_have_it_promotes_it_by_force_and_the_journal_says_so(town: Watched) -> None:
    lose(town, 2)
    (entry,) = promote(town.world, SPEC, 2, force=True, **WHO).entries
    assert isinstance(entry.event, Promoted) and entry.event.forced


def test_going_back_is_always_allowed(town: Watched) -> None:
    promote(town.world, SPEC, 2, force=False, **WHO)
    lose(town, 1)
    roll_back(town.world, SPEC, **WHO)
    assert town.state.champion == 1
