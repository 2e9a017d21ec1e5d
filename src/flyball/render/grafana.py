"""`flyball render grafana`: the dashboards as JSON, and the provisioning that brings them and their data source into Grafana."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from flyball.render.dashboards import Dashboard, dashboards
from flyball.render.dump import Tree, to_json, to_yaml
from flyball.render.panels import SOURCE, placed, row
from flyball.render.records import Files, Order

FOLDER = "/var/lib/grafana/dashboards/flyball"
UID = "flyball-prometheus"
_HEAD = "Made by `flyball render grafana`."
_SCHEMA = 38  # of Grafana 10.1; newer ones migrate it when they read it
_COLUMNS = 24


def files(order: Order) -> Files:
    """Dashboards and provisioning."""
    boards = {f"dashboards/{one.uid}.json": to_json(board(one, order)) for one in dashboards()}
    return {
        **boards,
        "provisioning/dashboards/flyball.yml": to_yaml(providers(), head=_HEAD),
        "provisioning/datasources/flyball.yml": to_yaml(datasources(order), head=_HEAD),
    }


def board(one: Dashboard, order: Order) -> dict[str, Tree]:
    """One dashboard as Grafana reads it."""
    panels: list[Tree] = []
    y = 0
    for title, row_panels in one.rows.items():
        panels.append(row(title, len(panels) + 1, y))
        x, y, height = 0, y + 1, 0
        for panel in row_panels:
            if x + panel.width > _COLUMNS:
                x, y, height = 0, y + height, 0
            panels.append(placed(panel, len(panels) + 1, x, y))
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return {
        "uid": one.uid,
        "title": one.title,
        "description": one.description,
        "tags": ["flyball"],
        "style": "dark",
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": _SCHEMA,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": _variables(one.variables)},
        "annotations": {"list": []},
        "links": _links(order),
        "panels": panels,
    }


def providers() -> dict[str, Tree]:
    """Where Grafana finds the dashboards."""
    provider: dict[str, Tree] = {
        "name": "flyball",
        "folder": "Flyball",
        "type": "file",
        "allowUiUpdates": False,
        "options": {"path": FOLDER},
    }
    return {"apiVersion": 1, "providers": [provider]}


def datasources(order: Order) -> dict[str, Tree]:
    """Where Grafana finds Prometheus."""
    source: dict[str, Tree] = {
        "name": "Flyball Prometheus",
        "type": "prometheus",
        "uid": UID,
        "access": "proxy",
        "url": _literally(order.prometheus),
        "jsonData": {"timeInterval": "15s"},
    }
    return {"apiVersion": 1, "datasources": [source]}


def _variables(own: Mapping[str, str]) -> list[Tree]:
    source: Tree = {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "hide": 0,
        "skipUrlSync": False,
        "multi": False,
        "includeAll": False,
        "regex": "",
        "refresh": 1,
        "current": {"selected": True, "text": "Flyball Prometheus", "value": UID},
        "options": [],
    }
    asked = {
        "job": "label_values(flyball_log_pending_rows, job)",
        "model": 'label_values(flyball_log_pending_rows{job="$job"}, model)',
        **own,
    }
    return [source, *(_variable(name, query) for name, query in asked.items())]


def _variable(name: str, query: str) -> Tree:
    return {
        "type": "query",
        "name": name,
        "label": name.capitalize(),
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "hide": 0,
        "skipUrlSync": False,
        "multi": False,
        "includeAll": False,
        "regex": "",
        "refresh": 2,
        "sort": 1,
        "options": [],
    }


def _links(order: Order) -> list[Tree]:
    """The other dashboards; and the link of `[alerts]`, if it is a web address. Grafana would fill in `$`, so it is written as `%24`."""
    others: dict[str, Tree] = {"title": "Flyball", "type": "dashboards", "tags": ["flyball"], "asDropdown": False, "url": ""}
    found: list[Tree] = [_link(others)]
    for link in dict.fromkeys(spec.alerts.link for spec in order.specs):
        if re.match(r"https?://[^/\s]", link):
            address = quote(link, safe="/:?#@!&'()*+,;=%~-._")
            found.append(_link({"title": "What to do", "type": "link", "tags": [], "asDropdown": False, "url": address}))
    return found


def _link(link: Mapping[str, Tree]) -> Tree:
    own: dict[str, Tree] = {"icon": "external link", "tooltip": "", "targetBlank": False, "includeVars": True, "keepTime": True}
    return {**own, **link, **({"targetBlank": True, "includeVars": False, "keepTime": False} if link["type"] == "link" else {})}


def _literally(text: str) -> str:
    """Grafana fills environment variables into provisioning files; `$$` is a dollar."""
    return text.replace("$", "$$")
