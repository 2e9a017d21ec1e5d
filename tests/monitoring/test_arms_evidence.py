"""Two arms are compared day by day or unit by unit, phase by phase, and not at all where they are not alike."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arms import DAY, HALF, START, look, rollout, rules, steps
from flyball.core.errors import DataError, SpecError
from flyball.core.window import to_micros
from flyball.monitoring.arms import arms_evidence
from flyball.serving.records import LoggedRows
from flyball.words.sentences import sentence

BLOCKS = ["day", "unit"]


def as_other(rows: LoggedRows, variant: str) -> LoggedRows:
    return changed(rows, variant=np.full(len(rows.at), variant, dtype=object), propensity=1 - rows.propensity)  # type: ignore[operator]


def changed(rows: LoggedRows, **columns: Any) -> LoggedRows:
    return LoggedRows(**{**{name: getattr(rows, name) for name in rows.__dataclass_fields__}, **columns})


def shuffled(rows: LoggedRows, chance: np.random.Generator) -> LoggedRows:
    order = chance.permutation(len(rows.at))
    columns: dict[str, Any] = {name: getattr(rows, name) for name in rows.__dataclass_fields__}
    moved: dict[str, Any] = {name: None if column is None else column[order] for name, column in columns.items()}
    return LoggedRows(**moved)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_worse_challenger_is_found_and_a_better_one_too(block: str) -> None:
    worse = look(*rollout(1, worse=0.15), block=block)
    assert worse.upper is not None and worse.upper < 0 and worse.gain < 0
    assert worse.trouble is None and worse.ratio_p > 0.05
    better = look(*rollout(1, worse=-0.1, rows=2000), block=block)
    assert better.lower is not None and better.lower > 0
    assert better.preferred is not None and better.preferred > 0.99
    assert better.fixed is not None and better.fixed.p_value < 0.01 and better.fixed.lower > better.lower


@pytest.mark.parametrize("block", BLOCKS)
@given(st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_swapping_the_arms_flips_the_sign_of_everything(block: str, seed: int) -> None:
    challenger, champion = rollout(seed, days=8, rows=100, units=300)
    forth = look(challenger, champion, block=block)
    back = look(as_other(champion, "challenger"), as_other(challenger, "champion"), block=block)
    assert back.gain == pytest.approx(-forth.gain, abs=1e-12)
    assert (back.lower is None) == (forth.lower is None)
    if forth.lower is not None and forth.upper is not None:
        assert back.upper == pytest.approx(-forth.lower, abs=1e-9)
        assert back.lower == pytest.approx(-forth.upper, abs=1e-9)
    if forth.preferred is not None:
        assert back.preferred == pytest.approx(1 - forth.preferred, abs=1e-9)
    assert back.ratio_p == pytest.approx(forth.ratio_p)


@pytest.mark.parametrize("block", BLOCKS)
@given(st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_the_order_of_rows_does_not_matter(block: str, seed: int) -> None:
    phases, chance = steps(0.2, 0.5), np.random.default_rng(seed)
    challenger, champion = rollout(seed, days=9, rows=150, units=400, phases=phases)
    one = look(challenger, champion, phases, block=block)
    two = look(shuffled(challenger, chance), shuffled(champion, chance), phases, block=block)
    assert (two.gain, two.rows, two.blocks, two.ratio_p) == pytest.approx((one.gain, one.rows, one.blocks, one.ratio_p))
    assert two.lower == (None if one.lower is None else pytest.approx(one.lower))
    assert two.phases == pytest.approx(one.phases)


def test_rows_of_testers_of_the_holdback_and_without_a_unit_take_no_part() -> None:
    challenger, champion = rollout(2)
    half = len(champion.at) // 2
    for name in ("override", "holdback", "pinned", "unassigned", "shadow"):
        variant = champion.variant.copy()  # type: ignore[union-attr]
        variant[:half] = name
        mixed = look(challenger, changed(champion, variant=variant))
        kept = np.arange(len(champion.at)) >= half
        assert mixed.champion == look(challenger, champion.take(kept)).champion


def test_figures_say_what_each_arm_had() -> None:
    challenger, champion = rollout(3, days=8, unlabelled=(0.25, 0.25))
    later = changed(challenger, at=challenger.at + 20 * DAY, unit=challenger.unit + "x")
    joined: dict[str, Any] = {
        name: None if (column := getattr(challenger, name)) is None else np.concatenate([column, getattr(later, name)])
        for name in challenger.__dataclass_fields__
    }
    found = arms_evidence(challenger, champion, (LoggedRows(**joined), champion), HALF, rules())
    assert found.challenger.rows == 2 * len(challenger.at)
    assert found.challenger.units == 2 * len(set(challenger.unit.tolist()))
    assert found.challenger.matured == len(challenger.at)
    assert found.challenger.labelled == sum(one is not None for one in challenger.actual.tolist())
    assert found.challenger.lag_median == pytest.approx(3600 * np.log(2), rel=0.2)
    assert found.champion.mean == pytest.approx(found.challenger.mean, rel=0.2)


def test_a_share_that_moves_while_the_days_get_worse_makes_no_difference_by_itself() -> None:
    """Simpson's: all rows together would call the challenger far worse, since it was asked on the worse days."""
    phases = steps(0.05, 0.8, days=10)
    challenger, champion = rollout(4, days=20, rows=1000, phases=phases)

    def harder(rows: LoggedRows) -> LoggedRows:
        late = rows.at >= challenger.at.min() + 10 * DAY
        return changed(rows, score=np.where(late, 1 - rows.score, rows.score))

    for block in BLOCKS:
        found = look(harder(challenger), harder(champion), phases, block=block)
        assert found.challenger.mean is not None and found.champion.mean is not None
        assert found.challenger.mean - found.champion.mean > 0.1
        assert found.lower is not None and found.upper is not None
        assert found.lower < 0 < found.upper
        assert all(one is not None and abs(one) < 0.02 for one in found.phases)


def test_a_unit_that_changed_arms_counts_in_both_and_as_one_for_the_error() -> None:
    phases = steps(0.1, 0.9, days=5)
    challenger, champion = rollout(5, days=10, rows=400, units=300, phases=phases)
    assert set(challenger.unit.tolist()) & set(champion.unit.tolist())
    found = look(challenger, champion, phases, block="unit")
    assert found.blocks == len(set(challenger.unit.tolist()) | set(champion.unit.tolist()))
    assert found.trouble is None and found.ratio_p == pytest.approx(1.0, abs=0.99)


def test_rows_that_a_server_still_split_by_the_share_before_belong_to_the_phase_before() -> None:
    phases = steps(0.05, 0.5, days=5)
    challenger, champion = rollout(6, days=10, rows=2000, phases=phases)
    moved = tuple(
        phase if number == 0 else type(phase)(since=phase.since.replace(hour=0) - (phase.since - phases[0].since) / 5, share=phase.share)
        for number, phase in enumerate(phases)
    )
    assert look(challenger, champion, moved).trouble is None, "a day of rows of the old share"
    blind = changed(challenger, propensity=None), changed(champion, propensity=None)
    assert look(*blind, moved).trouble is not None


def late_servers(
    units: int, rate: float, delay: float, days: float, *, seed: int = 0, holdback: bool = False, pause: bool = False, lost: float = 0.0
) -> tuple[LoggedRows, LoggedRows]:
    """A fair split in halves that servers take over so many seconds after it was decided, and after it was resumed.

    Until then everybody is answered by the champion, without a propensity, or with that of an answer that is not held back.
    """
    chance = np.random.default_rng(seed)
    n = int(rate * 86_400 * days)
    at = np.sort(to_micros(START) + (chance.random(n) * days * DAY).astype(np.int64))
    named = chance.integers(0, units, n)
    gone = (at - to_micros(START)) / DAY
    waits = gone < delay / 86_400
    if pause:
        waits |= (gone >= days / 3) & (gone < 2 * days / 3 + delay / 86_400)
    challenger = (chance.random(units) < 0.5)[named] & ~waits
    score = np.clip(0.3 + 0.05 * chance.standard_normal(n), 0, 1)
    early = np.where(chance.random(n) < 0.3, 0.98, 1.0) if holdback else np.full(n, np.nan)
    keep = ~(challenger & (chance.random(units) < lost)[named])
    whole = LoggedRows(
        prediction_id=np.array([f"p{one}" for one in range(n)], dtype=object),
        at=at,
        day=at // DAY,
        unit=np.array([f"u{one}" for one in range(units)], dtype=object)[named],
        entity=np.full(n, None, dtype=object),
        label=(score > 0.5).astype(int).astype(object),
        score=score,
        actual=(chance.random(n) < 0.3).astype(int).astype(object),
        outcome_at=at + 3_600_000_000,
        features=None,
        variant=np.where(challenger, "challenger", "champion").astype(object),
        propensity=np.where(waits, early, 0.5),
        value=None,
    )
    return whole.take(keep & challenger), whole.take(keep & ~challenger)


@pytest.mark.parametrize(("units", "rate", "delay", "days"), [(20_000, 100.0, 30.0, 0.005), (2_000, 2.0, 300.0, 0.1)])
@pytest.mark.parametrize("holdback", [False, True])
def test_rows_answered_before_servers_took_a_rollout_over_are_no_mismatch(
    units: int, rate: float, delay: float, days: float, holdback: bool
) -> None:
    fair = look(*late_servers(units, rate, delay, days, holdback=holdback))
    assert fair.ratio_p > 0.05 and fair.ratio_p_labelled > 0.05 and fair.trouble is None
    lost = look(*late_servers(units, rate, delay, days, holdback=holdback, lost=0.3))
    assert lost.ratio_p < 0.0005 and lost.trouble is not None


@pytest.mark.parametrize("holdback", [False, True])
def test_rows_answered_while_a_rollout_was_paused_and_until_servers_resumed_it_are_no_mismatch(holdback: bool) -> None:
    phases = steps(0.5, 0.0, 0.5, days=1)
    fair = look(*late_servers(20_000, 0.2, 7200.0, 3.0, pause=True, holdback=holdback), phases)
    assert fair.ratio_p > 0.05 and fair.ratio_p_labelled > 0.05 and fair.trouble is None
    assert fair.champion.rows == pytest.approx(fair.challenger.rows, rel=0.05)
    assert look(*late_servers(20_000, 0.2, 7200.0, 3.0, pause=True, lost=0.3), phases).ratio_p < 0.0005


def test_rows_made_elsewhere_have_no_propensity_and_are_told_by_their_time() -> None:
    challenger, champion = rollout(3)
    none = [np.full(len(rows.at), np.nan) for rows in (challenger, champion)]
    found = look(changed(challenger, propensity=none[0]), changed(champion, propensity=none[1]))
    told = look(challenger, champion)
    assert (found.gain, found.rows, found.ratio_p) == (told.gain, told.rows, told.ratio_p)


def test_units_that_are_lost_before_the_log_are_a_mismatch_and_block() -> None:
    found = look(*rollout(7, days=10, rows=1500, lost=0.15))
    assert found.ratio_p < 0.0005
    assert found.trouble is not None and found.trouble.code == "arms.ratio"
    assert "where the share is 50.00%" in sentence(found.trouble)


@pytest.mark.parametrize("block", BLOCKS)
def test_labels_that_come_to_one_arm_less_often_block(block: str) -> None:
    few = look(*rollout(8, days=12, rows=1500, unlabelled=(0.1, 0.18)), block=block)
    assert few.trouble is not None and few.trouble.code in ("arms.coverage", "arms.ratio_labelled")
    assert look(*rollout(8, days=12, rows=1500, unlabelled=(0.15, 0.15)), block=block).trouble is None
    assert look(*rollout(8, days=12, rows=1500, unlabelled=(0.1, 0.18)), block=block, no_outcome="negative").trouble is None


@pytest.mark.parametrize("block", BLOCKS)
def test_labels_that_come_to_one_arm_later_block(block: str) -> None:
    late = look(*rollout(9, days=12, rows=1500, hours=(1.0, 2.0)), block=block)
    assert late.trouble is not None and late.trouble.code == "arms.delay"
    assert "half of the challenger's labels came within 1.4 hours" in sentence(late.trouble)


def test_the_value_of_outcomes_is_compared_where_larger_is_better() -> None:
    found = look(*rollout(10, worse=0.15, value=True), metric="value")
    assert found.upper is not None and found.upper < 0
    assert found.challenger.mean is not None and found.champion.mean is not None and found.challenger.mean < found.champion.mean
    nothing = look(*rollout(10, worse=0.15), metric="value")
    assert (nothing.rows, nothing.champion.mean, nothing.lower) == (0, None, None)


def test_six_days_or_a_handful_of_units_give_no_bounds() -> None:
    found = look(*rollout(11, days=6))
    assert (found.blocks, found.live_blocks, found.lower, found.upper) == (6, 6, None, None)
    few = look(*rollout(11, days=10, units=60), block="unit")
    assert (few.lower, few.upper) == (None, None)


def test_days_on_which_an_arm_had_hardly_any_rows_are_joined() -> None:
    found = look(*rollout(12, days=30, rows=200, phases=steps(0.05)), steps(0.05))
    assert found.live_blocks > found.blocks
    assert 8 <= found.blocks <= 15


def test_an_arm_of_few_rows_without_a_loss_is_not_taken_for_certain() -> None:
    """Errors are rare: seven days of twenty rows without one prove nothing."""
    chance = np.random.default_rng(13)
    early = 0
    for seed in range(12):
        challenger, champion = rollout(seed, days=8, rows=400, phases=steps(0.05))
        wrong = chance.random(len(champion.at)) < 0.02
        truth = champion.actual == 1
        score = np.where(truth ^ wrong, 0.9, 0.1)
        found = look(
            changed(challenger, score=np.where(challenger.actual == 1, 0.9, 0.1)),
            changed(champion, score=score),
            steps(0.05),
            metric="error",
        )
        early += found.lower is not None and found.lower > 0
    assert early == 0


def test_nothing_is_no_evidence_and_nonsense_is_refused() -> None:
    challenger, champion = rollout(14)
    none = np.zeros(len(challenger.at), dtype=bool)
    found = look(challenger.take(none), champion.take(np.zeros(len(champion.at), dtype=bool)))
    assert (found.gain, found.lower, found.rows, found.ratio_p, found.trouble, found.preferred) == (0.0, None, 0, 1.0, None, None)
    alone = look(challenger.take(none), champion)
    assert (alone.rows, alone.lower) == (0, None)
    with pytest.raises(SpecError, match="not a mean over rows"):
        look(challenger, champion, metric="roc_auc")
    with pytest.raises(DataError, match="without the shares"):
        look(challenger, champion, ())


@pytest.mark.parametrize("block", BLOCKS)
def test_two_equal_arms_looked_at_every_day_are_rarely_told_apart(block: str) -> None:
    """30 canaries of 16 days between equal versions: at 5 % one or two would end for the challenger, and hardly one does."""
    promoted = 0
    for seed in range(30):
        phases = steps(0.1, 0.3, 0.5, days=4)
        challenger, champion = rollout(1000 + seed, days=16, rows=250, units=400, phases=phases)
        for day in range(8, 17, 2):
            until = challenger.at.min() // DAY + day
            found = look(challenger.take(challenger.day < until), champion.take(champion.day < until), phases, block=block)
            if found.trouble is None and found.lower is not None and found.lower > 0:
                promoted += 1
                break
    assert promoted <= 3
