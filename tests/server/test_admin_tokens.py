"""Admin tokens: what the variable may hold, and which request is its bearer's."""

import pytest

from flyball.core.errors import UsageError
from flyball.server.admin.tokens import bearer, read_tokens

LONG, OTHER = "a" * 32, "b" * 40


def test_an_empty_variable_has_no_token() -> None:
    assert read_tokens("") == read_tokens("  \n ") == ()


def test_a_token_names_its_bearer_if_it_has_a_name() -> None:
    tokens = read_tokens(f"{LONG}\nalice:{OTHER} bob.2:{LONG}")
    assert [one.actor for one in tokens] == ["admin", "token:alice", "token:bob.2"]
    assert bearer(tokens, f"Bearer {LONG}".encode()) == "admin"
    assert bearer(tokens, f"Bearer alice:{OTHER}".encode()) == "token:alice"
    assert bearer(tokens, f"Bearer {OTHER}".encode()) is None
    assert bearer(tokens, f"Bearer alice:{LONG}".encode()) is None
    assert bearer(tokens, b"Bearer \xff\x00") is None
    assert bearer((), f"Bearer {LONG}".encode()) is None


def test_no_secret_stands_in_a_token() -> None:
    assert LONG not in repr(read_tokens(f"alice:{LONG}"))


@pytest.mark.parametrize("text", ["short", "a" * 31, f"alice:{'a' * 31}", "alice:", f"{LONG} x", "é" * 40, f"{LONG}\x00"])
def test_what_is_too_short_or_no_plain_text_is_refused_and_never_quoted(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_tokens(text)
    assert "FLYBALL_ADMIN_TOKEN" in refused.value.message
    assert text not in str(refused.value)


@pytest.mark.parametrize(("text", "what"), [(f"{LONG} {OTHER}", "name"), (f"a:{LONG} a:{OTHER}", "name"), (f"{LONG} {LONG}", "name")])
def test_bearers_that_cannot_be_told_apart_are_refused(text: str, what: str) -> None:
    with pytest.raises(UsageError, match=f"the same {what}"):
        read_tokens(text)
