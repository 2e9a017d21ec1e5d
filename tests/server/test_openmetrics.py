"""OpenMetrics: read by the format's own parser, and given only to those who ask for it."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as plain_families

from flyball.server.openmetrics import asked_for
from served import Served

ROW = {"hour": 3, "temp": 1.0, "rain": True}
PROMETHEUS = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5"


def test_both_formats_hold_the_same_samples(play: Callable[..., Any]) -> None:
    async def story(served: Served) -> tuple[httpx.Response, httpx.Response]:
        for _ in range(3):
            assert (await served.post("/predict", {"features": ROW})).status_code == 200
        assert (await served.post("/predict", {"features": []})).status_code == 422
        return await served.get("/metrics", accept=PROMETHEUS), await served.get("/metrics")

    new, old = play(story)
    assert new.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert old.headers["content-type"].startswith("text/plain; version=0.0.4")

    def samples(families: Any) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}

    found = samples(text_string_to_metric_families(new.text))  # type: ignore[no-untyped-call]  # the library has no types here
    assert found == samples(plain_families(old.text))
    assert sum(value for (name, _), value in found.items() if name == "model_predictions_total") == 3
    assert new.text.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (PROMETHEUS, True),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text; q=0.4", True),
    ],
)
def test_who_asks_for_openmetrics(accept: str, wanted: bool) -> None:
    assert asked_for({"headers": [(b"accept", accept.encode())]}) is wanted
