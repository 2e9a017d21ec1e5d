"""Backtest: what each of several policies would have led to on the project's own past, side by side."""

from collections.abc import Sequence

from markupsafe import Markup

from flyball.core.reason import because
from flyball.dashboard.pages.backtest_jobs import Going, going, wanted
from flyball.dashboard.paper import filled, guarded
from flyball.dashboard.records import Ask, Page, Part
from flyball.loop.backtest import kept
from flyball.loop.backtest.records import BacktestReport, Scored
from flyball.render.backtest.charts import apart, legend, over_time
from flyball.render.backtest.page import gain, judged_by, ranked_by, span_reason
from flyball.render.report.scale import Bar, on_one_scale
from flyball.render.report.text import clean, cleaned

_DECISIONS = 100  # of each policy


def page(ask: Ask) -> Page:
    """The newest report, or the one that `of` names; what runs, and how to run another."""
    names = kept.names(ask.project.state)
    chosen = ask.query.get("of", "")
    name = chosen if chosen in names else next(iter(names), "")
    jobs = going(ask.world.executor, ask.model, names)
    runs = any(one.state == "running" for one in jobs)
    parts = [
        Part(
            key="choose", body=filled("backtest_choose.html", ask, names=names, name=name, missed=chosen not in ("", name), at=kept.made_at)
        )
    ]
    if name:
        parts.append(guarded(ask, "report", lambda: _report(ask, name)))
    parts.append(guarded(ask, "jobs", lambda: _jobs(ask, jobs), every=5 if runs else 15))
    parts.append(guarded(ask, "another", lambda: _another(ask, jobs, names)))
    return Page(title=ask.t("backtest.title"), parts=parts)


def _report(ask: Ask, name: str) -> Markup:
    found = kept.read(ask.project.state, name)
    report = found.report
    charts = [(metric, over_time(report, metric, ask.language, f"c{number}")) for number, metric in enumerate(report.metrics)]
    return filled(
        "backtest_report.html",
        ask,
        found=found,
        r=report,
        span=ask.tell(span_reason(report)),
        ranked=ask.tell(ranked_by(report, ask.language)),
        judged=ask.tell(judged_by(report)),
        warnings=[ask.tell(one) for one in report.warnings],
        best=_best(ask, report),
        gains=_gains(ask, report),
        legend=legend(report),
        apart=apart(report, ask.language, "apart"),
        apart_title=ask.tell(because("backtest.apart", metric=report.metric, reference=report.reference)),
        charts=[(metric, drawn) for metric, drawn in charts if drawn is not None],
        months=[(metric, _months(report, metric)) for metric in report.metrics],
        decisions=[_decisions(ask, one) for one in report.policies],
        most=_DECISIONS,
        gain=lambda one: gain(one.against.get(report.metric)),
    )


def _best(ask: Ask, report: BacktestReport) -> str:
    """The first of the policies and what is certain of it."""
    best = report.policies[0]
    value = best.mean.get(report.metric)
    told = {"policy": clean(best.name), "metric": report.metric, "value": value, "reference": clean(report.reference)}
    against = best.against.get(report.metric)
    if against is None:
        rivals = [one for one in report.policies[1:] if (found := one.against.get(report.metric)) is not None and found.upper >= 0]
        return ask.t(
            "backtest.best_alone" if not rivals else "backtest.best_close", **told, others=", ".join(clean(one.name) for one in rivals)
        )
    return ask.t("backtest.best_certain" if against.lower > 0 else "backtest.best_unsure", **told)


def _gains(ask: Ask, report: BacktestReport) -> Markup | None:
    bars = [
        Bar(name=f"{number} {_short(one.name)}", gain=told.gain, lower=told.lower, upper=told.upper)
        for number, one in enumerate(report.policies, 1)
        if (told := one.against.get(report.metric)) is not None
    ]
    title = ask.t("backtest.gains", metric=report.metric, reference=clean(report.reference))
    return on_one_scale(bars, title=title, key="gains", left=190)


def _short(name: str, room: int = 24) -> str:
    return clean(name, room)


def _months(report: BacktestReport, metric: str) -> list[tuple[str, list[float | None]]]:
    months = sorted({month for one in report.policies for month in one.months.get(metric, {})})
    return [(month, [one.months.get(metric, {}).get(month) for one in report.policies]) for month in months]


def _decisions(ask: Ask, one: Scored) -> tuple[Scored, list[tuple[object, str, str]]]:
    """A policy and its last decisions, the newest first: time, what, why."""
    rows: list[tuple[object, str, str]] = []
    for made in one.decisions[: -_DECISIONS - 1 : -1]:
        why = "; ".join(ask.tell(cleaned(reason)) for reason in (made.reason, *made.checks))
        rows.append((made.at, f"{made.action} @{made.version}" if made.version else made.action, why))
    return one, rows


def _jobs(ask: Ask, jobs: Sequence[Going]) -> Markup:
    return filled("backtest_jobs.html", ask, jobs=[one for one in jobs if one.state != "done"])


def _another(ask: Ask, jobs: Sequence[Going], names: Sequence[str]) -> Markup:
    return filled("backtest_another.html", ask, asked=wanted(ask.query, jobs, names), first=not names)
