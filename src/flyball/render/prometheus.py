"""`flyball render prometheus`: scrape configuration, rules, and promtool's unit tests of the rules."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from flyball.render.dump import Tree, to_yaml
from flyball.render.promql import literally, series, template, told
from flyball.render.records import Files, Order
from flyball.render.rule_cases import Case, cases, recorded
from flyball.render.rules import JOB, Alerting, alertings, recordings
from flyball.spec.records import Spec

CONFIG, RULES, TESTS = "prometheus.yml", "rules/flyball.rules.yml", "flyball_test.yml"
_HEAD = "Made by `flyball render prometheus`. Change flyball.toml and render again, rather than this file."


def files(order: Order) -> Files:
    """The three files."""
    return {
        CONFIG: to_yaml(config(order), head=_HEAD),
        RULES: to_yaml(rules(order), head=_HEAD),
        TESTS: to_yaml(unit_tests(order), head=f"{_HEAD}\nRun them with: promtool test rules {TESTS}"),
    }


def config(order: Order) -> dict[str, Tree]:
    """Where to scrape. Each target brings its model's name as a label; what a server of several models says itself goes before that."""
    servers: dict[str, list[Spec]] = {}
    for spec in order.specs:
        servers.setdefault(_address(spec), []).append(spec)
    targets: list[Tree] = [
        {"targets": [address], **({"labels": {"model": specs[0].model.name}} if len(specs) == 1 else {})}
        for address, specs in servers.items()
    ]
    tree: dict[str, Tree] = {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": [RULES],
        "scrape_configs": [{"job_name": JOB, "honor_labels": True, "static_configs": targets}],
    }
    managers = list(_alertmanagers(order))
    return tree | ({"alerting": {"alertmanagers": managers}} if managers else {})


def rules(order: Order) -> dict[str, Tree]:
    """The recording rules, then the alerting rules. Several projects may link to several places: the first link is put into each."""
    recorded: list[Tree] = [{"record": one.name, "expr": one.expr} for one in recordings()]
    alarms: list[Tree] = []
    for one in alertings(order):
        annotations = {"summary": template(one.says), **({"runbook_url": literally(link)} if (link := _link(order)) else {})}
        alarms.append(
            {"alert": one.name, "expr": one.expr, "for": one.wait, "labels": {"severity": one.severity}, "annotations": annotations}
        )
    return {"groups": [{"name": "flyball-recording", "rules": recorded}, {"name": "flyball-alerting", "rules": alarms}]}


def unit_tests(order: Order) -> dict[str, Tree]:
    """What the recording rules give; and for each alarm a history in which it fires, and one in which it does not."""
    model = order.specs[0].model.name
    found: list[Tree] = [_recorded(model)]
    for name, case in cases(model).items():
        alarm = next(one for one in alertings(order) if one.name == name)
        found += [_test(alarm, case, order, fires=True), _test(alarm, case, order, fires=False)]
    return {"rule_files": [RULES], "evaluation_interval": "5m", "tests": found}


def _test(alarm: Alerting, case: Case, order: Order, *, fires: bool) -> Tree:
    labels = {**case.labels, "severity": alarm.severity}
    annotations = {"summary": told(alarm.says, case.labels, case.value), **({"runbook_url": link} if (link := _link(order)) else {})}
    expected: list[Tree] = [{"exp_labels": labels, "exp_annotations": annotations}] if fires else []
    inputs: list[Tree] = [dict(one) for one in (case.fires if fires else case.quiet)]
    return {
        "name": f"{alarm.name} {'fires' if fires else 'is quiet'}",
        "interval": "1m",
        "input_series": inputs,
        "alert_rule_test": [{"eval_time": case.at, "alertname": alarm.name, "exp_alerts": expected}],
    }


def _recorded(model: str) -> Tree:
    inputs, values = recorded(model)
    labels = {"job": JOB, "model": model}
    expected: list[Tree] = [
        {"expr": name, "eval_time": "30m", "exp_samples": [{"labels": series(name, labels), "value": value}]}
        for name, value in values.items()
    ]
    return {
        "name": "what is recorded",
        "interval": "1m",
        "input_series": [dict(one) for one in inputs],
        "promql_expr_test": expected,
    }


def _address(spec: Spec) -> str:
    """Where the server of a project is reached from the same machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(spec.serve.host, spec.serve.host)  # noqa: S104 - nothing is bound here
    return f"[{host}]:{spec.serve.port}" if ":" in host else f"{host}:{spec.serve.port}"


def _link(order: Order) -> str:
    return next((spec.alerts.link for spec in order.specs if spec.alerts.link), "")


def _alertmanagers(order: Order) -> Iterator[Tree]:
    """The Alertmanagers the specs name by their address; one that an environment variable names is not known here."""
    urls = {to.url: None for spec in order.specs for to in spec.alerts.to if to.kind == "alertmanager" and not to.url.startswith("env:")}
    for url in urls:
        split = urlsplit(url)
        prefix = split.path.removesuffix("/").removesuffix("/api/v2/alerts")
        tree: dict[str, Tree] = {"scheme": split.scheme, "static_configs": [{"targets": [split.netloc]}]}
        yield tree | ({"path_prefix": prefix} if prefix else {})
