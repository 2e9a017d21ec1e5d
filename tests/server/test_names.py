"""A server answers to the names it was told, with a port or without, and to no other."""

import pytest

from flyball.server.names import names


def test_loopback_and_the_address_itself_are_always_among_them() -> None:
    known = names("::1", ())
    assert b"localhost" in known and b"127.0.0.1" in known and b"[::1]" in known
    assert b"churn" not in known and None not in known


def test_what_others_call_it_is_taken_in_small_letters() -> None:
    known = names("0.0.0.0", ("Churn.Prod.svc", "fd00::7"))
    assert b"churn.prod.svc" in known and b"[fd00::7]" in known
    assert b"evil.example" not in known


def test_where_every_request_asks_each_name_stands_there_with_its_port_too() -> None:
    hot = names("127.0.0.1", ("churn",)).with_port(8000)
    assert type(hot) is frozenset
    assert {b"churn", b"churn:8000", b"127.0.0.1:8000"} <= hot
    assert b"churn:8001" not in hot


@pytest.mark.parametrize("name", [b"whatever.example:99", b"x"])
def test_a_star_is_any_name_and_no_name_is_none(name: bytes) -> None:
    for known in (names("0.0.0.0", ("*",)), names("0.0.0.0", ("*",)).with_port(1)):
        assert name in known and None not in known
