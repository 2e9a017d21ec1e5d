"""A backtest as one self-contained page: the policies side by side, their performance over time, and every decision."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from flyball.core.reason import Reason, because
from flyball.core.window import format_duration
from flyball.loop.backtest.records import BacktestReport, Difference, Scored
from flyball.render.backtest.charts import STYLE, apart, legend, over_time
from flyball.render.report.paper import whole_page
from flyball.render.report.svg import joined, tag
from flyball.render.report.text import clean, cleaned, whole
from flyball.stats.scores import METRICS
from flyball.words.sentences import Language, sentence

_MOST_DECISIONS = 200


def html_page(report: BacktestReport, language: Language = "en") -> str:
    """The page as text. The same report gives the same page; nothing is loaded from elsewhere."""
    say = _Say(language)
    body = [
        tag("h1", say("title", model=clean(report.model))),
        tag("p", sentence(span_reason(report), language)),
        *(tag("p", f"{say('warnings')}: {sentence(one, language)}", class_="answer look") for one in report.warnings),
        tag("h2", say("policies")),
        tag("p", sentence(ranked_by(report, language), language)),
        tag("div", _policies(report, say), class_="wide"),
        tag("p", sentence(judged_by(report), language), class_="soft"),
        tag("p", say("chosen"), class_="soft"),
        tag("h2", say("over_time")),
        legend(report),
        _apart(report, language),
        *(_over_time(report, name, language, f"c{number}") for number, name in enumerate(report.metrics)),
        *(tag("div", _months(report, name, say), class_="wide") for name in report.metrics),
        tag("h2", say("decisions")),
        *(_decisions(one, say, language) for one in report.policies),
    ]
    return whole_page(say("title", model=clean(report.model)), body, language, own=STYLE)


def span_reason(report: BacktestReport) -> Reason:
    """What was replayed."""
    return because(
        "backtest.span",
        rows=whole(report.rows),
        labelled=whole(report.labelled),
        start=f"{report.start:%Y-%m-%d}",
        end=f"{report.end:%Y-%m-%d}",
        step=format_duration(report.step),
    )


def ranked_by(report: BacktestReport, language: Language) -> Reason:
    """What the order of the policies means."""
    better = sentence(because(f"backtest.{METRICS[report.metric].direction}"), language)
    return because("backtest.ranked", metric=report.metric, better=better, reference=report.reference)


def judged_by(report: BacktestReport) -> Reason:
    """What false and missed alarms mean here."""
    if report.unjudged:
        return because(f"backtest.unjudged_{report.unjudged}")
    within = format_duration(report.within)
    if report.changes:
        return because("backtest.judged_by_changes", changes=len(report.changes), within=within)
    return because("backtest.judged_by_losses", losses=len(report.losses), within=within)


class _Say:
    """The texts of the page in one language."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def __call__(self, code: str, **values: str | int) -> str:
        return sentence(because(f"backtest.{code}", **values), self._language)


def _policies(report: BacktestReport, say: _Say) -> Markup:
    names = ("retrains", "cpu", "rows", "promoted", "refused", "rolled_back", "alarms", "false", "missed", "below")
    heads = [say("policy"), *(say("mean", metric=name) for name in report.metrics), say("gain", metric=report.metric)]
    heads += [say(name) for name in names]
    rows = []
    for one in report.policies:
        numbers = [f"{one.mean[name]:.4f}" if name in one.mean else "-" for name in report.metrics]
        numbers += [gain(one.against.get(report.metric)), str(one.retrains), f"{one.cost.cpu_seconds:.0f}", whole(one.cost.rows)]
        numbers += [str(one.promotions), str(one.refused), str(one.rollbacks), str(len(one.alarms))]
        numbers += ["-" if value is None else str(value) for value in (one.false_alarms, one.missed)] + [f"{one.under_floor:g}"]
        rows.append((clean(one.name), numbers))
    return _table(heads, rows)


def gain(told: Difference | None) -> str:
    """A difference with its interval."""
    if told is None:
        return "-"
    return f"{told.gain:+.4f} [{told.lower:+.4f}, {told.upper:+.4f}]"


def _months(report: BacktestReport, metric: str, say: _Say) -> Markup:
    months = sorted({month for one in report.policies for month in one.months.get(metric, {})})
    heads = [say("month"), *(clean(one.name) for one in report.policies)]
    rows = []
    for month in months:
        values = [one.months.get(metric, {}).get(month) for one in report.policies]
        rows.append((month, ["-" if value is None else f"{value:.4f}" for value in values]))
    return joined([tag("h3", say("months", metric=metric)), _table(heads, rows)])


def _table(heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> Markup:
    top = tag("tr", tag("th", heads[0]), *(tag("th", head, class_="n") for head in heads[1:]))
    body = [tag("tr", tag("th", name), *(tag("td", value, class_="n") for value in values)) for name, values in rows]
    return tag("table", tag("thead", top), tag("tbody", *body))


def _over_time(report: BacktestReport, metric: str, language: Language, key: str) -> Markup:
    drawn = over_time(report, metric, language, key)
    if drawn is None:
        return Markup("")
    return joined([tag("h3", sentence(because("backtest.weekly", metric=metric), language)), tag("figure", drawn, class_="policies")])


def _apart(report: BacktestReport, language: Language) -> Markup:
    drawn = apart(report, language, "apart")
    if drawn is None:
        return Markup("")
    title = because("backtest.apart", metric=report.metric, reference=clean(report.reference))
    return joined([tag("h3", sentence(title, language)), tag("figure", drawn, class_="policies")])


def _decisions(one: Scored, say: _Say, language: Language) -> Markup:
    heads = tag("tr", tag("th", say("at")), tag("th", say("what")), tag("th", say("why")))
    rows = []
    for made in one.decisions[:_MOST_DECISIONS]:
        why = "; ".join(sentence(cleaned(reason), language) for reason in (made.reason, *made.checks))
        what = f"{made.action} @{made.version}" if made.version else made.action
        rows.append(tag("tr", tag("td", f"{made.at:%Y-%m-%d %H:%M}", class_="t"), tag("td", what), tag("td", why, class_="words")))
    table = tag("table", tag("thead", heads), tag("tbody", *rows))
    return tag("details", tag("summary", f"{clean(one.name)} ({len(one.decisions)})"), tag("div", table, class_="wide"))
