"""Records of the loop as views: what a notebook or a terminal shows of them. Nothing here asks the world."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flyball.api.view import View
from flyball.core.reason import Reason
from flyball.journal.explain import tell
from flyball.words.sentences import sentence

if TYPE_CHECKING:
    from flyball.evaluation.replay_records import ReplayReport
    from flyball.journal.examine import Examined
    from flyball.loop.backtest.records import BacktestReport
    from flyball.loop.experiment import ExperimentView
    from flyball.loop.listing import StatusLine
    from flyball.loop.past.history import Change, Production
    from flyball.loop.past.price import PutOff, Training
    from flyball.loop.past.reproduce import Reproduction
    from flyball.loop.records import Written
    from flyball.words.sentences import Language

Say = Callable[[Reason], str]
_PAIR = ("what", "value")


def status(model: str, lines: "Sequence[StatusLine]") -> View:
    """The state of the loop."""
    rows = tuple((line.name, _text(line.value)) for line in lines)
    return View(title=model, head=_PAIR, lines=rows, value={line.name: line.value for line in lines})


def written(model: str, done: "Written", say: Say) -> View:
    """What was written to the journal, in sentences, and what is not up to date yet."""
    told = [(entry, tell(entry)) for entry in done.entries]
    rows = [(entry.at, one.action, entry.actor, say(one.reason)) for entry, one in told]
    if done.trouble:
        rows.append((done.entries[-1].at, "trouble", "-", f"{done.trouble}; the next tick tries again"))
    return View(title=model, head=("at", "what", "by", "why"), lines=tuple(rows), value=done)


def rollout(plain: Mapping[str, Any]) -> View:
    """How the rollout stands, and what waits for a person."""
    running, waiting = plain["rollout"], plain["waiting"]
    rows = [(name.replace("_", " "), _text(value)) for name, value in (running or {"rollout": None}).items()]
    if waiting is not None:
        rows.append(("waits for approval", f"version {waiting['version']}, asked for by {waiting['asked_by']}: {waiting['reason']}"))
    return View(title=str(plain["model"]), head=_PAIR, lines=tuple(rows), value=plain)


def experiment(view: "ExperimentView", language: str) -> View:
    """A comparison on live rows."""
    from flyball.render.experiment.page import experiment_page

    words, e = _language(language), view.evidence
    rows: list[tuple[object, ...]] = [
        ("state", "ended" if not view.running else "paused" if view.paused is not None else "running"),
        ("strategy", f"{view.rollout.strategy} by {view.rollout.metric}"),
        ("so far", sentence(view.reason, words)),
    ]
    if e is not None:
        rows += [("gain", e.gain), ("lower", e.lower), ("upper", e.upper), ("rows", e.rows), ("blocks", e.blocks)]
    if view.ended is not None:
        rows.append(("ended", sentence(view.ended, words)))
    title = f"{view.model}: version {view.rollout.version} against {view.rollout.champion}"
    return View(title=title, head=_PAIR, lines=tuple(rows), value=view, page=experiment_page(view, words))


def replay(report: "ReplayReport", language: str) -> View:
    """Logged requests asked once more."""
    from flyball.evaluation.replay import replay_reasons
    from flyball.render.replay.page import html_page

    words = _language(language)
    rows = tuple((sentence(reason, words),) for reason in replay_reasons(report))
    title = f"{report.model}@{report.candidate} against {report.model}@{report.champion}"
    return View(title=title, head=("found",), lines=rows, value=report, page=html_page(report, words))


def retrains(model: str, found: "Sequence[Training | PutOff]") -> View:
    """Every training, with its price and what became of it."""
    from flyball.loop.past.price import Training

    def row(one: "Training | PutOff") -> tuple[object, ...]:
        if not isinstance(one, Training):
            return one.at, one.cause, "put off", None, None, None, None, None, None
        bought = one.bought
        gain = None if bought is None or bought.gain is None else f"{bought.gain:+.4f}"
        if gain is not None and bought is not None and bought.lower is not None and bought.upper is not None:
            gain += f" [{bought.lower:+.4f}, {bought.upper:+.4f}]"
        gate = one.gate.value if one.gate else None
        return one.at, one.cause, one.ended, one.version or None, one.rows or None, one.cpu_seconds, gate, one.became, gain

    head = ("at", "cause", "outcome", "version", "rows", "CPU s", "gate", "became", "bought")
    return View(title=model, head=head, lines=tuple(row(one) for one in found), value=found)


def production(stood: "Production", say: Say) -> View:
    """What was in production at a time."""
    from flyball.loop.past.plain import plain_production

    plain = plain_production(stood, say)
    names = ("seq", "champion", "champion_since", "challenger", "challenger_share", "shadow", "previous", "waiting", "frozen", "alerts")
    rows = tuple((name.replace("_", " "), _text(plain[name])) for name in names)
    return View(title=f"{stood.model} at {stood.at:%Y-%m-%d %H:%M} UTC", head=_PAIR, lines=rows, value=stood)


def changed(model: str, found: "Sequence[Change]", say: Say) -> View:
    """What changed production."""
    rows = tuple((one.entry.seq, one.entry.at, one.entry.actor, one.action, one.champion, one.challenger, say(one.reason)) for one in found)
    return View(title=model, head=("entry", "at", "by", "what", "champion", "challenger", "why"), lines=rows, value=found)


def reproduction(found: "Reproduction", say: Say) -> View:
    """A version trained again."""
    rows: list[tuple[object, ...]] = [("identical", found.identical), ("because", say(found.reason)), ("commit", found.code.commit or None)]
    rows += [(one.name, "same bytes" if one.same else "differs") for one in found.files]
    rows += [(name, f"{then:.4f} then, {now:.4f} now") for name, (then, now) in found.metrics.items()]
    return View(title=f"{found.model}@{found.version} once more", head=_PAIR, lines=tuple(rows), value=found)


def backtest(report: "BacktestReport", language: str) -> View:
    """Policies over history, side by side."""
    from flyball.render.backtest.page import html_page

    metrics = report.metrics
    head = ("policy", *(f"mean {name}" for name in metrics), "retrains", "CPU s", "promoted", "refused", "rolled back", "alarms")
    rows = tuple(
        (
            one.name,
            *(one.mean.get(name) for name in metrics),
            one.retrains,
            round(one.cost.cpu_seconds),
            one.promotions,
            one.refused,
            one.rollbacks,
            len(one.alarms),
        )
        for one in report.policies
    )
    return View(title=f"{report.model}: backtest", head=head, lines=rows, value=report, page=html_page(report, _language(language)))


def examined(found: "Examined", say: Say) -> View:
    """Whether a journal is what was appended."""
    rows: tuple[tuple[object, ...], ...] = tuple((flaw.seq, say(flaw.reason)) for flaw in found.flaws)
    end = "" if found.head is None else f", up to {found.head.seq}:{found.head.hash}"
    title = f"{found.model}: {found.entries} entries, " + ("each as it was appended" if not found.flaws else "NOT as appended") + end
    return View(title=title, head=("entry", "what is wrong"), lines=rows, value=found)


def _text(value: object) -> object:
    if isinstance(value, list | tuple):
        return "; ".join(str(item) for item in value) or None
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {item}" for key, item in value.items()) or None
    return value


def _language(language: str) -> "Language":
    return "zh" if language == "zh" else "en"
