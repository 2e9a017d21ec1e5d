"""`flyball replay`: what a version would have answered to the requests of late, before it answers anybody."""

from pathlib import Path

import click

from flyball.cli.frame import as_json, at_time, console, now_option, project, say, show_json, show_table, span, told, version_of
from flyball.core.errors import UsageError
from flyball.evaluation.replay import replay_reasons
from flyball.evaluation.replay_records import ReplayReport
from flyball.loop.shown import plain_replay
from flyball.settings import Settings
from flyball.wiring import open_workshop

_LAST = 10_000
_MOST = 1_000_000


@click.command()
@click.option("--candidate", required=True, metavar="NAME@V", help="The version that is asked.")
@click.option("--against", default=None, metavar="NAME@V", help="The version it is compared with (default: the champion).")
@click.option("--last", type=click.IntRange(1, _MOST), default=_LAST, metavar="N", help=f"The newest N logged requests (default: {_LAST}).")
@click.option("--since", default=None, metavar="SPAN", help="Only requests of the last SPAN, such as 7d.")
@click.option("--html", default=None, metavar="FILE", help="Write a self-contained page that can be mailed.")
@now_option
@as_json
@click.pass_context
def command(
    ctx: click.Context, candidate: str, against: str | None, last: int, since: str | None, html: str | None, now: str | None, as_json: bool
) -> None:
    """Ask a version the newest logged requests once more, beside the champion, and compare what both say.

    Says on which requests it fails, how many labels differ and where, how the scores moved, how long a row takes each, and, where outcomes
    are known that neither learned from, which is better. Nothing is logged and nobody is answered. Exit 1 if it fails on a request that the
    champion answers, or gives a score that is no finite number. The same stands in the gate of every training: [evaluate] replay.

    \b
    flyball replay --candidate churn@4                        against the champion
    flyball replay --candidate churn@4 --against churn@2      against another version
    flyball replay --candidate 4 --since 7d --html replay.html
    """
    from flyball.loop.replaying.replay import replay

    settings, spec = project(ctx)
    page = _page(html)
    report = replay(
        spec,
        open_workshop(settings, spec, echo=say),
        candidate=version_of(candidate, spec.model.name),
        against=None if against is None else version_of(against, spec.model.name),
        last=last,
        since=span("--since", since),
        now=at_time(now),
        progress=say,
    )
    if page is not None:
        from flyball.render.replay.page import html_page

        page.write_text(html_page(report, "zh" if settings.language == "zh" else "en"), encoding="utf-8")
        say(f"wrote {page}")
    if as_json:
        show_json(plain_replay(report, lambda reason: told(reason, settings)))
    else:
        show(report, settings)
    if report.errors.rows or report.not_finite.rows:
        say(f"failed: {report.errors.rows} errors, {report.not_finite.rows} scores that are no finite numbers")
        ctx.exit(1)


def show(report: ReplayReport, settings: Settings) -> None:
    """A report for people."""
    console().print(f"{report.model}@{report.candidate} against {report.model}@{report.champion}")
    for reason in replay_reasons(report):
        console().print(told(reason, settings))
    old, new = f"@{report.champion}", f"@{report.candidate}"
    if report.shift is not None and not report.identical:
        of = f", probability of {report.shift.of}" if report.shift.of else ""
        rows = [(level, before, after, after - before) for level, (before, after) in report.shift.quantiles.items()]
        show_table(("quantile", old, new, "change"), rows, title=f"scores{of}")
    if report.confusion is not None and not report.identical:
        head = (f"{old} says", *(f"{new}: {label}" for label in report.confusion.labels))
        show_table(head, [(label, *counts) for label, counts in zip(report.confusion.labels, report.confusion.counts, strict=True)])
    if report.latency is not None:
        it = report.latency
        rows_of = [(old, it.champion_median * 1e6, it.champion_p99 * 1e6), (new, it.candidate_median * 1e6, it.candidate_p99 * 1e6)]
        show_table(("version", "median µs", "p99 µs"), rows_of, title="one row")


def _page(text: str | None) -> Path | None:
    if text is None:
        return None
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"--html {text}: this is no file in a folder that exists", hint="write for example --html replay.html")
    return path
