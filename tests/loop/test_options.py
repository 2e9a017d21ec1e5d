"""What is offered is done when it is ordered, and what is not offered is refused: options say what the orders will."""

from importlib import import_module
from pathlib import Path

import pytest

from flyball.core.errors import FlyballError
from flyball.core.reason import Reason
from flyball.core.verdict import Verdict
from flyball.journal.events import Event, Frozen, RetrainStarted, RolloutEnded, Staged
from flyball.journal.moves import ApprovalAsked, RolloutPaused
from flyball.loop.options import Option, of_model, of_version
from flyball.server.admin.desk import Desk
from flyball.server.admin.jobs import Jobs
from flyball.server.admin.orders import read_order
from flyball.server.admin.routes import ROUTES
from flyball.server.settings import AdminPorts
from flyball.spec.records import Spec
from flyball.words.sentences import catalogue, sentence
from rollouts import CANDIDATE, DAY, T0, WHY, Small, promoted, registered, rollout, spec_of

AUTO, MANUAL = spec_of("experiment"), spec_of("experiment", 'approve = "manual"', "share = 0.2")
ASKED = ApprovalAsked(version=2, reason=WHY, evidence={})
PAUSED = RolloutPaused(version=2, reason=WHY, until=None)
FROZEN = Frozen(reason="audit", until=None)
LOST = RolloutEnded(version=2, verdict=Verdict.FAIL, reason=WHY, evidence={})
BEGUN = rollout("experiment")
STATES: dict[str, tuple[Event, ...]] = {
    "calm": (),
    "two champions": (promoted(2, 1),),
    "rollout": (BEGUN,),
    "paused": (BEGUN, PAUSED),
    "paused and frozen": (BEGUN, PAUSED, FROZEN),
    "frozen": (FROZEN,),
    "waits": (ASKED,),
    "waits during its rollout": (BEGUN, ASKED),
    "waits for another than is compared": (registered(3), BEGUN, ApprovalAsked(version=3, reason=WHY, evidence={})),
    "waits while frozen": (BEGUN, ASKED, FROZEN),
    "staged": (Staged(version=2, share=0.5, reason=WHY),),
    "staged in shadow": (Staged(version=2, share=0.0, reason=WHY),),
    "lost": (BEGUN, LOST),
    "failed its gate": (registered(3, verdict=Verdict.FAIL),),
    "undecided by its gate": (registered(3, verdict=Verdict.UNDECIDED),),
    "training": (RetrainStarted(action="a", cause="drift", reason=WHY),),
}


def town(folder: Path, spec: Spec, events: tuple[Event, ...]) -> Small:
    return Small(folder, spec).happen(*(event for _, event in CANDIDATE), *events)


def offered(known: Small) -> list[Option]:
    found = of_model(known.state, now=T0 + DAY)
    for version in known.state.versions:
        found += of_version(known.state, known.spec, version, now=T0 + DAY)
    return found


def order(known: Small, option: Option, folder: Path) -> None:
    """The order that a button of the option sends."""
    route = next(one for one in ROUTES if one.path == option.route)
    body = {**option.body, **({"reason": "because"} if option.reason == "required" else {})}
    ports = AdminPorts(world=known.world, spec=lambda: known.spec, sentence=sentence)
    jobs = Jobs(known.world.executor, folder, lambda: "00000001")
    desk = Desk(model="m", ports=ports, jobs=jobs, actor="ada", now=T0 + DAY)
    module, _, function = route.run.partition(":")
    getattr(import_module(module), function)(desk, read_order(route.takes, body, texts=False))


@pytest.mark.parametrize("spec", [AUTO, MANUAL], ids=["auto", "manual"])
@pytest.mark.parametrize("name", STATES)
def test_what_is_offered_is_done_and_what_is_not_is_refused(name: str, spec: Spec, tmp_path: Path) -> None:
    options = offered(town(tmp_path / "first", spec, STATES[name]))
    assert options
    for number, option in enumerate(options):
        fresh = town(tmp_path / f"{number}", spec, STATES[name])
        if option.missing is None:
            order(fresh, option, tmp_path)
        elif option.act != "train" and option.missing.code != "option.is_challenger":  # those are needless, not refused
            with pytest.raises(FlyballError):
                order(fresh, option, tmp_path)


@pytest.mark.parametrize("name", STATES)
def test_every_option_says_what_it_does_or_why_it_is_not_there_in_both_languages(name: str, tmp_path: Path) -> None:
    for spec in (AUTO, MANUAL):
        for option in offered(town(tmp_path / spec.rollout.approve, spec, STATES[name])):
            told: list[Reason | None] = [option.about, option.missing, *option.against]
            for reason in told:
                assert reason is None or reason.code in catalogue()


def test_what_speaks_against_a_promotion_is_said_and_forced_with_a_reason(tmp_path: Path) -> None:
    known = town(tmp_path, AUTO, (registered(3, verdict=Verdict.FAIL), FROZEN))
    promote = of_version(known.state, AUTO, 3, now=T0 + DAY)[0]
    assert [one.code for one in promote.against] == ["option.gate_failed", "option.frozen"]
    assert promote.body["force"] is True and promote.reason == "required"


def test_that_a_rollback_leads_to_a_version_that_was_refused_is_said_and_done_all_the_same(tmp_path: Path) -> None:
    known = town(tmp_path, AUTO, (BEGUN, LOST, registered(3), promoted(2, 1), promoted(3, 2)))
    back = next(one for one in of_model(known.state, now=T0 + DAY) if one.act == "rollback")
    assert (back.missing, back.about.code, back.about.values["to"]) == (None, "option.rollback_refused_about", 2)
    order(known, back, tmp_path)
    assert known.state.champion == 2


def test_where_a_person_approves_a_promotion_is_asked_for_and_only_force_goes_past_that(tmp_path: Path) -> None:
    known = town(tmp_path, MANUAL, (registered(3, verdict=Verdict.FAIL),))
    good, bad = (of_version(known.state, MANUAL, version, now=T0 + DAY)[0] for version in (2, 3))
    assert good.about.code == "option.ask_about" and "force" not in good.body
    assert "option.past_approval" in [one.code for one in bad.against]


def test_nothing_is_offered_for_a_version_that_is_not_there(tmp_path: Path) -> None:
    assert of_version(town(tmp_path, AUTO, ()).state, AUTO, 9, now=T0 + DAY) == []
