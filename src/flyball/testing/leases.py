"""What every store of leases keeps to, and the journal that is fenced by them."""
# ruff: noqa: D102 - a test's name is its sentence

from collections.abc import Callable
from datetime import timedelta

import pytest

from flyball.core.errors import ConflictError, StaleLeaderError
from flyball.journal.events import Thawed
from flyball.journal.leading import Lease
from flyball.ports.history import Journal
from flyball.ports.leading import Leases
from flyball.testing.samples import NOON

LASTS = timedelta(seconds=1)


class LeasesSuite:
    """Inherit, and give the fixtures `leases` (empty), `journal` (fenced by them, empty) and `pass_time` (a span passes in the store)."""

    def test_nobody_holds_what_nobody_took(self, leases: Leases) -> None:
        assert leases.current("churn") is None

    def test_who_takes_it_first_holds_it_and_others_wait(self, leases: Leases) -> None:
        taken = leases.take("churn", "a", lasts=LASTS)
        assert taken is not None and (taken.model, taken.holder, taken.epoch) == ("churn", "a", 1)
        assert leases.take("churn", "b", lasts=LASTS) is None
        assert leases.current("churn") == taken

    def test_leases_of_different_models_do_not_meet(self, leases: Leases) -> None:
        assert leases.take("churn", "a", lasts=LASTS) is not None
        assert leases.take("fraud", "b", lasts=LASTS) is not None
        assert (_holder(leases, "churn"), _holder(leases, "fraud")) == ("a", "b")

    def test_its_holder_takes_it_again_for_longer_and_keeps_the_epoch(self, leases: Leases, pass_time: Callable[[timedelta], None]) -> None:
        first = leases.take("churn", "a", lasts=LASTS)
        pass_time(LASTS * 0.5)
        again = leases.take("churn", "a", lasts=LASTS)
        assert first is not None and again is not None and again.epoch == first.epoch and again.until > first.until

    def test_after_its_end_nobody_holds_it_and_another_takes_it_over_with_a_higher_epoch(
        self, leases: Leases, pass_time: Callable[[timedelta], None]
    ) -> None:
        first = leases.take("churn", "a", lasts=LASTS)
        pass_time(LASTS * 1.1)
        assert leases.current("churn") is None
        second = leases.take("churn", "b", lasts=LASTS)
        assert first is not None and second is not None and second.epoch > first.epoch
        assert leases.take("churn", "a", lasts=LASTS) is None

    def test_a_holder_that_was_away_and_missed_nothing_goes_on_in_its_epoch(
        self, leases: Leases, pass_time: Callable[[timedelta], None]
    ) -> None:
        first = leases.take("churn", "a", lasts=LASTS)
        pass_time(LASTS * 2.5)
        again = leases.take("churn", "a", lasts=LASTS)
        assert first is not None and again is not None and again.epoch == first.epoch

    def test_what_is_given_back_others_take_at_once(self, leases: Leases) -> None:
        first = leases.take("churn", "a", lasts=LASTS)
        assert first is not None
        leases.give_back(first)
        assert leases.current("churn") is None
        second = leases.take("churn", "b", lasts=LASTS)
        assert second is not None and second.epoch > first.epoch

    def test_nobody_gives_back_what_is_anothers_by_now(self, leases: Leases) -> None:
        first = _taken(leases, "a")
        leases.give_back(first)
        second = _taken(leases, "b")
        leases.give_back(first)
        assert leases.current("churn") == second

    def test_an_epoch_never_comes_back_however_often_it_changes_hands(self, leases: Leases) -> None:
        epochs = []
        for holder in ("a", "b", "a", "b"):
            lease = _taken(leases, holder)
            epochs.append(lease.epoch)
            leases.give_back(lease)
        assert epochs == sorted(set(epochs))

    def test_whoever_leads_writes_and_so_does_a_person_without_a_lease(self, leases: Leases, journal: Journal) -> None:
        lease = _taken(leases, "a")
        journal.append("churn", [Thawed(reason="loop")], expected=0, actor="loop", at=NOON, epoch=lease.epoch)
        journal.append("churn", [Thawed(reason="person")], expected=1, actor="ann", at=NOON)
        assert [entry.actor for entry in journal.read("churn")] == ["loop", "ann"]

    def test_what_a_leader_writes_after_another_took_over_is_refused_and_names_who_leads(self, leases: Leases, journal: Journal) -> None:
        stale = _taken(leases, "machine-a")
        leases.give_back(stale)
        fresh = _taken(leases, "machine-b")
        with pytest.raises(StaleLeaderError, match=r"machine-b acts for 'churn' by now \(epoch 2\).*epoch 1"):
            journal.append("churn", [Thawed(reason="late")], expected=0, actor="loop", at=NOON, epoch=stale.epoch)
        assert journal.read("churn") == []
        journal.append("churn", [Thawed(reason="first")], expected=0, actor="loop", at=NOON, epoch=fresh.epoch)
        with pytest.raises(StaleLeaderError):  # before it is told of a conflict: to look again would not help it
            journal.append("churn", [Thawed(reason="late")], expected=0, actor="loop", at=NOON, epoch=stale.epoch)

    def test_a_lease_that_is_over_and_nobodys_since_still_writes(
        self, leases: Leases, journal: Journal, pass_time: Callable[[timedelta], None]
    ) -> None:
        lease = _taken(leases, "a")
        pass_time(LASTS * 1.5)
        journal.append("churn", [Thawed(reason="slow")], expected=0, actor="loop", at=NOON, epoch=lease.epoch)
        with pytest.raises(ConflictError):
            journal.append("churn", [Thawed(reason="conflict")], expected=0, actor="loop", at=NOON, epoch=lease.epoch)


def _taken(leases: Leases, holder: str) -> Lease:
    lease = leases.take("churn", holder, lasts=LASTS)
    assert lease is not None
    return lease


def _holder(leases: Leases, model: str) -> str:
    lease = leases.current(model)
    return "" if lease is None else lease.holder
