"""Made-up values for the suites: one event of each kind, batches of predictions, a deployment, a clock one can turn."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from flyball.core.reason import Reason, because
from flyball.core.verdict import Verdict
from flyball.core.window import to_micros
from flyball.evaluation.records import Check, Decision
from flyball.journal import events as happened
from flyball.journal import moves as moved
from flyball.serving.records import Deployment, PredictionBatch

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """What time it is."""
        return self.now

    def advance(self, span: timedelta) -> None:
        """Let time pass."""
        self.now += span


def one_event_of_each_kind() -> list[happened.Event]:
    """Every kind of event, in the order of `EVENTS`."""
    why = because("test.reason", count=3, share=0.25, name="temp · 温度", sure=True, nothing=None)
    gate = Decision(verdict=Verdict.UNDECIDED, checks=(Check(metric="brier", verdict=Verdict.FAIL, reason=why),))
    return [
        happened.Registered(
            version=1,
            run_id="r1",
            bundle="b" * 64,
            snapshot="s" * 64,
            identity="i" * 64,
            engine="onnx",
            metrics={"roc_auc": 0.7123456789012345, "brier": 1.0},
            lower={"roc_auc": 0.69},
            upper={},
            gate=gate,
            cause="manual",
            action="",
            rows=1000,
            trained_from=None,
            trained_until=NOON,
            seconds={"train": 1e-7},
        ),
        happened.RetrainStarted(action="a1", cause="drift", reason=why),
        happened.RetrainEnded(action="a1", outcome="registered", version=2, reason=why),
        happened.Suppressed(cause="schedule", reason=why, because=why),
        happened.RolloutStarted(
            version=2,
            champion=1,
            strategy="shadow",
            metric="brier",
            spec_digest="d",
            start_at=NOON,
            deadline_at=NOON + timedelta(days=14, microseconds=1),
            reason=why,
        ),
        happened.RolloutEnded(version=2, verdict=Verdict.PASS, reason=why, evidence={"gain": 0.001}),
        happened.Promoted(version=2, replaced=1, reason=why, forced=False, watch_until=NOON),
        happened.Staged(version=None, share=0.0, reason=why),
        happened.RolledBack(version=2, to=1, reason=why, evidence={}),
        happened.WatchEnded(version=2, reason=why, evidence={"rows": 10.0}),
        happened.Frozen(reason="a holiday", until=None),
        happened.Thawed(reason="back"),
        happened.AlertFired(key="drift:temp", reason=why),
        happened.AlertResolved(key="drift:temp", reason=why),
        happened.Silenced(pattern="drift:*", reason="a holiday", until=NOON + timedelta(hours=24)),
        happened.SilenceEnded(pattern="drift:*", reason="back"),
        happened.Undelivered(receiver="webhook https://hooks.example.com", keys=("drift:temp",), reason=why),
        happened.RetrainRequested(key='{}:{alertname="FeatureDrift"}', reason=why),
        happened.RequestClosed(key='{}:{alertname="FeatureDrift"}'),
        happened.ExternalMove(alias="champion", found=None, restored=2),
        happened.Referenced(version=1, bundle="b", replaced="a", reference="r", rows=1000, source="rows.csv"),
        happened.Admitted(tokens=("scrypt:00:11",), reason=why),
        *_one_move_of_each_kind(why),
    ]


def _one_move_of_each_kind(why: Reason) -> list[moved.Move]:
    return [
        moved.ShareMoved(version=2, share=0.2, reason=why, evidence={"rows": 10.0}),
        moved.RolloutPaused(version=2, reason=why),
        moved.RolloutResumed(version=2, reason=why),
        moved.GuardrailTripped(version=2, guardrail="errors", worker="w0", tripped_at=NOON, reason=why, evidence={"failed": 5.0}),
        moved.ApprovalAsked(version=2, reason=why, evidence={"gain": 0.001}),
        moved.Approved(version=2, reason=why),
        moved.Declined(version=2, reason=why),
        moved.Verified(version=2, identical=False, reason=why),
    ]


def predictions(ids: Sequence[str], *, at: Sequence[datetime] | datetime = NOON, **columns: Any) -> PredictionBatch:
    """A batch of answered predictions of `churn@1`; any column may be given, as a list or as one value for all rows."""
    rows = len(ids)
    times = [at] * rows if isinstance(at, datetime) else list(at)
    values: dict[str, Any] = {
        "version": 1,
        "variant": "champion",
        "shadow": False,
        "unit": None,
        "entity": None,
        "client_id": None,
        "label": 1,
        "score": 0.5,
        "features": None,
        "context": None,
    }
    names = columns.pop("feature_names", ["age", "plan"])
    made = columns.pop("made_at", times)
    fixed = {name: columns.pop(name, default) for name, default in (("model", "churn"), ("worker", "w0"), ("schema_id", "schema"))}
    for name, value in {**values, "features": [[float(n), "basic"] for n in range(rows)], **columns}.items():
        values[name] = value if isinstance(value, list) else [value] * rows
    values.setdefault("propensity", [])
    micros = [to_micros(time) for time in times]
    return PredictionBatch(
        feature_names=names, prediction_id=list(ids), at=micros, made_at=[to_micros(time) for time in made], **fixed, **values
    )


def deployment(seq: int, *, model: str = "churn", champion: int | None = 1) -> Deployment:
    """A deployment with every part set."""
    return Deployment(
        model=model,
        seq=seq,
        champion=champion,
        challenger=3,
        challenger_share=0.1,
        seed="seed",
        shadow=(4, 5),
        previous=2,
        bundles={1: "a" * 64, 2: "b" * 64, 3: "c" * 64},
    )
