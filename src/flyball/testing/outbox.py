"""What every outbox keeps to."""
# ruff: noqa: D102 - a test's name is its sentence

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from flyball.alerting.records import Letter, Line, Notification, Told
from flyball.core.errors import ConflictError
from flyball.core.reason import because
from flyball.core.window import Window
from flyball.ports.watching import Outbox
from flyball.testing.samples import NOON

_MINUTE = timedelta(minutes=1)


def letter(name: str, *, receiver: str = "webhook-1", at: datetime = NOON) -> Letter:
    """A letter with every part set."""
    line = Line(
        key="drift:temp · 温度",
        seq=7,
        status="firing",
        severity="warning",
        reason=because("test.reason", column="temp", distance=0.25, nothing=None),
        since=NOON,
        window=Window(start=NOON - timedelta(days=1), end=NOON),
    )
    notification = Notification(id=name, model="churn", at=at, version=3, lines=(line,), firing=1, resolved=0, link="https://wiki.example")
    return Letter(receiver=receiver, notification=notification, written_at=at, again_at=at)


def told(key: str, seq: int = 7, *, receiver: str = "webhook-1") -> Told:
    """An entry of the ledger."""
    return Told(receiver=receiver, key=key, seq=seq, at=NOON)


def _put(outbox: Outbox, *letters: Letter) -> None:
    outbox.put("churn", letters, (), (), expected=outbox.ledger("churn").revision)


class OutboxSuite:
    """Inherit, and give the fixture `outbox` (empty)."""

    def test_nothing_waits_and_nobody_was_told_at_first(self, outbox: Outbox) -> None:
        assert (outbox.waiting("churn"), outbox.ledger("churn").told) == ([], ())
        assert outbox.claim("churn", "webhook-1", now=NOON, until=NOON + _MINUTE) == []

    def test_letters_wait_whole_in_the_order_they_were_written(self, outbox: Outbox) -> None:
        _put(outbox, letter("b"), letter("a", receiver="email-1"))
        _put(outbox, letter("c"))
        assert outbox.waiting("churn") == [letter("b"), letter("a", receiver="email-1"), letter("c")]

    def test_a_letter_with_the_same_id_to_the_same_receiver_is_kept_once(self, outbox: Outbox) -> None:
        _put(outbox, letter("a"))
        _put(outbox, letter("a"), letter("a", receiver="email-1"))
        assert [one.receiver for one in outbox.waiting("churn")] == ["webhook-1", "email-1"]

    def test_the_ledger_keeps_the_last_word_on_each_receiver_and_alert(self, outbox: Outbox) -> None:
        outbox.put("churn", (), (told("a"), told("b"), told("a", receiver="email-1")), (), expected=0)
        outbox.put("churn", (), (told("a", 9),), (told("b"),), expected=outbox.ledger("churn").revision)
        assert set(outbox.ledger("churn").told) == {told("a", 9), told("a", receiver="email-1")}

    def test_of_two_who_looked_at_the_same_ledger_one_is_refused_and_changes_nothing(self, outbox: Outbox) -> None:
        seen = outbox.ledger("churn").revision
        outbox.put("churn", (letter("a"),), (told("a"),), (), expected=seen)
        with pytest.raises(ConflictError):
            outbox.put("churn", (letter("b"),), (told("b"),), (told("a"),), expected=seen)
        assert [one.notification.id for one in outbox.waiting("churn")] == ["a"]
        assert outbox.ledger("churn").told == (told("a"),)

    def test_claimed_letters_are_nobody_elses_until_their_time(self, outbox: Outbox) -> None:
        _put(outbox, letter("a"), letter("b"), letter("c", receiver="email-1"))
        mine = outbox.claim("churn", "webhook-1", now=NOON, until=NOON + _MINUTE)
        assert [(one.notification.id, one.attempts) for one in mine] == [("a", 1), ("b", 1)]
        assert outbox.claim("churn", "webhook-1", now=NOON, until=NOON + _MINUTE) == []
        later = outbox.claim("churn", "webhook-1", now=NOON + _MINUTE, until=NOON + 2 * _MINUTE)
        assert [(one.notification.id, one.attempts) for one in later] == [("a", 2), ("b", 2)]

    def test_of_many_who_claim_at_once_one_gets_them(self, outbox: Outbox) -> None:
        _put(outbox, letter("a"))
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: outbox.claim("churn", "webhook-1", now=NOON, until=NOON + _MINUTE), range(32)))
        assert sum(bool(one) for one in found) == 1

    def test_sent_letters_leave_and_those_not_taken_wait_with_their_error(self, outbox: Outbox) -> None:
        _put(outbox, letter("a"), letter("b"))
        outbox.claim("churn", "webhook-1", now=NOON, until=NOON + _MINUTE)
        outbox.settle("churn", "webhook-1", ["a"], again_at=None)
        outbox.settle("churn", "webhook-1", ["b"], again_at=NOON + 5 * _MINUTE, error="no route")
        (left,) = outbox.waiting("churn")
        assert (left.notification.id, left.error, left.again_at, left.attempts) == ("b", "no route", NOON + 5 * _MINUTE, 1)
        assert outbox.claim("churn", "webhook-1", now=NOON + 4 * _MINUTE, until=NOON + 6 * _MINUTE) == []

    def test_a_letter_that_waits_keeps_newer_ones_of_its_receiver_waiting_too(self, outbox: Outbox) -> None:
        _put(outbox, letter("a"))
        outbox.claim("churn", "webhook-1", now=NOON, until=NOON + _MINUTE)
        outbox.settle("churn", "webhook-1", ["a"], again_at=NOON + 5 * _MINUTE, error="no route")
        _put(outbox, letter("b", at=NOON + _MINUTE))
        assert outbox.claim("churn", "webhook-1", now=NOON + 2 * _MINUTE, until=NOON + 3 * _MINUTE) == []
        found = outbox.claim("churn", "webhook-1", now=NOON + 5 * _MINUTE, until=NOON + 6 * _MINUTE)
        assert [one.notification.id for one in found] == ["a", "b"]

    def test_what_a_simulated_future_put_off_is_not_put_off_for_ever(self, outbox: Outbox) -> None:
        _put(outbox, letter("a"))
        outbox.claim("churn", "webhook-1", now=NOON + timedelta(days=900), until=NOON + timedelta(days=901))
        assert outbox.claim("churn", "webhook-1", now=NOON, until=NOON + _MINUTE)

    def test_giving_up_forgets_that_the_receiver_was_told(self, outbox: Outbox) -> None:
        outbox.put("churn", (letter("a"),), (told("a"), told("b")), (), expected=0)
        before = outbox.ledger("churn").revision
        outbox.settle("churn", "webhook-1", ["a"], again_at=None, forget=(told("a"),))
        assert outbox.ledger("churn").told == (told("b"),)
        assert outbox.ledger("churn").revision != before
        assert outbox.waiting("churn") == []

    def test_the_letters_of_one_model_are_not_those_of_another(self, outbox: Outbox) -> None:
        outbox.put("churn", (letter("a"),), (told("a"),), (), expected=0)
        assert (outbox.waiting("fraud"), outbox.ledger("fraud").told) == ([], ())
        assert outbox.claim("fraud", "webhook-1", now=NOON, until=NOON + _MINUTE) == []
