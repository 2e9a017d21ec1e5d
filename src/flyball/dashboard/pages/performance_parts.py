"""Parts of the page performance that stand on the newest report: what is known, the slices, and how answers are wrong."""

from collections.abc import Sequence

from markupsafe import Markup

from flyball.core.record import record
from flyball.dashboard.records import Ask
from flyball.loop.course import Course
from flyball.monitoring.records import Confusion, Coverage, PerformanceDetails, Residuals, SlicePerformance
from flyball.render.report.course import Legend, known_course, lag_course, lag_unit
from flyball.render.report.judged import between, errors, reliability, shares
from flyball.render.report.page import worst_slices
from flyball.render.report.text import clean, lasting, percent

A_PAGE = 20


@record
class CoverageTold:
    """How many predictions have an outcome: the bar, and how it came over time."""

    now: Coverage
    without: int
    young: int
    bar: Markup
    known: Markup | None
    lag: Markup | None
    median: str
    ninety: str


def coverage_told(ask: Ask, found: Course) -> CoverageTold | None:
    """What there is to say of outcomes; None where no look was detailed."""
    now = next((look.coverage for look in reversed(found.looks) if look.coverage is not None), None)
    if now is None:
        return None
    without, young = max(now.matured - now.labelled, 0), max(now.predicted - now.matured, 0)
    about = ask.t("performance.coverage_about", labelled=now.labelled, without=without, young=young)
    unit, sign = lag_unit(found.looks)
    lags = Legend(
        title=ask.t("performance.lag_title", unit=sign),
        about=ask.t("performance.lag_about", median=lasting(now.lag_median), ninety=lasting(now.lag_90)),
        realised=ask.t("performance.half"),
        same=ask.t("performance.nine"),
    )
    share = percent(now.labelled / now.matured) if now.matured else "-"
    known = Legend(title=ask.t("performance.known_title"), about=ask.t("performance.known_about", share=share))
    return CoverageTold(
        now=now,
        without=without,
        young=young,
        bar=shares(
            ((now.labelled, "now"), (without, "lost"), (young, "ref")), title=ask.t("performance.coverage"), about=about, key="coverage"
        ),
        known=known_course(found.looks, known, "known"),
        lag=lag_course(found.looks, lags, "lag", unit=unit),
        median=lasting(now.lag_median),
        ninety=lasting(now.lag_90),
    )


@record
class SliceRow:
    """One slice: its name, its figures, and where it stands on the scale of all."""

    told: SlicePerformance
    name: str
    bar: Markup | None
    sentence: str


@record
class SlicesTold:
    """The slices of one page, the worst first. `worse`: how many are certainly worse than the other rows."""

    metric: str
    rows: tuple[SliceRow, ...]
    total: int
    worse: int
    few: int
    page: int
    pages: int
    before: str
    after: str


def slices_told(ask: Ask, found: Course) -> SlicesTold | None:
    """The slices of the newest report; None without any."""
    details = found.report.details if found.report is not None else None
    if details is None or not details.slices:
        return None
    every = worst_slices(details.slices)
    pages = -(-len(every) // A_PAGE)
    asked = ask.query.get("page", "")
    page = min(max(int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1, 1), pages)
    shown = every[(page - 1) * A_PAGE : page * A_PAGE]
    metric = every[0].performance.metric
    whole = next((one.value for one in details.metrics if one.metric == metric), None)
    span = _scale(every, whole)
    kept = {name: ask.query[name] for name in ("metric", "version", "from", "to") if ask.query.get(name)}
    return SlicesTold(
        metric=metric,
        rows=tuple(_row(ask, one, span, whole) for one in shown),
        total=len(every),
        worse=sum(one.worse for one in every),
        few=sum(one.performance.lower is None for one in every),
        page=page,
        pages=pages,
        before=ask.link("performance", **{**kept, "page": page - 1}) + "#slices" if page > 1 else "",
        after=ask.link("performance", **{**kept, "page": page + 1}) + "#slices" if page < pages else "",
    )


def _row(ask: Ask, one: SlicePerformance, span: tuple[float, float], whole: float | None) -> SliceRow:
    told = one.performance
    bar = None if told.value is None else between(told.value, told.lower, told.upper, span=span, against=whole)
    return SliceRow(told=one, name=f"{clean(one.column, 40)} = {clean(one.value, 60)}", bar=bar, sentence=ask.tell(told.reason))


def _scale(every: Sequence[SlicePerformance], whole: float | None) -> tuple[float, float]:
    """From the least to the greatest: of slices of few rows only the value counts, and only where no slice has bounds."""
    sure = [n for one in every for n in (one.performance.lower, one.performance.upper) if n is not None]
    numbers = sure or [one.performance.value for one in every if one.performance.value is not None]
    numbers += [whole] if whole is not None else []
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    room = (high - low) * 0.05 or 0.05
    return low - room, high + room


@record
class MistakesTold:
    """How answers are wrong. `curve`: scores against shares; `confusion` with shares of each true class; `errors` of a regression.

    Sentences say why something is not there, in the reader's language.
    """

    task: str
    details: PerformanceDetails | None
    curve: Markup | None
    no_curve: str
    notes: tuple[str, ...]
    confusion: Confusion | None
    cells: tuple[tuple[tuple[int, str, str], ...], ...]
    residuals: Residuals | None
    errors: Markup | None
    rates: tuple[tuple[str, str], ...]


def mistakes_told(ask: Ask, found: Course) -> MistakesTold:
    """Calibration and confusion of a classifier, residuals of a regression, of the newest report."""
    details = found.report.details if found.report is not None else None
    task = ask.project.spec().model.task
    bins = details.calibration if details is not None else ()
    confusion = details.confusion if details is not None else None
    residuals = details.residuals if details is not None else None
    labelled = details.coverage.labelled if details is not None else 0
    return MistakesTold(
        task=task,
        details=details,
        curve=reliability(bins, title=ask.t("performance.calibration"), key="calibration") if bins else None,
        no_curve=ask.t("performance.no_curve_rows" if labelled < 100 else "performance.no_curve", rows=labelled),
        notes=tuple(ask.tell(note) for note in (details.notes if details is not None else ())),
        confusion=confusion,
        cells=_cells(confusion),
        residuals=residuals,
        errors=errors(residuals.bins, title=ask.t("performance.errors"), key="errors") if residuals is not None else None,
        rates=_rates(ask, confusion),
    )


def _cells(confusion: Confusion | None) -> tuple[tuple[tuple[int, str, str], ...], ...]:
    """Rows, share of the true class, and the class that shades a cell."""
    if confusion is None:
        return ()
    return tuple(
        tuple((count, percent(count / total) if (total := sum(row)) else "-", _shade(count, total)) for count in row)
        for row in confusion.counts
    )


def _shade(count: int, total: int) -> str:
    return f"s{min(int(4 * count / total), 3)}" if total else "s0"


def _rates(ask: Ask, confusion: Confusion | None) -> tuple[tuple[str, str], ...]:
    """What is read off a table of two classes; of more, only how often the answer was right."""
    if confusion is None:
        return ()
    counts = confusion.counts
    total, right = sum(map(sum, counts)), sum(row[at] for at, row in enumerate(counts))
    found = [(ask.t("performance.right"), _share(right, total))]
    if len(counts) == 2:
        (_, wrong), (missed, hit) = counts
        found += [
            (ask.t("performance.precision", name=clean(confusion.classes[1], 40)), _share(hit, hit + wrong)),
            (ask.t("performance.recall", name=clean(confusion.classes[1], 40)), _share(hit, hit + missed)),
        ]
    return tuple(found)


def _share(part: int, whole: int) -> str:
    return f"{percent(part / whole)} ({part:,} / {whole:,})" if whole else "-"
