"""`flyball experiment` and what `flyball check` says of rollouts, as a user runs them."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from arms import START, log_rows, rollout, started
from flyball.core.reason import because
from flyball.journal.events import Promoted, Registered
from flyball.journal.state import fold
from flyball.loop.world import World
from flyball.settings import read_settings
from flyball.wiring import open_world
from trained import MODEL, Shop, flyball

DAY = timedelta(days=1)


def live(shop: Shop) -> World:
    """The project with a second version on half of the units for twelve days."""
    for file in shop.folder.glob("flyball.db*"):
        if file.name != "flyball.db":
            file.unlink()
    world = open_world(read_settings(shop.folder))
    made = next(entry.event for entry in world.journal.read(MODEL) if isinstance(entry.event, Registered))
    (shop.folder / "flyball.db").unlink()
    world = open_world(read_settings(shop.folder))
    first = Promoted(version=1, replaced=None, reason=because("promote.first", version=1), forced=False, watch_until=None)
    for at, event in (
        (START - 30 * DAY, replace(made, version=1)),
        (START - 30 * DAY, first),
        (START - DAY, replace(made, version=2, identity="another")),
        (START, started(MODEL)),
    ):
        world.journal.append(MODEL, [event], expected=fold(MODEL, world.journal.read(MODEL)).seq, actor="test", at=at)
    challenger, champion = rollout(3, days=12, rows=120, worse=0.2)
    log_rows(world, MODEL, [(2, challenger), (1, champion)])
    return world


def test_a_project_without_a_rollout_says_so_with_the_way_to_one(own: Shop) -> None:
    said = flyball(own.folder, "experiment")
    assert said.status == 1 and "no rollout of" in said.err and "flyball tick" in said.err
    other = flyball(own.folder, "experiment", "another-model")
    assert other.status == 2 and "this project's model" in other.err


def test_the_rollout_is_shown_in_words_as_json_and_as_a_page(own: Shop, tmp_path: Path) -> None:
    live(own)
    now = (START + 60 * DAY).isoformat()
    said = flyball(own.folder, "experiment", "--now", now)
    assert said.status == 0 and "against the new version" in said.out and "challenger 2" in said.out
    page = tmp_path / "page.html"
    found = json.loads(flyball(own.folder, "experiment", MODEL, "--json", "--now", now, "--html", str(page)).out)
    assert found["decision"]["verdict"] == "fail" and found["gain"]["upper"] < 0
    assert set(found["arms"]) == {"champion", "challenger"} and len(found["days"]) >= 7
    assert page.read_text(encoding="utf-8").count("<svg") == 2
    missing = flyball(own.folder, "experiment", "--now", now, "--html", str(tmp_path / "no" / "page.html"))
    assert missing.status == 1 and "name a file in a folder that exists" in missing.err
    refused = flyball(own.folder, "experiment", "--now", "yesterday")
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
