"""Who may act in shared stores."""

from datetime import UTC, datetime

import pytest

from flyball.adapters.memory.journal import MemoryJournal
from flyball.core.errors import RefusedError
from flyball.journal.events import Admitted
from flyball.loop.admission import admit, is_admitted, kept_tokens, must_be_known

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OURS, THEIRS, NEXT = b"a" * 32, b"b" * 32, b"c" * 32


def let_in(journal: MemoryJournal, *tokens: bytes, before: tuple[bytes, ...] = ()) -> int:
    return len(admit(journal, "churn", tokens, before=before, now=NOW, actor="person"))


def test_the_first_token_that_comes_is_kept_and_tells_nothing_of_itself() -> None:
    journal = MemoryJournal()
    assert not is_admitted(journal, "churn", []) and not is_admitted(journal, "churn", [OURS])
    assert let_in(journal, OURS) == 1
    (entry,) = journal.read("churn")
    assert isinstance(entry.event, Admitted)
    assert OURS.hex() not in str(entry) and OURS.decode() not in str(entry)
    assert let_in(journal, OURS) == 0
    assert is_admitted(journal, "churn", [OURS]) and not is_admitted(journal, "churn", [THEIRS])


def test_whoever_has_another_token_or_none_is_refused_and_leaves_no_trace() -> None:
    journal = MemoryJournal()
    let_in(journal, OURS)
    for tokens, why in (((), "no admin token is at hand"), ((THEIRS,), "is not one of those that are kept")):
        with pytest.raises(RefusedError, match=why) as refused:
            let_in(journal, *tokens)
        assert "FLYBALL_ADMIN_TOKEN" in refused.value.hint
    assert len(journal.read("churn")) == 1


def test_one_of_several_tokens_is_enough_and_adds_no_other() -> None:
    journal = MemoryJournal()
    let_in(journal, OURS, NEXT)
    assert let_in(journal, NEXT, THEIRS) == 0
    assert not is_admitted(journal, "churn", [THEIRS])


def test_tokens_are_replaced_by_whoever_has_one_of_them() -> None:
    journal = MemoryJournal()
    let_in(journal, OURS)
    with pytest.raises(RefusedError):
        let_in(journal, THEIRS, before=(NEXT,))
    assert let_in(journal, NEXT, before=(OURS,)) == 1
    assert len(kept_tokens(journal.read("churn"))) == 1
    with pytest.raises(RefusedError):
        let_in(journal, OURS)
    assert let_in(journal, NEXT, before=(NEXT,)) == 0


def test_whoever_still_names_the_token_of_before_is_let_in_by_the_new_one() -> None:
    journal = MemoryJournal()
    let_in(journal, OURS)
    assert let_in(journal, NEXT, THEIRS, before=(OURS,)) == 1
    for tokens in ((NEXT, THEIRS), (NEXT,), (THEIRS, NEXT)):
        assert let_in(journal, *tokens, before=(OURS,)) == 0
    with pytest.raises(RefusedError):
        let_in(journal, OURS, before=(OURS,))
    assert len(journal.read("churn")) == 2


def test_what_all_models_of_a_database_share_is_changed_by_a_token_of_any_of_them() -> None:
    journal = MemoryJournal()
    must_be_known(journal, "new", [])
    let_in(journal, OURS)
    admit(journal, "other", [THEIRS], now=NOW, actor="person")
    for tokens, why in (([], "no admin token is at hand"), ([NEXT], "is not one of those that are kept there")):
        with pytest.raises(RefusedError, match=why):
            must_be_known(journal, "new", tokens)
    must_be_known(journal, "new", [NEXT, THEIRS])
    assert journal.models() == ["churn", "other"]


def test_each_model_has_tokens_of_its_own() -> None:
    journal = MemoryJournal()
    let_in(journal, OURS)
    assert len(admit(journal, "other", [THEIRS], now=NOW, actor="person")) == 1
