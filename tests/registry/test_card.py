"""The model card."""

from datetime import UTC, datetime

from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.evaluation.records import Check, Decision, Evaluation
from flyball.registry.card import model_card
from flyball.registry.records import Parity
from served import MIXED, manifest

EVALUATION = Evaluation(
    rows=12_345,
    blocks=59,
    metrics={"roc_auc": 0.71234, "brier": 0.15},
    lower={"roc_auc": 0.70},
    upper={"roc_auc": 0.72},
    slices={f"carrier=A{n}": {"roc_auc": 0.6 + n / 1000} for n in range(25)},
)
GATE = Decision(verdict=Verdict.UNDECIDED, checks=(Check(metric="brier", verdict=Verdict.UNDECIDED, reason=because("x.few", rows=3)),))


def card(**changes: object) -> str:
    return model_card(manifest(schema=MIXED, **changes), EVALUATION, GATE, lambda reason: f"{reason.code}: {dict(reason.values)}")


def test_a_card_says_what_was_learned_how_good_it_is_and_what_was_decided() -> None:
    parity = Parity(
        rows=500,
        differing_labels=0,
        largest_difference=3e-7,
        tolerance=1e-5,
        edge_rows=1234,
        edge_differing=0,
        edge_largest=2e-16,
        thresholds="numbers stay float64",
    )
    at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    text = card(parity=parity, trained_from=at, trained_until=at)
    assert "| `roc_auc` | 0.7123 | 0.7000 to 0.7200 |" in text
    assert "| `brier` | 0.1500 | unknown |" in text
    assert "12,345 rows" in text and "59 blocks" in text
    assert "Verdict: **undecided**" in text and "x.few" in text
    assert "5 more slices stand in the run" in text
    assert "| `carrier` | category | never missing | 2 known |" in text
    assert "0 labels differ" in text and "2026-01-02 03:04 UTC" in text
    assert "Over 1,234 rows made to find differences" in text and "the largest difference is 2e-16" in text
    assert "Thresholds: numbers stay float64." in text


def test_a_native_engine_gives_its_reason() -> None:
    assert "`native`: step 'weird' cannot be converted" in card(engine="native", engine_reason="step 'weird' cannot be converted")


def test_names_cannot_become_markup() -> None:
    text = card(model="<script>*x*|[l](javascript:1)", engine_reason="`a` | <b>")
    assert "<script>" not in text and "](javascript" not in text.replace("\\]", "") and "<b>" not in text
