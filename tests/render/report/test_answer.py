"""The answer that stands first: good, look or act, and why."""

from dataclasses import replace

from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.loop.picture import Firing, Picture
from flyball.loop.records import Floored
from flyball.monitoring.records import ColumnDrift, QualityFinding
from flyball.render.report.answer import answer
from flyball.render.report.text import Words
from reports import FLOOR_NUMBERS, NOW, picture

FAIL = Floored(verdict=Verdict.FAIL, reason=because("performance.below_floor", **FLOOR_NUMBERS))
BAD = QualityFinding(severity="error", column="price", reason=because("future.bad"), rows=5, examples=())


def calm() -> Picture:
    found = picture(shift=0.0)
    return replace(found, firing=(), report=replace(found.report, quality=()))


def with_states(found: Picture, **states: str) -> Picture:
    columns = {name: changed(one, states.get(name, "ok")) for name, one in found.report.columns.items()}
    return replace(found, report=replace(found.report, columns=columns))


def changed(column: ColumnDrift, state: str) -> ColumnDrift:
    return replace(column, state=state)  # type: ignore[arg-type]  # a state of the field, as text


def codes(found: Picture) -> list[str]:
    return [reason.code for reason in answer(found).reasons]


def test_nothing_wrong_is_good_and_asks_for_nothing() -> None:
    found = answer(with_states(calm()))
    assert (found.call, found.reasons[0].code, found.step.code) == ("good", "report.calm", "report.step_none")


def test_what_may_have_moved_is_good_and_is_named() -> None:
    found = with_states(calm(), calls="warn")
    assert answer(found).call == "good"
    assert "calls" in Words("en").tell(answer(found).reasons[1])


def test_drift_alone_asks_for_a_look_not_for_an_action() -> None:
    found = with_states(calm(), price="drift", calls="drift")
    assert answer(found).call == "look"
    assert answer(found).reasons[0].values == {"count": 2, "watched": 3}
    wide = replace(found, report=replace(found.report, left_out={"drift": 68, "ok": 334}))
    assert answer(wide).reasons[0].values == {"count": 70, "watched": 405}


def test_performance_below_its_floor_asks_for_an_action_before_everything_else() -> None:
    found = replace(with_states(calm(), price="drift"), floor=FAIL)
    assert answer(found).call == "act"
    assert codes(found)[0] == "performance.below_floor" and "report.moved" in codes(found)


def test_rows_of_bad_quality_ask_for_an_action() -> None:
    found = calm()
    bad = replace(found, report=replace(found.report, quality=(BAD,)))
    assert (answer(bad).call, codes(bad)[0]) == ("act", "report.errors")
    warned = replace(found, report=replace(found.report, quality=(replace(BAD, severity="warning"),)))
    assert (answer(warned).call, codes(warned)[0]) == ("look", "report.warnings")


def test_refused_requests_are_told_in_their_own_words_also_where_nothing_else_is_known() -> None:
    reason = because("quality.refused", rows=2000, of=3000, since="2026-03-01 08:40", status="422", share=0.7)
    refused = replace(BAD, subject="requests", reason=reason)
    for severity, call in (("error", "act"), ("warning", "look")):
        for found in (calm(), replace(calm(), report=replace(calm().report, rows=0, columns={}))):
            told = replace(found, report=replace(found.report, quality=(replace(refused, severity=severity),)))  # type: ignore[arg-type]  # both are
            said = answer(told)
            assert (said.call, said.reasons[0], said.step.code) == (call, reason, "report.step_requests")


def test_an_alert_is_acted_on_unless_it_only_says_that_data_moved() -> None:
    reason = because("deployment.refused", workers=1, error="no room")
    broken = replace(calm(), firing=(Firing(key="deployment", reason=reason, since=NOW),))
    assert (answer(broken).call, codes(broken)) == ("act", ["deployment.refused"])
    moved = replace(calm(), firing=(Firing(key="drift:price", reason=reason, since=NOW),))
    assert (answer(moved).call, codes(moved)) == ("look", ["report.still_firing"])


def test_the_same_thing_is_not_told_twice() -> None:
    found = replace(with_states(calm(), price="drift"), floor=FAIL)
    alerts = tuple(Firing(key=key, reason=FAIL.reason, since=NOW) for key in ("performance:brier", "drift:price"))
    assert codes(replace(found, firing=alerts)) == codes(found)


def test_too_few_rows_is_no_good_news() -> None:
    found = with_states(calm(), price="insufficient data", calls="insufficient data", plan="insufficient data")
    assert answer(found).call == "look"
    assert answer(found).step.code == "report.step_few"


def test_performance_that_may_be_below_its_floor_is_looked_at() -> None:
    perhaps = Floored(verdict=Verdict.UNDECIDED, reason=because("performance.perhaps_below_floor", **FLOOR_NUMBERS))
    assert answer(replace(with_states(calm()), floor=perhaps)).call == "look"
    unknown = Floored(verdict=Verdict.UNDECIDED, reason=because("performance.no_value"))
    assert answer(replace(with_states(calm()), floor=unknown)).call == "good"
