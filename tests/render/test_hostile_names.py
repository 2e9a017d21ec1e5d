"""Whatever a model, a feature or a link is called: what is rendered reads back as the same tree, and nothing in it is executed."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from flyball.core.errors import SpecError
from flyball.render.dashboards import dashboards
from flyball.render.dump import to_json, to_yaml
from flyball.render.grafana import board, datasources
from flyball.render.grafana import files as boards
from flyball.render.prometheus import CONFIG, RULES, TESTS, config, files, rules, unit_tests
from flyball.render.promql import literally, quoted, template, told
from flyball.render.records import Order
from rendered import order, promtool, spec, write_down

NASTY = [
    'a "b" \\ c',
    "{{ $labels.job }}{{ end }}",
    '{{ query "up" }}',
    "${HOME} $(id) `id` $job",
    "'; DROP TABLE x; --",
    "yes",
    "1e3",
    "- a",
    "&a *a !!python",
    "温度 \u2028 \x85 é 🦔",
    "{",
    "#c: d",
    "%percent%",
]
NAMES = st.text(st.characters(min_codepoint=32, exclude_characters="/:", exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda text: bool(text.strip())
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=60).filter(
    lambda text: bool(text.strip())
)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs", "Cc"])) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def said(text: str) -> str:
    """What a Go template says in which only text in quotes stands between the braces."""
    left = re.sub(r'\{\{ "(\{)" \}\}', "\0", text)
    assert "{" not in left, "something is executed"
    return left.replace("\0", "{")


@settings(deadline=None, max_examples=60)
@given(name=NAMES, link=TEXTS)
def test_any_name_and_link_reads_back_and_is_never_a_template(name: str, link: str) -> None:
    wanted = order(spec(name, link=link))
    texts = files(wanted)
    for file, tree in ((CONFIG, config(wanted)), (RULES, rules(wanted)), (TESTS, unit_tests(wanted))):
        assert yaml.safe_load(texts[file]) == tree
    found: Any = rules(wanted)
    for alarm in found["groups"][1]["rules"]:
        assert said(alarm["annotations"]["runbook_url"]) == link
        assert name not in alarm["annotations"]["summary"] or name in template("".join(alarm["annotations"]["summary"]))
    absent = found["groups"][1]["rules"][0]["expr"]
    assert absent == f'absent(flyball_log_pending_rows{{job="flyball", model={quoted(name)}}})'
    assert re.fullmatch(r'"(?:[^"\\\n]|\\["\\]|\\u[0-9a-f]{4}|\\U[0-9a-f]{8})*"', quoted(name))


@settings(deadline=None, max_examples=200)
@given(tree=TREES)
def test_any_tree_means_the_same_to_readers_of_yaml_1_1_and_1_2_and_of_json(tree: Any) -> None:
    text = to_yaml({"tree": tree}, head="one\ntwo")
    assert yaml.safe_load(text) == {"tree": tree}
    assert YAML(typ="safe", pure=True).load(io.StringIO(text)) == {"tree": tree}
    assert json.loads(to_json({"tree": tree})) == {"tree": tree}


@settings(deadline=None)
@given(text=st.text())
def test_a_text_said_literally_is_said_and_not_executed(text: str) -> None:
    assert said(literally(text.replace("\0", ""))) == text.replace("\0", "")


def test_a_sentence_becomes_a_template_and_what_it_will_say() -> None:
    says = "{metric} of {model} is {value:percent} {{really}}"
    assert template(says) == '{{ $labels.metric }} of {{ $labels.model }} is {{ $value | humanizePercentage }} {{ "{" }}really}'
    assert told(says, {"metric": "auc", "model": "{m}"}, "2%") == "auc of {m} is 2% {really}"


@pytest.mark.parametrize("name", NASTY)
def test_prometheus_itself_reads_them_and_says_them_as_they_are(name: str, tmp_path: Path) -> None:
    wanted = order(spec(name.replace(":", "").replace("/", ""), link=name))
    folder = write_down(files(wanted), tmp_path)
    promtool(folder, "check", "config", CONFIG)
    checks: Any = unit_tests(wanted)
    some = [one for one in checks["tests"] if one["name"].startswith(("FlyballServerDown", "FlyballMetricsAbsent", "FlyballFeatureDrift"))]
    assert len(some) == 6
    write_down({TESTS: to_yaml({**checks, "tests": some})}, tmp_path)
    promtool(folder, "test", "rules", TESTS)


@settings(deadline=None, max_examples=60)
@given(name=NAMES, link=TEXTS)
def test_dashboards_know_no_names_and_link_only_to_the_web(name: str, link: str) -> None:
    wanted = order(spec(name, link=link))
    for one in dashboards():
        links: Any = board(one, wanted)["links"]
        for there in links[1:]:
            assert re.match(r"https?://", there["url"])
            assert not re.search(r"[${}\[\]\s<>\"]", there["url"])
    assert boards(order(spec(name)))["dashboards/flyball-drift.json"] == boards(order(spec("churn")))["dashboards/flyball-drift.json"]


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", " https://x", "ftp://x", "https:///x"])
def test_a_link_that_is_no_web_address_is_in_no_dashboard(link: str) -> None:
    links: Any = board(dashboards()[0], order(spec(link=link)))["links"]
    assert len(links) == 1


def test_a_dollar_in_a_web_address_is_not_filled_in_by_grafana() -> None:
    links: Any = board(dashboards()[0], order(spec(link="https://wiki.example/${model}?a=[[b]]&c=%20d")))["links"]
    assert links[1]["url"] == "https://wiki.example/%24%7Bmodel%7D?a=%5B%5Bb%5D%5D&c=%20d"
    tree: Any = datasources(Order(specs=(spec(),), prometheus="http://x/$HOME"))
    assert tree["datasources"][0]["url"] == "http://x/$$HOME"


def test_what_no_model_can_be_called_never_gets_here() -> None:
    for name in ("a/b", "a:b", "a\nb", "a\0b"):
        with pytest.raises(SpecError):
            spec(name)
