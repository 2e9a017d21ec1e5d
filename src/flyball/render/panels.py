"""Panels of Grafana as plain trees: numbers, lines, states and tables, each with unit, description and a word for when there is nothing."""

from collections.abc import Mapping, Sequence

from flyball.core.record import record
from flyball.render.dump import Tree

SOURCE: Tree = {"type": "prometheus", "uid": "${datasource}"}
GREEN, YELLOW, RED, BLUE, GREY = "green", "yellow", "red", "blue", "text"
STATES = {0: ("insufficient data", GREY), 1: ("ok", GREEN), 2: ("warn", YELLOW), 3: ("drift", RED)}
Thresholds = Sequence[tuple[float, str]]
_LETTERS = "ABCDEFGHIJ"


@record
class Query:
    """One question to Prometheus, and how its series are called in the legend. `instant`: only as of the end of the time range."""

    expr: str
    legend: str = ""
    instant: bool = False
    table: bool = False
    heat: bool = False


@record
class Panel:
    """One panel, without its place. `height` in units of the grid, `width` of its 24 columns."""

    kind: str
    title: str
    description: str
    queries: tuple[Query, ...]
    options: Mapping[str, Tree]
    defaults: Mapping[str, Tree]
    overrides: tuple[Tree, ...] = ()
    transformations: tuple[Tree, ...] = ()
    width: int = 8
    height: int = 8


def number(
    title: str, description: str, expr: str, *, unit: str = "none", empty: str = "none", thresholds: Thresholds = (), width: int = 3
) -> Panel:
    """The newest value, large, coloured by where it stands."""
    return Panel(
        kind="stat",
        title=title,
        description=description,
        queries=(Query(expr=expr, instant=True),),
        options={
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "value" if thresholds else "none",
            "graphMode": "none",
            "justifyMode": "auto",
            "textMode": "value",
            "orientation": "auto",
        },
        defaults=_defaults(unit, empty, thresholds),
        width=width,
        height=4,
    )


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str = "none",
    empty: str = "nothing in this time",
    thresholds: Thresholds = (),
    style: str = "line",
    stacked: bool = False,
    band: tuple[str, str] | None = None,
    least: float | None = 0,
    width: int = 8,
) -> Panel:
    """Series over time. `band`: the legends of a lower and an upper bound, between which the space is filled."""
    custom: dict[str, Tree] = {
        "drawStyle": "bars" if style == "bars" else "line",
        "lineWidth": 1,
        "fillOpacity": 60 if style == "bars" else 20 if stacked else 0,
        "lineInterpolation": "stepAfter" if style == "steps" else "linear",
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "line" if thresholds else "off"},
    }
    defaults = {**_defaults(unit, empty, thresholds), "custom": custom, "color": {"mode": "palette-classic"}}
    overrides: tuple[Tree, ...] = ()
    if band is not None:
        lower, upper = band
        overrides = (
            _override(lower, {"custom.lineWidth": 0}),
            _override(upper, {"custom.lineWidth": 0, "custom.fillBelowTo": lower, "custom.fillOpacity": 15}),
        )
    return Panel(
        kind="timeseries",
        title=title,
        description=description,
        queries=queries,
        options={
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        defaults=defaults | ({} if least is None else {"min": least}),
        overrides=overrides,
        width=width,
    )


def states(
    title: str,
    description: str,
    *queries: Query,
    names: Mapping[int, tuple[str, str]],
    empty: str = "nothing in this time",
    width: int = 12,
) -> Panel:
    """States over time, one row a series."""
    return Panel(
        kind="state-timeline",
        title=title,
        description=description,
        queries=queries,
        options={
            "showValue": "never",
            "mergeValues": True,
            "rowHeight": 0.8,
            "alignValue": "left",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
        defaults={
            "noValue": empty,
            "mappings": _mappings(names),
            "color": {"mode": "thresholds"},
            "thresholds": _thresholds(()),
            "custom": {"lineWidth": 0, "fillOpacity": 80},
        },
        width=width,
    )


def heat(title: str, description: str, query: Query, *, unit: str, empty: str = "nothing in this time", width: int = 12) -> Panel:
    """A histogram over time."""
    return Panel(
        kind="heatmap",
        title=title,
        description=description,
        queries=(query,),
        options={
            "calculate": False,
            "cellGap": 1,
            "color": {"mode": "scheme", "scheme": "Blues", "exponent": 0.5, "fill": BLUE, "steps": 64, "reverse": False},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"show": True, "yHistogram": False},
            "yAxis": {"unit": unit, "axisPlacement": "left", "reverse": False},
            "showValue": "never",
        },
        defaults={"noValue": empty},
        width=width,
    )


def table(
    title: str, description: str, by: str, columns: Mapping[str, tuple[Query, Mapping[str, Tree]]], *, empty: str, width: int = 12
) -> Panel:
    """One row for each value of the label `by`, one column for each query, with the properties of its fields."""
    fields = {f"Value #{letter}": name for letter, name in zip(_LETTERS, columns, strict=False)}
    overrides = tuple(_override(name, properties) for name, (_, properties) in columns.items() if properties)
    return Panel(
        kind="table",
        title=title,
        description=description,
        queries=tuple(query for query, _ in columns.values()),
        options={
            "showHeader": True,
            "cellHeight": "sm",
            "frameIndex": 0,
            "sortBy": [{"displayName": next(iter(columns)), "desc": True}],
        },
        defaults={"noValue": empty, "thresholds": _thresholds(()), "custom": {"align": "auto", "cellOptions": {"type": "auto"}}},
        overrides=overrides,
        transformations=(
            {"id": "joinByField", "options": {"byField": by, "mode": "outer"}},
            {"id": "filterFieldsByName", "options": {"include": {"names": [by, *fields]}}},
            {"id": "organize", "options": {"renameByName": dict(fields), "excludeByName": {}, "indexByName": {}}},
        ),
        width=width,
    )


def state_column() -> dict[str, Tree]:
    """The properties of a column that holds states."""
    return {"mappings": _mappings(STATES), "custom.cellOptions": {"type": "color-text"}}


def placed(panel: Panel, at: int, x: int, y: int) -> dict[str, Tree]:
    """A panel as Grafana reads it, at its place."""
    return {
        "id": at,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "targets": [_target(query, letter) for query, letter in zip(panel.queries, _LETTERS, strict=False)],
        "options": dict(panel.options),
        "fieldConfig": {"defaults": dict(panel.defaults), "overrides": list(panel.overrides)},
        "transformations": list(panel.transformations),
    }


def row(title: str, at: int, y: int) -> dict[str, Tree]:
    """A heading over the panels below it."""
    return {"id": at, "type": "row", "title": title, "collapsed": False, "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": []}


def _target(query: Query, letter: str) -> Tree:
    form = "table" if query.table else "heatmap" if query.heat else "time_series"
    return {
        "refId": letter,
        "datasource": SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": query.instant,
        "range": not query.instant,
        "format": form,
        "editorMode": "code",
    }


def _defaults(unit: str, empty: str, thresholds: Thresholds) -> dict[str, Tree]:
    return {"unit": unit, "noValue": empty, "thresholds": _thresholds(thresholds), "color": {"mode": "thresholds"}}


def _thresholds(steps: Thresholds) -> Tree:
    first: Tree = {"value": None, "color": GREEN}
    return {"mode": "absolute", "steps": [first, *({"value": value, "color": color} for value, color in steps)]}


def _mappings(names: Mapping[int, tuple[str, str]]) -> Tree:
    options: dict[str, Tree] = {str(number): {"text": text, "color": color, "index": number} for number, (text, color) in names.items()}
    return [{"type": "value", "options": options}]


def _override(name: str, properties: Mapping[str, Tree]) -> Tree:
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }
