"""What a server says on /metrics of what others wrote: reports, journal, looks. Nothing in it makes the page too large or unreadable."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families

from flyball.core.errors import StoreError
from flyball.core.reason import because
from flyball.journal.events import AlertFired, AlertResolved, Event, Frozen, Thawed
from flyball.monitoring.series import MOST, SERIES
from flyball.server.known import Known, looks_samples, state_samples
from flyball.server.metrics import Metrics, Page, render
from flyball.server.openmetrics import openmetrics
from reported import column, full_report
from served import MODEL, Served

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
WHY = because("test.reason")
HOSTILE = ['a"b', "a\\b", "a\nb", "{x}", "温度", "", "a" * 500, "a\udc80b", " ", 'x="1",y', "}", "a\rb"]


def append(served: Served, *events: Event) -> None:
    journal = served.site.ports.journal
    journal.append(MODEL, events, expected=len(journal.read(MODEL)), actor="test", at=NOW)


def lines(page: str, name: str) -> dict[str, float]:
    """The samples of one series, by what stands between the braces."""
    found = [line for line in page.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    return {line[len(name) : line.rindex(" ")].strip("{}"): float(line.rsplit(" ", 1)[1]) for line in found}


def test_a_server_without_loop_journal_and_report_has_a_page_with_every_series(play: Callable[..., Any]) -> None:
    async def story(served: Served) -> str:
        return (await served.get("/metrics")).text

    page = play(story)
    for one in SERIES:
        assert f"# TYPE {one.name} {one.kind}" in page
    assert lines(page, "flyball_frozen") == {"": 0}
    assert lines(page, "flyball_loop_last_tick_timestamp_seconds") == {}
    assert lines(page, "model_feature_drift") == {}
    assert not [line for line in page.splitlines() if line.lower().endswith(" nan")]


def test_alerts_freezes_and_looks_are_seen_as_they_come_and_go(play: Callable[..., Any]) -> None:
    async def story(served: Served) -> list[str]:
        append(served, AlertFired(key="drift:temp", reason=WHY), AlertFired(key="odd", reason=WHY), Frozen(reason="r", until=None))
        for minutes in (0, 1, 5):
            served.site.ports.looks.looked(MODEL, NOW + timedelta(minutes=minutes))
        first = (await served.get("/metrics")).text
        append(served, AlertResolved(key="drift:temp", reason=WHY), Thawed(reason="r"))
        return [first, (await served.get("/metrics")).text]

    first, second = play(story)
    assert lines(first, "flyball_alert_firing") == {'key="drift:temp"': 1, 'key="odd"': 1}
    kinds = lines(first, "flyball_alerts_firing")
    assert kinds == {'kind="drift"': 1, 'kind="performance"': 0, 'kind="quality"': 0, 'kind="deployment"': 0, 'kind="odd"': 1}
    assert lines(first, "flyball_frozen") == {"": 1}
    assert lines(first, "flyball_loop_tick_interval_seconds") == {"": 240}
    assert lines(first, "flyball_loop_last_tick_timestamp_seconds") == {"": (NOW + timedelta(minutes=5)).timestamp()}
    assert lines(first, "flyball_decisions_total")['event="alert fired"'] == 2
    assert lines(second, "flyball_alert_firing") == {'key="odd"': 1}
    assert lines(second, "flyball_frozen") == {"": 0}
    assert lines(second, "flyball_decisions_total")['event="alert resolved"'] == 1


def test_a_report_with_hostile_names_is_read_back_name_by_name_in_both_formats(play: Callable[..., Any]) -> None:
    async def story(served: Served) -> list[str]:
        report = full_report(NOW, features=("plan", "age"))
        served.site.ports.reports.save(MODEL, replace(report, columns={name: column() for name in HOSTILE if name != "a\udc80b"}))
        return [(await served.get("/metrics", accept=accept)).text for accept in ("text/plain", "application/openmetrics-text")]

    plain, new = play(story)
    for page, read in ((plain, text_string_to_metric_families), (new, open_families)):
        found = {
            sample.labels["feature_name"] for family in read(page) for sample in family.samples if family.name == "model_feature_drift"
        }
        assert {name for name in HOSTILE if len(name) < 200 and name.isprintable()} <= found
        assert len(found) == len(HOSTILE) - 1


def test_names_that_are_no_unicode_do_not_break_the_page() -> None:
    metrics = Metrics()
    for name in HOSTILE:
        metrics.add("model_unseen_categories_total", labels=(("feature_name", name),))
    page = render([Page('mod"el\\', metrics, [])])
    page.encode()
    assert list(text_string_to_metric_families(page))
    assert list(open_families(openmetrics(page)))  # type: ignore[no-untyped-call]  # the library has no types here


def test_a_counter_adds_up_what_is_beyond_a_hundred_label_sets() -> None:
    metrics = Metrics()
    for at in range(5_000):
        metrics.add("model_unseen_categories_total", labels=(("feature_name", f"f{at}"),))
    for version in range(500):
        metrics.predictions("m", version, "champion").number += 1
    page = render([Page("m", metrics, [])])
    unseen, predictions = lines(page, "model_unseen_categories_total"), lines(page, "model_predictions_total")
    assert len(unseen) == len(predictions) == MOST + 1
    assert sum(unseen.values()) == 5_000
    assert sum(predictions.values()) == 500
    assert predictions['model="m",version="(others)",variant="(others)"'] == 500 - MOST


def test_ten_thousand_features_and_alerts_make_a_page_of_bounded_size(play: Callable[..., Any]) -> None:
    async def story(served: Served) -> str:
        names = [f"feature_{at}" for at in range(10_000)]
        report = full_report(NOW, features=("plan", "age"))
        served.site.ports.reports.save(MODEL, replace(report, columns={name: column("drift", distance=0.5) for name in names}))
        append(served, *(AlertFired(key=f"drift:{name}", reason=WHY) for name in names[:2_000]))
        return (await served.get("/metrics")).text

    page = play(story)
    assert max(len(lines(page, one.name)) for one in SERIES if one.kind != "histogram") <= MOST
    assert lines(page, "flyball_alerts_firing")['kind="drift"'] == 2_000
    assert lines(page, "model_features")['state="drift"'] == 10_000
    assert len(page) < 200_000


def test_a_database_that_is_away_leaves_what_was_known(play: Callable[..., Any]) -> None:
    async def story(served: Served) -> list[str]:
        append(served, AlertFired(key="drift:temp", reason=WHY))
        served.site.ports.reports.save(MODEL, full_report(NOW, features=("plan", "age")))
        first = (await served.get("/metrics")).text
        served.app.models.first.known = broken(served.app.models.first.known)
        return [first, (await served.get("/metrics")).text]

    first, second = play(story)
    for name in ("model_feature_drift", "flyball_alert_firing", "flyball_report_rows"):
        assert lines(first, name) == lines(second, name) != {}


class Away:
    """Reports and journal of a database that cannot be read."""

    def __getattr__(self, name: str) -> Any:
        raise StoreError("the database is away")


def broken(known: Known) -> Known:
    known._ports = replace(known._ports, reports=Away(), journal=Away())
    return known


def test_a_loop_that_looked_once_has_no_usual_interval() -> None:
    assert [one.name for one in looks_samples([NOW])] == ["flyball_loop_last_tick_timestamp_seconds"]
    assert looks_samples([]) == []


def test_kinds_of_alerts_are_bounded_too() -> None:
    from flyball.journal.state import empty

    state = replace(empty(MODEL), firing={f"kind{at}:x": WHY for at in range(1_000)})
    samples = state_samples(state, NOW)
    kinds = {labels[0][1]: value for name, labels, value in samples if name == "flyball_alerts_firing"}
    assert len(kinds) <= 21
    assert sum(kinds.values()) == 1_000
    assert kinds["(others)"] > 900
