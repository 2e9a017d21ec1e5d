"""`flyball experiment` and what `flyball check` says of rollouts, as a user runs them."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from arms import START, log_rows, rollout, started
from flyball.core.reason import because
from flyball.data.profile import reference_to_json
from flyball.journal.events import Event, Promoted
from flyball.journal.state import fold
from flyball.loop.world import World
from flyball.registry.bundle import write_bundle
from flyball.registry.signing import load_key
from flyball.settings import read_settings
from flyball.wiring import open_world
from served import manifest
from trained import MODEL, flyball
from watched import Watched, reference

DAY = timedelta(days=1)


SPEC = (
    '[model]\nname = "churn"\ntask = "binary"\n[data]\nsource = "d.csv"\ntarget = "y"\nunit = "who"\nmatures = "1d"\n'
    '[train]\nrun = "p:t"\n[rollout]\nstrategy = "experiment"\n'
)


def project(folder: Path) -> World:
    """A project with two versions, the first of which answers."""
    (folder / "flyball.toml").write_text(SPEC)
    settings = read_settings(folder)
    (folder / "made").mkdir()
    world, watched = open_world(settings), Watched(folder / "made")
    known = reference()
    files: dict[str, Path | bytes] = {"reference.json": reference_to_json(known)}
    write_bundle(folder / "bundle", manifest(model=MODEL), files, load_key(settings.key))
    digest = world.bundles.put(folder / "bundle")
    watched.register(1, known).register(2, known)
    made = [replace(watched.state.versions[number].registered, bundle=digest) for number in (1, 2)]
    first = Promoted(version=1, replaced=None, reason=because("promote.first", version=1), forced=False, watch_until=None)
    for event in (made[0], first, made[1]):
        happened(world, START - 30 * DAY, event)
    return world


def happened(world: World, at: datetime, event: Event) -> None:
    world.journal.append(MODEL, [event], expected=fold(MODEL, world.journal.read(MODEL)).seq, actor="test", at=at)


def test_a_project_without_a_rollout_says_so_with_the_way_to_one(tmp_path: Path) -> None:
    project(tmp_path)
    said = flyball(tmp_path, "experiment")
    assert said.status == 1 and "no rollout of" in said.err and "flyball tick" in said.err
    other = flyball(tmp_path, "experiment", "another-model")
    assert other.status == 2 and "this project's model" in other.err


def test_the_rollout_is_shown_in_words_as_json_and_as_a_page(tmp_path: Path) -> None:
    world = project(tmp_path)
    happened(world, START, started(MODEL))
    challenger, champion = rollout(3, days=12, rows=120, worse=0.2)
    log_rows(world, MODEL, [(2, challenger), (1, champion)])
    now = (START + 60 * DAY).isoformat()
    said = flyball(tmp_path, "experiment", "--now", now)
    assert said.status == 0 and "against the new version" in said.out and "challenger 2" in said.out
    page = tmp_path / "page.html"
    found = json.loads(flyball(tmp_path, "experiment", MODEL, "--json", "--now", now, "--html", str(page)).out)
    assert found["decision"]["verdict"] == "fail" and found["gain"]["upper"] < 0
    assert set(found["arms"]) == {"champion", "challenger"} and len(found["days"]) >= 7
    assert page.read_text(encoding="utf-8").count("<svg") == 2
    missing = flyball(tmp_path, "experiment", "--now", now, "--html", str(tmp_path / "no" / "page.html"))
    assert missing.status == 1 and "name a file in a folder that exists" in missing.err
    refused = flyball(tmp_path, "experiment", "--now", "yesterday")
    assert refused.status == 2


@pytest.mark.parametrize("as_json", [False, True])
def test_check_refuses_a_rollout_that_cannot_decide_before_its_deadline(tmp_path: Path, as_json: bool) -> None:
    (tmp_path / "d.csv").write_text("t,x,y\n" + "\n".join(f"2026-01-{day:02}T00:00:00Z,{day},{day % 2}" for day in range(1, 29)))
    (tmp_path / "p.py").write_text("def t(frame, target):\n    return None\n")
    (tmp_path / "flyball.toml").write_text(
        '[model]\nname = "m"\ntask = "binary"\n[data]\nsource = "d.csv"\ntarget = "y"\ntime = "t"\n[train]\nrun = "p:t"\n'
    )
    said = flyball(tmp_path, "check", *(["--json"] if as_json else []))
    assert said.status == 0
    assert "what gain they show is known once a model has scored some" in said.out.replace("\n", " ").replace("  ", " ")
