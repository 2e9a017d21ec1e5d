"""What every `Looks` promises, as a suite any adapter is put through."""

from datetime import UTC, datetime, timedelta

from flyball.ports.watching import Looks

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class LooksSuite:
    """Derive from this and give a fixture `looks`."""

    def test_the_ten_newest_looks_of_the_loop_are_remembered_in_order_of_time(self, looks: Looks) -> None:
        """Whatever the order they are told in."""
        assert looks.looks("churn") == []
        for hour in (3, 1, *range(4, 14), 13):
            looks.looked("churn", NOON + timedelta(hours=hour))
        looks.looked("fraud", NOON)
        assert looks.looks("churn") == [NOON + timedelta(hours=hour) for hour in range(4, 14)]
        assert looks.looks("fraud") == [NOON]
