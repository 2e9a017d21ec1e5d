"""One catalogue: rules and dashboards ask for nothing that is not in it, with no label a series does not have."""

import re
from collections.abc import Iterator

import pytest

from flyball.monitoring.series import BY_NAME, SERIES, Series
from flyball.render.dashboards import dashboards
from flyball.render.grafana import board
from flyball.render.rules import alertings, recordings
from rendered import order

_PLACE = {"job", "instance", "model"}  # what Prometheus and the scrape configuration add
_SUFFIXES = ("", "_bucket", "_sum", "_count")
_UP = "up"


def expressions() -> Iterator[tuple[str, str]]:
    """Where an expression stands, and the expression."""
    for one in recordings():
        yield one.name, one.expr
    for alarm in alertings(order()):
        yield alarm.name, alarm.expr
    for dashboard in dashboards():
        for panels in dashboard.rows.values():
            for panel in panels:
                for query in panel.queries:
                    yield f"{dashboard.uid}: {panel.title}", query.expr
        for name, asked in dashboard.variables.items():
            yield f"{dashboard.uid}: ${name}", asked


EXPRESSIONS = list(expressions())


def series_in(expr: str) -> Iterator[tuple[str, set[str]]]:
    """The names of series in an expression, each with the labels it is asked by."""
    text = re.sub(r'"[^"]*"|\$\{[^}]*\}', '""', expr)
    for found in re.finditer(r"(?<![\w:$])([a-zA-Z_][\w:]*)(?:\{([^}]*)\})?", text):
        name, labels = found[1], found[2] or ""
        if name.startswith(("model_", "flyball_")) or ":" in name or name == _UP:
            yield name, {re.split("[=!]", part.strip())[0] for part in labels.split(",") if part.strip()}


def known(name: str) -> Series | None:
    """The series of the catalogue a sample's name belongs to."""
    for suffix in _SUFFIXES:
        found = BY_NAME.get(name.removesuffix(suffix) if suffix else name)
        if found is not None and (not suffix or found.kind == "histogram"):
            return found
    return None


def labels_of(name: str) -> set[str]:
    found = known(name)
    assert found is not None, name
    return {*found.labels, *_PLACE} | ({"le"} if name.endswith("_bucket") else set())


@pytest.mark.parametrize(("where", "expr"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_what_is_asked_for_is_in_the_catalogue_with_these_labels(where: str, expr: str) -> None:
    recorded = {one.name for one in recordings()}
    asked = list(series_in(expr))
    assert asked, "an expression without a series"
    has: set[str] = set()
    for name, labels in asked:
        if name in recorded or name == _UP:
            has |= _PLACE
            continue
        assert known(name) is not None, name
        assert labels <= labels_of(name), (name, labels)
        has |= labels_of(name)
    for grouped in re.findall(r"(?:by|on) \(([^)]*)\)", expr):
        assert {label.strip() for label in grouped.split(",")} <= has, grouped


def test_every_series_is_asked_for_somewhere() -> None:
    asked = {found.name for _, expr in EXPRESSIONS for name, _ in series_in(expr) if (found := known(name)) is not None}
    assert [one.name for one in SERIES if one.name not in asked] == []


def test_the_variables_of_dashboards_ask_the_catalogue_too() -> None:
    for dashboard in dashboards():
        templating = board(dashboard, order())["templating"]
        for name in re.findall(r"label_values\((\w+)", str(templating)):
            assert name in BY_NAME


def test_names_follow_the_conventions_of_prometheus() -> None:
    for one in SERIES:
        assert re.fullmatch(r"(model|flyball)_[a-z0-9_]+", one.name)
        assert one.name.endswith("_total") == (one.kind == "counter"), one.name
        assert one.unit in ("", "ratio", "rows", "seconds"), one.name
        if one.unit in ("ratio", "seconds"):
            assert one.name.endswith(f"_{one.unit}"), one.name
        assert one.says.endswith(".") and "\n" not in one.says and "\\" not in one.says
        assert not {"id", "prediction_id", "unit", "value"} & set(one.labels)
        for labels in one.born:
            assert {label for label, _ in labels} <= set(one.labels)
    assert len(BY_NAME) == len(SERIES)
