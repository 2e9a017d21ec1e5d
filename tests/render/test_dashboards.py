"""The dashboards, held against Grafana's own schema as its typed classes have it."""

import enum
import json
import re
import types
import typing
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.models import dashboard as schema

from flyball.render.dashboards import Dashboard, dashboards
from flyball.render.grafana import FOLDER, UID, board, files
from rendered import order, spec

BOARDS = dashboards()
_WIDE = 24


@pytest.fixture(params=BOARDS, ids=[one.uid for one in BOARDS])
def one(request: pytest.FixtureRequest) -> Dashboard:
    found: Dashboard = request.param
    return found


def tree(one: Dashboard) -> Any:
    return json.loads(files(order())[f"dashboards/{one.uid}.json"])


def typed(one: Dashboard) -> schema.Dashboard:
    register_default_plugins()
    return schema.Dashboard.from_json(tree(one))


def lost(ours: object, theirs: object, at: str = "") -> list[str]:
    """What is in our tree and not, or not so, in theirs; defaults that they add are theirs."""
    if isinstance(ours, dict):
        if not isinstance(theirs, dict):
            return [at]
        return [part for key, value in ours.items() for part in lost(value, theirs.get(key), f"{at}.{key}")]
    if isinstance(ours, list):
        if not isinstance(theirs, list) or len(ours) != len(theirs):
            return [at]
        return [part for number, (a, b) in enumerate(zip(ours, theirs, strict=True)) for part in lost(a, b, f"{at}[{number}]")]
    return [] if ours == theirs else [f"{at}: {ours!r} became {theirs!r}"]


def wrong(value: object, hint: Any, at: str = "") -> list[str]:
    """Where a value is not of the type its class declares. `object` takes anything; numbers are numbers."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in (Any, object) or (value is None and hint is type(None)):
        return []
    if origin in (typing.Union, types.UnionType):
        fitting = [one for one in arguments if isinstance(value, typing.get_origin(one) or one)] if not literal(arguments) else arguments
        tries = [wrong(value, one, at) for one in fitting or arguments]
        return [] if any(not one for one in tries) else tries[0]
    if origin is typing.Literal:
        return [] if value in arguments else [f"{at}: {value!r} is none of {arguments}"]
    if origin is list:
        return (
            [f"{at}: no list"]
            if not isinstance(value, list)
            else [w for n, v in enumerate(value) for w in wrong(v, arguments[0], f"{at}[{n}]")]
        )
    if origin is dict:
        return (
            [f"{at}: no dict"]
            if not isinstance(value, dict)
            else [w for k, v in value.items() for w in wrong(v, arguments[1], f"{at}.{k}")]
        )
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return [] if value in [one.value for one in hint] else [f"{at}: {value!r} is no {hint.__name__}"]
    if hint in (int, float):
        return [] if isinstance(value, int | float) and not isinstance(value, bool) else [f"{at}: {value!r} is no number"]
    if hint in (str, bool):
        return [] if isinstance(value, hint) else [f"{at}: {value!r} is no {hint.__name__}"]
    if isinstance(value, dict) and hasattr(hint, "from_json"):
        return lost(value, json.loads(json.dumps(hint.from_json(value), cls=JSONEncoder)), at)  # the library leaves these as they are
    if not isinstance(value, hint):
        return [f"{at}: {type(value).__name__} is no {hint.__name__}"]
    return members(value, at)


def literal(arguments: tuple[Any, ...]) -> bool:
    return any(typing.get_origin(one) is typing.Literal or (isinstance(one, type) and issubclass(one, enum.Enum)) for one in arguments)


def members(value: object, at: str = "") -> list[str]:
    """The same of everything in an object of the schema's classes."""
    hints = typing.get_type_hints(type(value))
    return [w for name, hint in hints.items() if hasattr(value, name) for w in wrong(getattr(value, name), hint, f"{at}.{name}")]


def test_the_schema_knows_every_key_and_loses_none(one: Dashboard) -> None:
    back = json.loads(json.dumps(typed(one), cls=JSONEncoder))
    assert lost(tree(one), back) == []


def test_every_value_is_of_the_type_the_schema_says(one: Dashboard) -> None:
    found = typed(one)
    assert members(found) == []
    for panel in found.panels or []:
        if isinstance(panel, schema.Panel):
            assert members(panel.options, panel.title or "") == []
            assert panel.field_config.defaults.custom is None or members(panel.field_config.defaults.custom, panel.title or "") == []
            assert not any(isinstance(target, UnknownDataquery) for target in panel.targets or [])


def test_the_schema_check_sees_what_is_wrong() -> None:
    register_default_plugins()
    ours = tree(BOARDS[0])
    ours["panels"][1]["fieldConfig"]["defaults"]["thresholds"]["mode"] = "sometimes"
    ours["panels"][1]["gridPos"]["w"] = "wide"
    ours["panels"][1]["no_such_key"] = 1
    found = schema.Dashboard.from_json(ours)
    assert len(members(found)) == 2
    assert lost(ours, json.loads(json.dumps(found, cls=JSONEncoder))) == [".panels[1].no_such_key: 1 became None"]


def test_every_panel_explains_itself_has_a_unit_and_a_word_for_when_there_is_nothing(one: Dashboard) -> None:
    for panel in tree(one)["panels"]:
        assert panel["title"]
        if panel["type"] == "row":
            continue
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]
        assert panel["targets"], panel["title"]
        if panel["type"] in ("stat", "timeseries"):
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        if panel["type"] == "timeseries" and len(panel["targets"]) > 1:
            assert all(target["legendFormat"] != "__auto" for target in panel["targets"]), panel["title"]


def test_panels_do_not_overlap_and_stay_on_the_grid(one: Dashboard) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in tree(one)["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= _WIDE
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in tree(one)["panels"]]
    assert len(set(ids)) == len(ids)


def test_data_source_and_names_come_from_variables_only(one: Dashboard) -> None:
    found = tree(one)
    names = {variable["name"] for variable in found["templating"]["list"]}
    used = {part for panel in found["panels"] for target in panel.get("targets", []) for part in variables(target["expr"])}
    assert used - {"__rate_interval"} <= names
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in found["panels"] if panel["type"] != "row")
    assert board(one, order(spec("another"))) == board(one, order()), "no name of a project stands in a dashboard"


def variables(expr: str) -> set[str]:
    return {found[1] or found[2] for found in re.finditer(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))", expr)}


def test_provisioning_finds_the_dashboards_and_the_data_source_they_name() -> None:
    found = files(order())
    (provider,) = yaml.safe_load(found["provisioning/dashboards/flyball.yml"])["providers"]
    (source,) = yaml.safe_load(found["provisioning/datasources/flyball.yml"])["datasources"]
    assert (provider["type"], provider["options"]["path"]) == ("file", FOLDER)
    assert (source["type"], source["uid"], source["url"]) == ("prometheus", UID, "http://127.0.0.1:9090")
    for dashboard in BOARDS:
        assert tree(dashboard)["templating"]["list"][0]["current"]["value"] == UID
