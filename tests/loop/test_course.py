"""The course of performance: read from kept reports, thinned, of one version or of all, with those who answered and what alarmed."""

from dataclasses import replace
from datetime import timedelta

from flyball.adapters.memory.reports import MemoryReports
from flyball.core.reason import because
from flyball.core.window import Window
from flyball.journal.events import AlertFired, AlertResolved, Entry, Event, Promoted
from flyball.loop.course import alarms, course, thinned
from flyball.loop.past.reigns import Reign
from flyball.monitoring.records import Estimated
from reports import DAY, NOW, report

WHY = because("test.reason")
PERIOD = Window(start=NOW - 40 * DAY, end=NOW)


def kept(days: int = 30, *, version: int = 3) -> MemoryReports:
    store = MemoryReports()
    for day in range(days):
        store.save("town", report({}, end=NOW - day * DAY, version=version if day < days // 2 else 2, value=0.2 + day / 1000))
    return store


def entry(seq: int, event: Event) -> Entry:
    return Entry(model="town", seq=seq, at=NOW + seq * DAY, actor="loop", event=event, prev_hash="", hash="")


def promoted(version: int) -> Promoted:
    return Promoted(version=version, replaced=None, reason=WHY, forced=False, watch_until=None)


def test_every_look_says_what_was_realised_and_estimated_and_how_much_was_known() -> None:
    found = course(kept(), "town", PERIOD)
    assert (found.metric, found.main, found.metrics) == ("brier", "brier", ("brier", "roc_auc"))
    assert [look.at for look in found.looks] == [NOW - day * DAY for day in reversed(range(30))]
    last = found.looks[-1]
    assert last.realised is not None and last.realised.value == 0.2
    assert last.newest is not None and last.newest.value == 0.19
    assert last.coverage is not None and last.coverage.labelled == 8000
    assert found.report is not None and found.report.details is not None and found.report.details.slices


def test_another_metric_is_told_where_reports_have_it_and_a_strange_one_is_the_main_one() -> None:
    found = course(kept(), "town", PERIOD, metric="roc_auc")
    assert found.metric == "roc_auc"
    assert found.looks[0].realised is not None and found.looks[0].realised.value == 0.7
    assert found.looks[0].newest is None
    assert course(kept(), "town", PERIOD, metric="<script>").metric == "brier"


def test_the_course_of_one_version_ends_with_its_own_last_whole_report() -> None:
    found = course(kept(), "town", PERIOD, version=2)
    assert {look.version for look in found.looks} == {2}
    assert len(found.looks) == 15
    assert found.report is not None and found.report.version == 2
    assert found.report.details is not None and found.report.details.slices, "it was slimmed while it was not known to be the last"


def test_of_one_version_as_many_reports_are_read_as_of_all() -> None:
    store = kept(400)
    span = Window(start=NOW - 500 * DAY, end=NOW)
    reign = Reign(alias="champion", version=3, since=NOW - 12 * DAY, until=None, seq=1, began=WHY, actor="loop")
    found = course(store, "town", span, version=3, during=[reign], looks=60)
    assert (found.kept, found.read) == (13, 13)
    assert found.report is not None and found.report.window.end == NOW


def test_of_many_reports_one_of_each_part_of_the_span_is_read() -> None:
    found = course(kept(), "town", PERIOD, looks=10)
    assert (found.kept, found.read, len(found.looks)) == (30, 10, 10)
    assert found.looks[-1].at == NOW


def test_estimates_of_rows_with_and_without_outcomes_are_told_apart() -> None:
    store, one = MemoryReports(), report({})
    assert one.details is not None
    newest = one.details.estimated[0]
    same = Estimated(
        metric="brier",
        method="cbpe",
        window=Window(start=NOW - 15 * DAY, end=NOW - DAY),
        rows=9,
        value=0.3,
        lower=None,
        upper=None,
        reason=WHY,
    )
    store.save("town", replace(one, details=replace(one.details, estimated=(same, newest))))
    look = course(store, "town", PERIOD).looks[0]
    assert (look.same, look.newest, look.known) == (same, newest, NOW - DAY)


def test_without_reports_there_is_no_course() -> None:
    found = course(MemoryReports(), "town", PERIOD, metric="brier", version=7)
    assert (found.looks, found.report, found.metric, found.metrics, found.kept) == ((), None, "", (), 0)


def test_thinning_keeps_the_last_of_each_part_and_the_very_last() -> None:
    ends = [NOW + timedelta(hours=hour) for hour in range(100)]
    found = thinned(ends, 10)
    assert len(found) == 10 and found[-1] == ends[-1]
    assert thinned(ends[:5], 10) == ends[:5]
    assert thinned([NOW] * 20, 10) == [NOW]


def test_when_an_alert_of_a_kind_fired_and_was_over() -> None:
    fired, over = AlertFired(key="performance:brier", reason=WHY), AlertResolved(key="performance:brier", reason=WHY)
    other = AlertFired(key="drift:performance", reason=WHY)
    found = alarms([entry(0, over), entry(1, fired), entry(2, fired), entry(3, other), entry(4, over), entry(5, fired)], "performance")
    assert [(one.since, one.until) for one in found] == [(NOW + DAY, NOW + 4 * DAY), (NOW + 5 * DAY, None)]
