"""What a refusal advises, read over HTTP: routes and fields, not options of a command line."""

import pytest

from flyball.server.admin.hints import over_http


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ("`flyball thaw` ends it", "POST /admin/thaw ends it"),
        ("`flyball status` shows what serves", "GET /admin/status shows what serves"),
        (
            "`flyball why churn@3` tells its story; to do it all the same: --force --reason '...'",
            'GET /admin/why/3 tells its story; to do it all the same: "force": true and a "reason"',
        ),
        ("write --for 24h", 'write "for": "24h"'),
        ("say why: --reason '...'", 'say why: a "reason"'),
        ("`flyball promote NAME@V --to none` takes it away", 'POST /admin/promote with "to": "none" takes it away'),
        ("`flyball models` lists the versions; promote one of them", "GET /admin/versions lists the versions; promote one of them"),
        ("a policy may set retrain.*", "a policy may set retrain.*"),
    ],
)
def test_a_hint_names_routes_and_fields(hint: str, said: str) -> None:
    assert over_http(hint) == said


def test_a_verb_without_a_route_is_said_where_it_is_run() -> None:
    said = over_http("wait for its end (`flyball rollout`), or end it: `flyball rollout abort --reason '...'`")
    assert "`flyball rollout abort --reason '...'`" in said
    assert said.endswith("is run in the project's folder on the server's machine)")
