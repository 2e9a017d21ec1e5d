"""Rates out of a real page of metrics, asked for twice."""

from flyball.server.metrics import Metrics, Page, render
from flyball.server.pulse import address, asker, fetch, numbers, so_far, steady, traffic
from flyball.spec.records import ServeSpec


def page(metrics: Metrics, model: str = "town") -> str:
    return render([Page(model, metrics, [])])


def test_rates_and_latencies_are_those_of_the_time_between_two_looks() -> None:
    metrics = Metrics()
    for _ in range(1000):
        metrics.took(0.2)  # before the first look: must not count
    first = numbers(page(metrics), "town", 100.0)
    for number in range(200):
        metrics.took(0.0004 if number < 190 else 0.09)
    metrics.add("flyball_requests_refused_total", 10, (("status", "422"),))
    second = numbers(page(metrics), "town", 110.0)
    assert first is not None and second is not None
    found = traffic(first, second)
    assert found is not None
    assert (found.requests, found.errors, found.median, found.slow) == (20.0, 1.0, 0.0005, 0.1)


def test_without_requests_between_two_looks_no_latency_is_made_up() -> None:
    metrics = Metrics()
    metrics.took(0.001)
    first, second = (numbers(page(metrics), "town", at) for at in (1.0, 2.0))
    assert first is not None and second is not None
    found = traffic(first, second)
    assert found is not None and (found.requests, found.median, found.slow) == (0.0, None, None)


def test_a_server_that_started_anew_has_no_rate_yet() -> None:
    old, new = Metrics(), Metrics()
    for _ in range(5):
        old.took(0.001)
    first, second = numbers(page(old), "town", 1.0), numbers(page(new), "town", 2.0)
    assert first is not None and second is not None
    assert traffic(first, second) is None
    assert traffic(first, first) is None


def test_of_several_models_only_ours_counts() -> None:
    ours, theirs = Metrics(), Metrics()
    ours.took(0.001)
    for _ in range(9):
        theirs.took(0.001)
    theirs.add("flyball_requests_refused_total", 3, (("status", "422"),))
    found = numbers(render([Page("town", ours, []), Page("other", theirs, [])]), "town", 1.0)
    assert found is not None and (found.requests, found.errors) == (1.0, 0.0)


def test_a_page_of_something_else_is_no_server_of_ours() -> None:
    assert numbers(page(Metrics(), "other"), "town", 1.0) is None
    assert numbers("<html>hello</html>", "town", 1.0) is None
    assert numbers("", "town", 1.0) is None
    assert numbers('model_prediction_latency_seconds_bucket{le="x"} 1\n', "town", 1.0) is None


def test_a_server_that_listens_everywhere_is_asked_on_this_machine() -> None:
    assert address(ServeSpec(host="0.0.0.0", port=8001)) == "http://127.0.0.1:8001"
    assert address(ServeSpec(host="::", port=8001)) == "http://[::1]:8001"
    assert address(ServeSpec(host="example.org", port=80)) == "http://example.org:80"


def test_nobody_there_is_no_error() -> None:
    assert fetch("http://127.0.0.1:9/metrics") is None
    assert asker(ServeSpec(port=9), "town")(1.0) is None


def test_living_workers_say_where_to_ask_and_the_port_of_the_spec_goes_first() -> None:
    asked: list[str] = []
    metrics = Metrics()

    def get(url: str) -> str | None:
        asked.append(url)
        return page(metrics) if ":8765/" in url else None

    def found(*workers: str) -> list[str]:
        asked.clear()
        asker(ServeSpec(), "town", get, lambda: workers)(1.0)
        return [url.removeprefix("http://127.0.0.1:").removesuffix("/metrics") for url in asked]

    assert found() == ["8000"]
    assert found("made elsewhere") == ["8000"]
    assert found("8765-w0", "8765-w1") == ["8765"]
    assert found("7000-w0", "8000-w3", "8765-w1") == ["8000", "7000", "8765"]


def test_who_answered_is_told_by_version_and_variant() -> None:
    metrics = Metrics()
    first = numbers(page(metrics), "town", 10.0)
    metrics.took(0.001)
    metrics.predictions("town", 3, "champion").number += 30
    metrics.predictions("town", 4, "challenger").number += 10
    second = numbers(page(metrics), "town", 20.0)
    assert first is not None and second is not None
    found = traffic(first, second)
    assert found is not None and found.answers == ((3, "champion", 3.0), (4, "challenger", 1.0))


def test_of_all_requests_since_the_start_half_and_nearly_all_have_a_bound() -> None:
    metrics = Metrics()
    for number in range(200):
        metrics.took(0.0004 if number < 190 else 0.09)
    found = numbers(page(metrics), "town", 1.0)
    assert found is not None and so_far(found) == (0.0005, 0.1)


def test_asking_again_and_again_gives_nothing_where_nobody_answers() -> None:
    get = steady(0.2)
    assert get("http://127.0.0.1:9/metrics") is None and get("no address") is None
