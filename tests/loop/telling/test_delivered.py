"""Who knows of an alert: sent, pending, failed, given up, silenced, or not written yet."""

from datetime import timedelta

from flyball.adapters.memory.journal import MemoryJournal
from flyball.alerting.receivers import receiver_id
from flyball.alerting.records import Ledger, Letter, Told
from flyball.core.reason import because
from flyball.journal.events import AlertFired, Entry, Event, Silenced, Undelivered
from flyball.journal.state import fold
from flyball.loop.telling.delivered import Delivery, deliveries, mailboxes
from flyball.spec.records import Receiver
from notices import NOON, line, notification

LOG, HOOK = Receiver(kind="log", file="alerts.log"), Receiver(kind="webhook", url="https://hooks.example.com/secret")
NOBODY = Ledger(revision=0, told=())
HOUR = timedelta(hours=1)


def journal(*events: Event) -> list[Entry]:
    kept = MemoryJournal()
    kept.append(
        "churn", [AlertFired(key="drift:temp", reason=because("alert.unwatched", key="temp")), *events], expected=0, actor="loop", at=NOON
    )
    return kept.read("churn")


def letter(receiver: Receiver, seq: int = 1, error: str = "") -> Letter:
    told = notification(line("drift:temp", seq=seq))
    return Letter(receiver=receiver_id(receiver), notification=told, written_at=NOON, again_at=NOON + HOUR, attempts=2, error=error)


def fates(entries: list[Entry], ledger: Ledger = NOBODY, waiting: tuple[Letter, ...] = ()) -> tuple[Delivery, ...]:
    return deliveries(fold("churn", entries), entries, [LOG, HOOK], ledger, waiting, "drift:temp", now=NOON)


def ledger(receiver: Receiver, seq: int = 1) -> Ledger:
    return Ledger(revision=1, told=(Told(receiver=receiver_id(receiver), key="drift:temp", seq=seq, at=NOON),))


def test_a_receiver_in_the_ledger_without_a_letter_was_told() -> None:
    first, second = fates(journal(), ledger(LOG))
    assert (first.receiver, first.fate, first.at) == ("log alerts.log", "sent", NOON)
    assert (second.receiver, second.fate) == ("webhook https://hooks.example.com", "not yet")


def test_a_letter_that_waits_is_pending_whatever_the_ledger_says_and_failed_with_an_error() -> None:
    first, second = fates(journal(), ledger(LOG), (letter(LOG), letter(HOOK, error="no connection")))
    assert first.fate == "pending"
    assert (second.fate, second.at, second.error) == ("failed", NOON + HOUR, "no connection")


def test_what_was_told_of_an_earlier_turn_of_the_alert_says_nothing_of_this_one() -> None:
    assert [one.fate for one in fates(journal(), ledger(LOG, seq=0), (letter(HOOK, seq=0),))] == ["not yet", "not yet"]


def test_what_was_given_up_is_said_and_a_silenced_alert_waits_for_nobody() -> None:
    gone = Undelivered(receiver="log alerts.log", keys=("drift:temp",), reason=because("alert.unwatched", key="temp"))
    quiet = Silenced(pattern="drift:*", reason="known", until=NOON + HOUR)
    assert [one.fate for one in fates(journal(gone, quiet))] == ["given up", "silenced"]


def test_a_mailbox_counts_what_was_sent_what_waits_and_what_failed() -> None:
    state = fold("churn", journal())
    log, hook = mailboxes(state, [LOG, HOOK], ledger(LOG), (letter(HOOK, error="refused"),))
    assert (log.told, log.last_at, log.pending, log.failed) == (1, NOON, 0, 0)
    assert (hook.told, hook.pending, hook.failed, hook.attempts, hook.error) == (0, 0, 1, 2, "refused")
    assert hook.again_at == NOON + HOUR
