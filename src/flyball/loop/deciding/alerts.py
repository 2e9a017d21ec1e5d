"""What is certainly wrong, and which alerts begin and end by it."""

from collections.abc import Mapping

from flyball.alerting.records import Alert
from flyball.core.reason import Reason, because
from flyball.core.verdict import Verdict
from flyball.journal.known import State
from flyball.loop.records import Action, Evidence, Notify, Resolve
from flyball.monitoring.records import ArmsEvidence


def signals(evidence: Evidence) -> Mapping[str, Reason]:
    """What is certainly wrong now: alert key → reason."""
    found = {f"drift:{name}": column.reason for name, column in evidence.drift.items() if column.state == "drift"}
    if evidence.floor is not None and evidence.floor.verdict is Verdict.FAIL and evidence.performance is not None:
        found[f"performance:{evidence.performance.metric}"] = evidence.floor.reason
    for one in evidence.quality:
        if one.severity == "error":
            found.setdefault(one.key, one.reason)
    if evidence.refused:
        found["deployment"] = because("deployment.refused", workers=len(evidence.refused), error=evidence.refused[0])
    if isinstance(evidence.rollout, ArmsEvidence) and evidence.rollout.trouble is not None:
        found[f"experiment:{evidence.rollout.version}"] = evidence.rollout.trouble
    return found


def judge_alerts(state: State, evidence: Evidence) -> list[Action]:
    """Alerts that begin and that are over."""
    actions: list[Action] = []
    found = signals(evidence)
    for key, reason in found.items():
        if key not in state.firing:
            actions.append(Notify(alert=Alert(key=key, reason=reason)))
    calm = {key: reason for key, reason in evidence.calm.items() if not key.startswith("experiment:")} | _trusted_again(state, evidence)
    for key in sorted((state.firing.keys() & calm.keys()) - found.keys()):  # what is wrong at this very look is not over
        actions.append(Resolve(alert=Alert(key=key, reason=calm[key])))
    return actions


def _trusted_again(state: State, evidence: Evidence) -> dict[str, Reason]:
    """Alerts about experiments that are over: the experiment ended, or its arms can be compared again."""
    over = {}
    for key in state.firing:
        kind, _, version = key.partition(":")
        if kind != "experiment":
            continue
        if state.rollout is None or str(state.rollout.version) != version:
            over[key] = because("experiment.ended", version=version)
        elif isinstance(evidence.rollout, ArmsEvidence) and evidence.rollout.trouble is None:
            over[key] = because("experiment.sound", version=version)
    return over
