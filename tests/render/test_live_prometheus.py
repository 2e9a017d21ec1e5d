"""A real Prometheus scrapes a real server with the rendered configuration, and answers every question of rules and dashboards."""

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from flyball.api.client import Client
from flyball.core.errors import FlyballError
from flyball.core.reason import because
from flyball.journal.events import AlertFired, Event, Frozen
from flyball.monitoring.series import SERIES
from flyball.render.dashboards import dashboards
from flyball.render.grafana import files as boards
from flyball.render.prometheus import CONFIG, files
from flyball.render.records import Order
from flyball.render.rules import JOB, alertings, recordings
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.stores import open_stores
from programs import program
from rendered import order, spec, write_down
from reported import full_report
from trained import CUSTOMER, MODEL, Shop, running

pytestmark = pytest.mark.slow
WAIT = 60
# What a healthy hour of a young server does not have. Everything else must have an answer.
EMPTY = {
    "model_shadow_predictions_total": "no candidate is compared here",
    "model_shadow_errors_total": "no candidate is compared here",
    "flyball_versions_left_out_total": "every version could be loaded",
    "flyball_guardrail_tripped": "no guardrail has anything to act on",
    "increase(flyball_decisions_total": "the journal does not grow while Prometheus looks",
}


@dataclass(frozen=True)
class Scene:
    """A server, and the Prometheus that scrapes it."""

    server: str
    prometheus: str

    def ask(self, expr: str) -> list[Any]:
        """What Prometheus answers to an expression; an error is an AssertionError."""
        said = httpx.post(f"{self.prometheus}/api/v1/query", data={"query": expr}, timeout=30).json()
        assert said["status"] == "success", (expr, said)
        result: list[Any] = said["data"]["result"]
        return result


@pytest.fixture(scope="module")
def scene(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    program("prometheus")
    folder = tmp_path_factory.mktemp("live")
    subprocess.run(["cp", "-a", f"{shop.folder}/.", str(folder)], check=True)
    something_happened(folder)
    with running(folder, "serve") as (server, _), prometheus(folder, server) as url:
        found = Scene(server, url)
        scrapes = f'count_over_time(up{{job="{JOB}"}}[5m])'
        until(lambda: [one for one in found.ask(scrapes) if float(one["value"][1]) >= 2])  # what is counted now is an increase
        with Client(server) as client:
            for number in range(30):
                client.predict(CUSTOMER, unit=str(number), prediction_id=f"p{number}")
            client.predict({**CUSTOMER, "plan": "a plan nobody has seen"})
            with pytest.raises(FlyballError):
                client.predict({**CUSTOMER, "tenure_months": "many"})
        httpx.post(f"{server}/outcomes", json={"prediction_id": "p1", "actual": 1}, timeout=30)
        unseen = 'count_over_time(model_unseen_categories_total{feature_name="plan"}[1m])'
        until(lambda: [one for one in found.ask(unseen) if float(one["value"][1]) >= 3])
        until(lambda: [one for one in found.ask("model:latency_seconds:p99_5m") if one["value"][1] != "NaN"])
        yield found


def something_happened(folder: Path) -> None:
    """A full report, a firing alert, a freeze, and a loop that looked twice."""
    stores, now = open_stores(read_settings(folder)), datetime.now(UTC)
    stores.reports.save(MODEL, full_report(now, features=tuple(CUSTOMER)))
    for minutes in (2, 1):
        stores.looks.looked(MODEL, now - timedelta(minutes=minutes))
    events: list[Event] = [AlertFired(key="drift:plan", reason=because("test.drift")), Frozen(reason="a test", until=None)]
    stores.journal.append(MODEL, events, expected=stores.journal.read(MODEL)[-1].seq, actor="test", at=now)
    stores.database.close()


@contextmanager
def prometheus(folder: Path, server: str) -> Iterator[str]:
    """Prometheus with the rendered files; only how often it looks, and at which port, is changed."""
    own, address = load_spec(folder), urlsplit(server)
    at = replace(own, serve=replace(own.serve, host=str(address.hostname), port=int(address.port or 0)))
    there = write_down(files(Order(specs=(at,))), folder / "rendered")
    tree = yaml.safe_load((there / CONFIG).read_text())
    tree["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (there / CONFIG).write_text(yaml.safe_dump(tree))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [f"--config.file={there / CONFIG}", f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([program("prometheus"), *words], stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: ready(url, process, folder / "prometheus.log"))
        yield url
    finally:
        process.terminate()
        process.wait(30)


def ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return httpx.get(f"{url}/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.2)


def filled_in(expr: str, feature: str = "plan") -> str:
    """An expression as Grafana sends it."""
    values = {"job": JOB, "model": MODEL, "feature": feature, "metric": "roc_auc", "__rate_interval": "5m"}
    quoted = re.sub(r"\$\{(\w+):doublequote\}", lambda found: '"' + values[found[1]] + '"', expr)
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], quoted)


def test_the_server_is_scraped_under_the_name_of_its_model(scene: Scene) -> None:
    (up,) = scene.ask(f'up{{job="{JOB}"}}')
    assert up["value"][1] == "1"
    assert up["metric"]["model"] == MODEL
    assert scene.ask("flyball_log_pending_rows")[0]["metric"]["model"] == MODEL
    assert scene.ask('model_predictions_total{exported_model=~".+"}') == [], "the server's own label is not pushed aside"


@pytest.mark.parametrize("dashboard", dashboards(), ids=lambda one: one.uid)
def test_every_question_of_every_panel_is_answered(scene: Scene, dashboard: Any) -> None:
    without = []
    for panels in dashboard.rows.values():
        for panel in panels:
            for query in panel.queries:
                if not [one for one in scene.ask(filled_in(query.expr)) if one["value"][1] != "NaN"]:
                    without.append((panel.title, query.expr))
    assert [one for one in without if not any(name in one[1] for name in EMPTY)] == []


def test_the_variables_of_dashboards_find_their_values(scene: Scene) -> None:
    asked = set(re.findall(r"label_values\((.*?), (\w+)\)\\?\"", "".join(boards(Order(specs=())).values()).replace('\\"', "'")))
    assert {label for _, label in asked} == {"job", "model", "metric", "feature_name"}
    for expr, label in asked:
        values = {one["metric"].get(label) for one in scene.ask(filled_in(expr.replace("'", '"')))}
        assert None not in values and values, (expr, label)


def test_every_rule_is_healthy_and_what_is_recorded_has_values(scene: Scene) -> None:
    groups = httpx.get(f"{scene.prometheus}/api/v1/rules", timeout=30).json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(recordings()) + len(alertings(order(spec(MODEL))))
    assert [rule for rule in rules if rule["health"] != "ok"] == []
    for one in recordings():
        assert scene.ask(one.name), one.name


def test_the_alarms_see_what_the_report_says_and_nothing_else(scene: Scene) -> None:
    until(lambda: scene.ask('ALERTS{alertname="FlyballFeatureDrift"}'))
    alerts = {
        (one["metric"]["alertname"], one["metric"].get("feature_name", one["metric"].get("metric", ""))) for one in scene.ask("ALERTS")
    }
    assert alerts == {
        ("FlyballFeatureDrift", "plan"),
        ("FlyballFeatureBroken", "tenure_months"),
        ("FlyballPerformanceBelowFloor", "roc_auc"),
        ("FlyballDataQuality", ""),
        ("FlyballFrozen", ""),
    }


def test_every_series_of_the_catalogue_is_on_the_page_with_its_type_and_its_sentence(scene: Scene) -> None:
    plain = httpx.get(f"{scene.server}/metrics", timeout=30).text
    for one in SERIES:
        assert f"# HELP {one.name} {one.says}\n# TYPE {one.name} {one.kind}\n" in plain
    page = httpx.get(f"{scene.server}/metrics", headers={"accept": "application/openmetrics-text"}, timeout=30).text
    families = {family.name: family for family in text_string_to_metric_families(page)}  # type: ignore[no-untyped-call]  # no types there
    for one in SERIES:
        family = families[one.name.removesuffix("_total") if one.kind == "counter" else one.name]
        assert family.type == one.kind
        for sample in family.samples:
            assert set(sample.labels) - {"le"} <= {*one.labels, "model"}, sample
        assert family.samples or any(one.name in name for name in EMPTY), f"{one.name} has no sample"


def test_the_numbers_are_those_of_the_server_and_of_the_report(scene: Scene) -> None:
    assert scene.ask('sum(model_predictions_total{variant="champion"})')[0]["value"][1] == "31"
    assert scene.ask('model_feature_drift{feature_name="plan"}')[0]["value"][1] == "0.67"
    assert scene.ask("flyball_frozen")[0]["value"][1] == "1"
    assert scene.ask('flyball_alert_firing{key="drift:plan"}')[0]["value"][1] == "1"
    assert scene.ask("flyball_loop_tick_interval_seconds")[0]["value"][1] == "60"
