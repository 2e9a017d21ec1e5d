"""Performance over time as it is drawn: lines of each version, rings of the newest rows, floors, alarms, and what a pointer is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

from flyball.adapters.memory.reports import MemoryReports
from flyball.core.reason import because
from flyball.core.window import Window
from flyball.loop.course import Alarm, Course, Look, course
from flyball.monitoring.records import Coverage, Estimated
from flyball.render.report.course import Legend, known_course, lag_course, lag_unit, performance_course
from flyball.render.report.over_time import time_marks
from reports import DAY, NOW, report

LEGEND = Legend(title="brier over time", about="<b>", realised="realised", same="same", newest="newest", alarm="firing")


def lived(days: int = 20) -> Course:
    store = MemoryReports()
    for day in range(days):
        end, version = NOW - day * DAY, 3 if day < days // 2 else 2
        one = report({}, end=end, version=version, value=0.2 + day / 1000)
        assert one.details is not None and one.performance is not None
        newest = one.details.estimated[0]
        window = Window(start=end - 15 * DAY, end=end - DAY)
        same = Estimated(
            metric="brier", method="cbpe", window=window, rows=9, value=0.22, lower=0.2, upper=0.24, reason=because("test.reason")
        )
        performance = replace(one.performance, floor=0.25)
        store.save("town", replace(one, performance=performance, details=replace(one.details, estimated=(same, newest))))
    return course(store, "town", Window(start=NOW - 60 * DAY, end=NOW))


def drawn(found: Course, *alarms: Alarm, held_out: dict[int, float] | None = None) -> ElementTree.Element:
    made = performance_course(found, alarms, held_out or {}, LEGEND, "c")
    assert made is not None
    return ElementTree.fromstring(str(made))


def kinds(svg: ElementTree.Element) -> list[str]:
    return [one.get("class", "") for one in svg.iter()]


def test_each_version_has_its_own_lines_bands_and_floor() -> None:
    found = kinds(drawn(lived()))
    assert found.count("line now") == found.count("band now") == 2
    assert found.count("line guess") == found.count("band guess") == 2
    assert found.count("line limit") == 2
    assert found.count("change") == 1


def test_newest_estimates_are_rings_and_the_last_has_its_bounds() -> None:
    found = kinds(drawn(lived()))
    assert found.count("dot newest") == 20
    assert found.count("bar-guess") == 1


def test_an_alarm_is_drawn_where_it_overlaps_the_axis_alone() -> None:
    inside = Alarm(key="performance:brier", since=NOW - 5 * DAY, until=None)
    before = Alarm(key="performance:brier", since=NOW - 200 * DAY, until=NOW - 100 * DAY)
    assert kinds(drawn(lived(), inside, before)).count("alarm") == 1


def test_what_was_held_out_at_training_is_a_step_of_each_version_that_has_it() -> None:
    assert kinds(drawn(lived(), held_out={2: 0.19, 3: 0.18})).count("held-out") == 2
    assert kinds(drawn(lived(), held_out={3: 0.18})).count("held-out") == 1


def test_a_pointer_is_told_all_numbers_of_a_look() -> None:
    svg = drawn(lived())
    told = [title.text or "" for hit in svg.iter() if hit.get("class") == "hit" for title in hit]
    assert len(told) == 20
    assert "realised: 0.2000 [0.1800, 0.2200]" in told[-1] and "newest: 0.1900" in told[-1] and "@3" in told[-1]


def test_a_chart_has_a_title_and_a_description_that_are_escaped() -> None:
    svg = drawn(lived())
    assert svg.get("role") == "img" and svg.get("aria-labelledby") == "c-t c-d"
    assert [one.text for one in svg if one.tag in ("title", "desc")] == ["brier over time", "<b>"]


def test_one_look_is_drawn_too_and_none_is_not() -> None:
    assert kinds(drawn(lived(1))).count("dot now") == 1
    nothing = replace(lived(), looks=())
    assert performance_course(nothing, (), {}, LEGEND, "c") is None
    assert known_course(lived(1).looks, LEGEND, "k") is None
    assert lag_course(lived(1).looks, LEGEND, "k", unit=1.0) is None


def test_how_much_is_known_and_how_long_it_took_are_drawn_look_by_look() -> None:
    looks = lived().looks
    known, lag = known_course(looks, LEGEND, "k"), lag_course(looks, LEGEND, "l", unit=3600.0)
    assert known is not None and lag is not None
    assert "100%" in known and kinds(ElementTree.fromstring(str(known))).count("hit") == 20
    assert kinds(ElementTree.fromstring(str(lag))).count("line now") == 1


def test_lags_are_told_in_a_unit_in_which_they_are_readable() -> None:
    def looks(seconds: float) -> list[Look]:
        coverage = Coverage(predicted=1, matured=1, labelled=1, lag_median=1.0, lag_90=seconds)
        return [Look(at=NOW, version=1, known=NOW, realised=None, same=None, newest=None, coverage=coverage)]

    assert [lag_unit(looks(seconds)) for seconds in (5.0, 600.0, 9000.0, 800_000.0)] == [
        (1.0, "s"),
        (60.0, "min"),
        (3600.0, "h"),
        (86_400.0, "d"),
    ]
    assert lag_unit([]) == (1.0, "s")


def test_an_axis_says_hours_days_or_months_as_long_as_it_is() -> None:
    start = datetime(2013, 3, 15, tzinfo=UTC).timestamp()

    def labels(length: timedelta) -> list[str]:
        return [label for _, label in time_marks(start, start + length.total_seconds(), 5)]

    assert labels(timedelta(0)) == ["03-15"]
    assert labels(timedelta(days=1)) == ["00:00", "06:00", "12:00", "18:00", "00:00"]
    assert labels(timedelta(days=20))[0] == "03-15"
    assert labels(timedelta(days=300)) == ["2013-04", "2013-06", "2013-08", "2013-10", "2013-12"]
