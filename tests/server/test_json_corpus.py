"""Every file of the JSON test suite, posted to every route that takes JSON."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from served import MODEL, serving, site

# route → the keys its errors have
ROUTES = {
    "/predict": {"error"},
    f"/models/{MODEL}/predict": {"error"},
    "/outcomes": {"error"},
    "/alerts/alertmanager": {"error"},
    f"/models/{MODEL}/alerts/alertmanager": {"error"},
    "/invocations": {"error_code", "message"},
    f"/v1/models/{MODEL}:predict": {"error"},
    f"/v2/models/{MODEL}/infer": {"error"},
}
MORE = {"field", "accepted", "rejected"}  # what some of them say besides


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all files."""
    made = site(tmp_path_factory.mktemp("json"))
    made.deploy(1)
    with serving(made.settings(takes_alerts=True)) as (url, _):
        yield url


@pytest.mark.parametrize("route", ROUTES)
def test_no_file_makes_a_5xx_no_malformed_one_is_taken_and_errors_have_the_shape_of_their_protocol(
    url: str, route: str, conformance: Path
) -> None:
    files = sorted((conformance / "jsontestsuite" / "test_parsing").glob("*.json"))
    assert len(files) > 300
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        for path in files:
            connection.request("POST", route, path.read_bytes(), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status < 500, (path.name, content)
            assert not (path.name.startswith("n_") and answer.status < 300), (path.name, content)
            if answer.status >= 400:
                error = json.loads(content)
                assert ROUTES[route] <= set(error) <= ROUTES[route] | MORE, (path.name, content)
                assert all(isinstance(error[key], str) and error[key] for key in ROUTES[route])
                assert b"Traceback" not in content and b"/src/" not in content
    finally:
        connection.close()
