"""The rules for Prometheus, held against promtool itself."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from flyball.render.grafana import files as boards
from flyball.render.prometheus import CONFIG, RULES, TESTS, config, files, rules, unit_tests
from flyball.render.records import Order
from flyball.render.rule_cases import cases
from flyball.render.rules import alertings, recordings
from flyball.spec.records import AlertsSpec
from rendered import order, promtool, spec, write_down


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_down(files(order()), tmp_path_factory.mktemp("prometheus"))


def test_promtool_takes_the_configuration_and_the_rules(folder: Path) -> None:
    assert "SUCCESS" in promtool(folder, "check", "config", CONFIG)
    found = promtool(folder, "check", "rules", RULES)
    assert f"{len(recordings()) + len(alertings(order()))} rules found" in found


def test_every_alarm_fires_in_its_history_and_is_quiet_in_the_other(folder: Path) -> None:
    assert "SUCCESS" in promtool(folder, "test", "rules", TESTS)


def test_the_unit_tests_would_see_an_alarm_that_never_fires_and_one_that_always_does(folder: Path, tmp_path: Path) -> None:
    for wrong in ("vector(1) == 2", 'label_replace(vector(1), "job", "flyball", "", "")'):
        tree: Any = rules(order())
        checks: Any = unit_tests(order())
        for group in tree["groups"]:
            for rule in group["rules"]:
                if rule.get("alert") == "FlyballFeatureDrift":
                    rule["expr"] = wrong
        some = [one for one in checks["tests"] if one["name"].startswith("FlyballFeatureDrift")]
        changed = write_down({RULES: yaml.safe_dump(tree), TESTS: yaml.safe_dump({**checks, "tests": some})}, tmp_path)
        with pytest.raises(AssertionError, match="FAILED"):
            promtool(changed, "test", "rules", TESTS)


def test_every_alarm_has_its_two_histories() -> None:
    assert set(cases("churn")) == {one.name for one in alertings(order())}


def test_what_is_recorded_is_tested_or_used_by_an_alarm_that_is() -> None:
    checks: Any = unit_tests(order())
    tested = {check["expr"] for check in checks["tests"][0]["promql_expr_test"]}
    used = " ".join(one.expr for one in alertings(order()))
    assert [one.name for one in recordings() if one.name not in tested and one.name not in used] == []


def test_drift_and_performance_alarm_on_bounds_never_on_a_p_value() -> None:
    by_name = {one.name: one.expr for one in alertings(order())}
    assert "model_feature_drift_lower)" in by_name["FlyballFeatureDrift"].split(">")[0]
    assert "model_feature_drift_threshold)" in by_name["FlyballFeatureDrift"].split(">")[1]
    performance = by_name["FlyballPerformanceBelowFloor"]
    assert performance.count("model_performance_alarm_bound{") == 2, "losses from below, others from above"
    assert "_lower" not in performance and "_upper" not in performance, "the bounds of one look are not those the loop alarms at"
    assert not any("p_value" in expr for expr in by_name.values())


def test_every_alarm_waits_has_a_severity_a_sentence_and_the_link_of_the_spec() -> None:
    tree: Any = rules(order())
    alarms = tree["groups"][1]["rules"]
    assert len(alarms) == len(alertings(order()))
    for alarm in alarms:
        assert re.fullmatch(r"\d+[mhd]", alarm["for"])
        assert alarm["labels"]["severity"] in ("critical", "warning", "info")
        assert alarm["annotations"]["summary"].endswith(".")
        assert alarm["annotations"]["runbook_url"] == "https://wiki.example/churn"


def test_a_project_without_a_link_has_no_runbook() -> None:
    assert "runbook_url" not in files(order(replace(spec(), alerts=AlertsSpec())))[RULES]


def test_each_server_is_one_target_and_says_its_model_itself_where_it_has_several() -> None:
    alone: Any = config(order(spec("a", address="0.0.0.0:8001"), spec("b", address="[::]:8002")))["scrape_configs"]
    assert alone[0]["static_configs"] == [
        {"targets": ["127.0.0.1:8001"], "labels": {"model": "a"}},
        {"targets": ["[::1]:8002"], "labels": {"model": "b"}},
    ]
    shared: Any = config(order(spec("a"), spec("b")))["scrape_configs"]
    assert shared[0]["static_configs"] == [{"targets": ["127.0.0.1:8000"]}]
    assert shared[0]["honor_labels"] is True


def test_the_alertmanagers_of_the_spec_are_those_of_prometheus() -> None:
    tree: Any = config(order())
    assert tree["alerting"]["alertmanagers"] == [{"scheme": "http", "static_configs": [{"targets": ["127.0.0.1:9093"]}]}]


def test_the_objectives_asked_for_are_in_the_rules() -> None:
    by_name = {one.name: one for one in alertings(Order(specs=(spec(),), latency=timedelta(milliseconds=250), availability=0.99))}
    assert by_name["FlyballSlow"].expr.endswith("> 0.25")
    assert "> 0.144" in by_name["FlyballErrorBudgetBurnsFast"].expr
    assert "(99 % answered)" in by_name["FlyballErrorBudgetBurnsFast"].says


def test_the_documentation_explains_every_alarm_and_names_every_file() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "prometheus.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(Flyball\w+)` \| (\w+) \|", text, flags=re.MULTILINE))
    assert told == {one.name: one.severity for one in alertings(order())}
    named = set(re.findall(r"^\| `([\w./-]+\.(?:yml|json))` \|", text, flags=re.MULTILINE))
    assert named == {*files(order()), *boards(order())}
