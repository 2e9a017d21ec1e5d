"""Which alias may move where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.errors import RefusedError, UsageError
from flyball.core.verdict import Verdict
from flyball.registry.aliases import alias_of, promotion, rollback, staging
from flyball.registry.records import Alias

ALIASES = st.dictionaries(st.sampled_from(["champion", "challenger", "previous"]), st.integers(1, 5))
VERDICTS = st.sampled_from([*Verdict, None])


def test_stages_are_aliases_in_other_words() -> None:
    assert [alias_of(word) for word in ("production", "champion", "Staging", "challenger")] == ["champion"] * 2 + ["challenger"] * 2
    with pytest.raises(UsageError, match="did you mean 'production'"):
        alias_of("prodution")


def test_a_pass_promotes_and_the_champion_before_becomes_previous() -> None:
    move = promotion(3, {"champion": 2, "challenger": 3, "previous": 1}, Verdict.PASS)
    assert (move.aliases, move.changed, move.forced) == ({"champion": 3, "previous": 2}, True, False)
    assert move.reason.code == "registry.promoted"


def test_the_first_champion_has_no_previous() -> None:
    assert promotion(1, {}, Verdict.PASS).aliases == {"champion": 1}


def test_promoting_the_champion_changes_nothing_whatever_its_gate_said() -> None:
    move = promotion(2, {"champion": 2, "previous": 1}, Verdict.FAIL)
    assert (move.aliases, move.changed) == ({"champion": 2, "previous": 1}, False)


@given(ALIASES, st.sampled_from([Verdict.FAIL, Verdict.UNDECIDED, Verdict.NOT_APPLICABLE, None]), st.sampled_from([promotion, staging]))
def test_without_a_pass_nothing_moves_unless_forced_with_a_reason(aliases: dict[Alias, int], verdict: Verdict | None, verb: object) -> None:
    assert callable(verb)
    for forced, why in ((False, "because"), (True, ""), (True, "  ")):
        with pytest.raises(RefusedError):
            verb(9, aliases, verdict, forced=forced, why=why)
    move = verb(9, aliases, verdict, forced=True, why="the old one is worse")
    assert move.forced and move.reason.values["why"] == "the old one is worse"


@given(ALIASES, st.integers(1, 5), VERDICTS, st.sampled_from([promotion, staging]))
def test_a_version_never_challenges_itself_and_nothing_is_changed_in_place(
    aliases: dict[Alias, int], version: int, verdict: Verdict | None, verb: object
) -> None:
    assert callable(verb)
    before = dict(aliases)
    if aliases.get("champion") == aliases.get("challenger"):
        return
    try:
        after = verb(version, aliases, verdict, forced=True, why="x").aliases
    except RefusedError:
        assert verb is staging and before.get("champion") == version
    else:
        assert "champion" not in after or after.get("challenger") != after["champion"]
        assert after.get("champion" if verb is promotion else "challenger") == version
    assert aliases == before


def test_the_champion_cannot_be_staged() -> None:
    with pytest.raises(RefusedError, match="its own challenger"):
        staging(2, {"champion": 2}, Verdict.PASS)


def test_a_rollback_goes_one_step_and_not_back_and_forth() -> None:
    move = rollback({"champion": 3, "previous": 2, "challenger": 4}, why="wrong answers")
    assert move.aliases == {"champion": 2, "challenger": 4}
    assert move.reason.code == "registry.rolled_back_because"
    with pytest.raises(RefusedError, match="no version before 2"):
        rollback(move.aliases)
    with pytest.raises(RefusedError, match="no champion"):
        rollback({})
