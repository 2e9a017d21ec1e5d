"""Experiment: a new version against the champion, and what would decide between them."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from flyball.core.verdict import Verdict
from flyball.dashboard.pages.experiment_reckoned import Found, reckoned
from flyball.dashboard.pages.experiment_shown import Row, gate_of, guards_of, row_of
from flyball.dashboard.paper import filled, guarded
from flyball.dashboard.records import Ask, Page, Part
from flyball.dashboard.standing import Facts, facts, seen
from flyball.journal.explain import tell
from flyball.loop.experiment import ExperimentView, Trial, experiment_view, trials
from flyball.loop.memory import Memory
from flyball.loop.rollout import rollout_status, waiting_status
from flyball.monitoring.records import ArmsEvidence
from flyball.render.experiment.charts import daily, over_time
from flyball.render.report.scale import Bar, on_one_scale
from flyball.render.report.text import Words, whole

_LISTED = 20  # comparisons on a page of the list
_CHOICES = 50  # and in the list to choose from
_LOOKED = timedelta(days=3)  # a loop that is at work measures more often
_TONES = {Verdict.PASS: "good", Verdict.FAIL: "act", Verdict.UNDECIDED: "look"}


def page(ask: Ask) -> Page:
    """The comparison that runs, the last one, or the last one of the version that `of` names."""
    known = facts(ask)
    found = trials(known.entries)
    title = ask.t("experiment.title")
    if not found:
        return Page(title=title, parts=[Part(key="main", body=_empty(ask, known), every=10)])
    asked = _number(ask.query.get("of", ""))
    chosen = next((one for one in reversed(found) if one.rollout.version == asked), None)
    missed = "of" in ask.query and chosen is None
    one = found[-1] if chosen is None else chosen
    figures = _figures(ask, known, one)
    every = 2 if figures.pending() else 5 if one.end is None else 0
    parts = [Part(key="choose", body=_choose(ask, found, one, missed=missed))]
    parts += [guarded(ask, key, make, every) for key, make in _sections(ask, known, one, figures)]
    parts += [guarded(ask, "all", lambda: _all(ask, found, one, figures))]
    return Page(title=title, parts=parts)


class _Figures:
    """The figures of a rollout, asked for once for all sections of a page; each of them says by itself if they cannot be had."""

    def __init__(self, make: Callable[[], Found]) -> None:
        self._make = make
        self._found: Found | None = None
        self._error: Exception | None = None

    def get(self) -> Found:
        """What is known, or the error that came instead."""
        if self._found is None and self._error is None:
            try:
                self._found = self._make()
            except Exception as error:  # noqa: BLE001 - told by every section that needs them
                self._error = error
        if self._error is not None:
            raise self._error
        assert self._found is not None
        return self._found

    def pending(self) -> bool:
        """Whether newer figures are on their way."""
        try:
            return self.get().pending
        except Exception:  # noqa: BLE001 - the sections tell it
            return False


def _figures(ask: Ask, known: Facts, one: Trial) -> _Figures:
    """Of a rollout that is over they never change; of one that runs with the journal, and with each hour in which days may mature."""
    world, spec, entries = ask.world, ask.project.spec(), known.entries
    at = _seen_until(known)
    hour = at.replace(minute=0, second=0, microsecond=0)
    state = (one.end.seq,) if one.end is not None else (entries[-1].seq, hour)

    def make() -> ExperimentView:
        return experiment_view(world, spec, known.state, Memory(), at, entries=entries, of=one)

    return _Figures(lambda: reckoned().get((str(ask.project.folder), ask.model, one.seq), state, make))


def _seen_until(known: Facts) -> datetime:
    """Until when there may be predictions: where nobody measured for days, as after a replay of the past, nobody asked either."""
    report = known.report
    return known.at if report is None or known.at - report.window.end <= _LOOKED else report.window.end


def _sections(ask: Ask, known: Facts, one: Trial, figures: _Figures) -> list[tuple[str, Callable[[], Markup]]]:
    def view() -> ExperimentView | None:
        return figures.get().view

    return [
        ("answer", lambda: _answer(ask, known, one, figures)),
        ("sequence", lambda: _sequence(ask, figures.get())),
        ("arms", lambda: _arms(ask, view())),
        ("guards", lambda: _guards(ask, one, view())),
        ("gate", lambda: filled("experiment_gate.html", ask, version=one.rollout.version, gate=gate_of(known.entries, one))),
    ]


def _empty(ask: Ask, known: Facts) -> Markup:
    strategy = ask.project.spec().rollout.strategy
    return filled("experiment_empty.html", ask, state=known.state, strategy=strategy)


def _choose(ask: Ask, found: Sequence[Trial], one: Trial, *, missed: bool) -> Markup:
    last: dict[int, Trial] = {trial.rollout.version: trial for trial in found}
    newest = sorted(last.values(), key=lambda trial: -trial.seq)
    return filled("experiment_choose.html", ask, choices=newest[:_CHOICES], left=max(len(newest) - _CHOICES, 0), one=one, missed=missed)


def _answer(ask: Ask, known: Facts, one: Trial, figures: _Figures) -> Markup:
    """What is known, what would decide, and what a person may do. What the journal says stands though the figures cannot be had."""
    found = figures.get() if one.end is None else _unless(figures)
    view = found.view
    evidence = None if view is None else view.evidence
    arms = evidence if isinstance(evidence, ArmsEvidence) else None
    trouble = arms is not None and arms.trouble is not None and one.end is None
    row = row_of(one, view)
    running = one.end is None
    status = rollout_status(known.state, now=known.at) if running else None
    return filled(
        "experiment_answer.html",
        ask,
        w=Words(ask.language),
        one=one,
        view=view,
        e=evidence,
        arms=arms,
        row=row,
        call="trouble" if trouble else row.verdict.value,
        tone="act" if trouble else _TONES.get(row.verdict, "look"),
        state="ended" if not running else "paused" if known.state.paused is not None else "running",
        paused=known.state.paused if running else None,
        ended=None if one.end is None else tell(one.end).reason,
        reason=None if view is None else view.reason,
        status=status,
        waiting=waiting_status(known.state) if running else None,
        decides=_decides(ask, view) if view is not None and running else (),
        share=known.state.challenger_share if running else one.rollout.share,
        pending=found.pending,
        signed=_signed,
        seen=seen(known.state),
    )


def _unless(figures: _Figures) -> Found:
    """The figures; nothing where they cannot be had, which the sections that show them tell."""
    try:
        return figures.get()
    except Exception:  # noqa: BLE001 - see above
        return Found(view=None, pending=False)


def _decides(ask: Ask, view: ExperimentView) -> tuple[str, ...]:
    """What would decide it: how far each bound is from its line, and what happens if neither gets there."""
    rollout, e = view.rollout, view.evidence
    line = -rollout.margin if rollout.margin else 0.0
    days = 0 if e is None else e.live_blocks
    lower, upper = (None, None) if e is None else (e.lower, e.upper)
    said = {"version": rollout.version, "champion": rollout.champion, "line": line, "needed": rollout.min_days, "days": days}
    short = None if lower is None else max(line - lower, 0.0)
    favour = "favour_proven" if short == 0.0 and days < rollout.min_days else "favour" if lower is not None else "favour_unknown"
    return (
        ask.t(f"experiment.{favour}", **said, lower=lower, short=short),
        ask.t("experiment.against" if upper is not None else "experiment.against_unknown", **said, upper=upper),
    )


def _sequence(ask: Ask, found: Found) -> Markup:
    view, words = found.view, Words(ask.language)
    drawn = None if view is None else over_time(view, words, "over")
    bars = None if view is None else daily(view, words, "daily")
    return filled("experiment_sequence.html", ask, w=words, view=view, pending=found.pending, drawn=drawn, bars=bars, signed=_signed)


def _arms(ask: Ask, view: ExperimentView | None) -> Markup:
    if view is None or view.evidence is None:
        return Markup("")
    e = view.evidence
    arms = e if isinstance(e, ArmsEvidence) else None
    sides = () if arms is None else (("champion", arms.against, arms.champion), ("challenger", arms.version, arms.challenger))
    return filled("experiment_arms.html", ask, w=Words(ask.language), view=view, e=e, arms=arms, sides=sides, signed=_signed)


def _guards(ask: Ask, one: Trial, view: ExperimentView | None) -> Markup:
    """The guardrails: fresh ones of a rollout that runs, those it had of one that is over."""
    now = ask.world.guards.trips(ask.model, since=one.rollout.start_at) if one.end is None else ()
    trips = now or (() if view is None else view.trips)
    of_it = [trip for trip in trips if trip.version in (one.rollout.version, one.rollout.champion)]
    return filled(
        "experiment_guards.html", ask, one=one, known=view is not None or one.end is None, guards=guards_of(one, of_it), trips=of_it
    )


def _all(ask: Ask, found: Sequence[Trial], one: Trial, figures: _Figures) -> Markup:
    """Every comparison there was, the newest first, a page at a time, and their gains on one scale."""
    pages = -(-len(found) // _LISTED)
    number = min(max(_number(ask.query.get("page", "")) or 1, 1), pages)
    part = list(reversed(found))[(number - 1) * _LISTED : number * _LISTED]
    view = _unless(figures).view
    rows: list[Row] = [row_of(trial, view if trial.seq == one.seq else None) for trial in part]
    same = [row for row in rows if row.metric == one.rollout.metric and row.gain is not None]
    bars = [Bar(name=f"@{row.version}", gain=row.gain or 0.0, lower=row.lower, upper=row.upper) for row in same]
    drawn = on_one_scale(bars, title=Words(ask.language)("exp_gain", metric=one.rollout.metric), key="gains")
    shown = {name: value for name, value in ask.query.items() if name == "of"}
    return filled(
        "experiment_all.html",
        ask,
        rows=rows,
        one=one,
        drawn=drawn,
        page=number,
        pages=pages,
        count=whole(len(found)),
        shown=shown,
        signed=_signed,
        w=Words(ask.language),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.5f}"
