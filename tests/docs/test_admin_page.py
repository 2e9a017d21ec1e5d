"""docs/admin.md tells every admin route, what it takes, and every status, as the table of routes has them."""

import re
from pathlib import Path

import msgspec

from flyball.server.admin.jobs import MOST_RUNNING
from flyball.server.admin.layer import _LARGEST_BODY, _MOST_WAITING
from flyball.server.admin.routes import ROUTES
from flyball.server.admin.tokens import SHORTEST, VARIABLE

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "admin.md").read_text(encoding="utf-8")


def test_every_route_is_documented_with_what_it_takes_and_no_other() -> None:
    found = re.findall(r"^\| `(/admin/[^`]+)` \| (GET|POST) \|([^|]*)\|", PAGE, flags=re.MULTILINE)
    documented = [(method, path.removeprefix("/admin/"), re.findall(r"`([^`]+)`", takes)) for path, method, takes in found]
    in_path = [set(re.findall(r"\{(\w+)\}", route.path)) for route in ROUTES]
    assert documented == [
        (route.method, route.path, [one.encode_name for one in msgspec.structs.fields(route.takes) if one.encode_name not in inside])
        for route, inside in zip(ROUTES, in_path, strict=True)
    ]


def test_its_numbers_are_those_of_the_code() -> None:
    assert VARIABLE in PAGE and f"at least {SHORTEST} printable ASCII characters" in PAGE
    assert f"larger than {_LARGEST_BODY // 1024} KiB" in PAGE
    assert f"429 | {_MOST_WAITING} requests" in PAGE
    assert MOST_RUNNING == 4 and "lets four jobs run at once" in PAGE
