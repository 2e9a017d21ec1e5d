"""The page performance: what was realised and estimated, what is known, where it is worst, how answers are wrong; from what is kept."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dashboarded import asked, well_formed
from flyball.core.window import Window
from flyball.dashboard.pages.performance import page
from flyball.dashboard.paper import section
from flyball.monitoring.records import (
    Confusion,
    ErrorBin,
    MonitorReport,
    PerformanceDetails,
    Residuals,
    SlicePerformance,
)
from flyball.render.report.text import clean
from flyball.wiring import open_dashboard
from flyball.words.sentences import Language

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202egnol\x00", "x" * 3000, "{{ 7 * 7 }}"]


def kept(folder: Path, target: Path) -> Path:
    """A copy of a project, whose reports may be changed."""
    return Path(shutil.copytree(folder, target / "project"))


def newest(folder: Path) -> MonitorReport:
    project = open_dashboard([folder]).projects[0]
    found = project.world().reports.latest(project.name)
    assert found is not None
    return found


def put(folder: Path, *reports: MonitorReport) -> None:
    project = open_dashboard([folder]).projects[0]
    for report in reports:
        project.world().reports.save(project.name, report)


def details(report: MonitorReport) -> PerformanceDetails:
    assert report.details is not None
    return report.details


def sliced(report: MonitorReport, names: Sequence[str]) -> MonitorReport:
    assert report.performance is not None
    own = tuple(SlicePerformance(column="shop", value=name, performance=report.performance, worse=not at) for at, name in enumerate(names))
    return replace(report, details=replace(details(report), slices=own))


def shown(folder: Path, query: Mapping[str, str] | None = None, *, language: Language = "en") -> str:
    """The page as it is asked for with these words behind the question mark."""
    ask = replace(asked(folder, "performance", language), query=query or {})
    found = "".join(str(part.body) for part in page(ask).parts)
    well_formed(found)
    return found


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_it_says_what_was_realised_and_estimated_with_bounds_and_the_floor(lived: Path) -> None:
    found, report = shown(lived), newest(lived)
    assert report.performance is not None and report.performance.value is not None
    assert f"{report.performance.value:.4f}" in found
    assert 'class="band now"' in found and 'class="line limit"' in found and 'class="dot newest"' in found
    assert f"{report.performance.floor:.4f}" in found
    assert f"{details(report).estimated[-1].value:.4f}" not in ("", "None")


def test_every_kept_metric_can_be_chosen_and_slices_say_which_they_are_of(lived: Path) -> None:
    main = shown(lived)
    assert [name for name in ("brier", "roc_auc", "accuracy", "f1") if f'<option value="{name}"' in main] == [
        "brier",
        "roc_auc",
        "accuracy",
        "f1",
    ]
    auc = shown(lived, {"metric": "roc_auc"})
    assert '<option value="roc_auc" selected>' in auc
    assert "Higher is better" in auc and "the policy has one for brier alone" in auc
    assert "Slices are kept for brier alone" in auc


def test_a_version_is_shown_over_the_time_it_was_champion(lived: Path) -> None:
    found = shown(lived, {"version": "1"})
    assert '<option value="1" selected>@1</option>' in found
    assert "@1" in found and 'class="change"' not in found
    assert "Version &#39;77&#39; never was champion" in shown(lived, {"version": "77"})


def test_a_span_is_shown_up_to_and_with_its_last_day(lived: Path) -> None:
    end = newest(lived).window.end
    first, last = end - timedelta(days=9), end - timedelta(days=3)
    found = shown(lived, {"from": f"{first:%Y-%m-%d}", "to": f"{last:%Y-%m-%d}"})
    times = re.findall(r'<th scope="row" class="t"><time datetime="([^"]+)"', found)
    assert times[0] == f"{last + timedelta(days=1):%Y-%m-%dT00:00:00Z}"
    assert times[-1] == f"{first:%Y-%m-%dT00:00:00Z}"


@pytest.mark.parametrize("wanted", ["no", "2013-02-31", "99999-01-01", "<b>", "0001-01-01", "9999-12-31", "٣"])
def test_what_is_no_day_is_said_and_left_out(lived: Path, wanted: str) -> None:
    found = shown(lived, {"from": wanted, "to": wanted})
    assert "is no day such as" in found and 'class="line now"' in found


def test_a_span_that_ends_before_it_begins_is_said_and_the_usual_one_shown(lived: Path) -> None:
    found = shown(lived, {"from": "2013-03-20", "to": "2013-03-10"})
    assert "ends before it begins" in found and 'class="line now"' in found


def test_a_span_without_reports_says_so_and_how_to_come_back(lived: Path) -> None:
    found = shown(lived, {"from": "2001-01-01", "to": "2001-02-01"})
    assert "No report is kept whose window ends between 2001-01-01 and 2001-02-01" in found
    assert 'href="/m/flight-delay/performance"' in found


@pytest.mark.parametrize("query", [{"page": "-1"}, {"page": "x"}, {"page": "999999999999"}, {"metric": "x" * 500}, {"version": "1e9"}])
def test_strange_words_in_the_address_change_nothing(lived: Path, query: dict[str, str]) -> None:
    assert 'class="line now"' in shown(lived, query)


def test_what_is_known_is_a_bar_with_its_numbers_and_how_long_outcomes_took(lived: Path) -> None:
    found, coverage = text(shown(lived)), details(newest(lived)).coverage
    assert f"{coverage.labelled:,} with an outcome" in found
    assert f"{coverage.matured - coverage.labelled:,} old enough, without an outcome" in found
    assert "Half of the outcomes came within" in found


def test_the_confusion_matrix_and_the_calibration_curve_are_those_of_the_newest_look(lived: Path) -> None:
    found, report = shown(lived), newest(lived)
    confusion = details(report).confusion
    assert confusion is not None, "the loop keeps it"
    for row in confusion.counts:
        for count in row:
            assert f"{count:,}<span>" in found
    assert sum(map(sum, confusion.counts)) == details(report).coverage.labelled
    assert found.count('class="solid ref"') >= len(details(report).calibration) > 0


def test_a_report_of_before_confusion_was_kept_says_what_to_do(lived: Path, tmp_path: Path) -> None:
    folder = kept(lived, tmp_path)
    report = newest(folder)
    put(folder, replace(report, details=replace(details(report), confusion=None, calibration=())))
    found = shown(folder)
    assert "This report keeps no confusion matrix" in found and "the scores of this version are no probabilities" in found


def test_many_slices_are_paged_the_worst_first(lived: Path, tmp_path: Path) -> None:
    folder = kept(lived, tmp_path)
    put(folder, sliced(newest(folder), [f"s{number:03}" for number in range(45)]))
    first, last = shown(folder, {"metric": "roc_auc"}), shown(folder, {"page": "3"})
    assert first.count('<bdi class="name">shop') == 20 and last.count('<bdi class="name">shop') == 5
    assert "shop = s000" in first and "page 1 of 3" in first
    assert "metric=roc_auc&amp;page=2#slices" in first and 'rel="next"' not in last


def test_hostile_names_of_slices_and_classes_are_only_text(lived: Path, tmp_path: Path) -> None:
    folder = kept(lived, tmp_path)
    report = sliced(newest(folder), HOSTILE)
    confusion = Confusion(classes=tuple(HOSTILE), counts=tuple((1,) * 5 for _ in HOSTILE), threshold=None)
    put(folder, replace(report, details=replace(details(report), confusion=confusion)))
    found = shown(folder)
    assert "<script>" not in found and "<img" not in found and "\u202e" not in found and "\x00" not in found
    assert "x" * 100 not in found


def test_without_slices_or_details_it_is_said_what_to_do(lived: Path, tmp_path: Path) -> None:
    folder = kept(lived, tmp_path)
    report = newest(folder)
    put(folder, replace(report, details=replace(details(report), slices=())))
    assert "[monitor] slices" in shown(folder)
    put(folder, replace(report, details=None))
    found = shown(folder)
    assert "outcomes are known of the 100 it takes" in text(found)


def test_before_any_outcome_only_estimates_are_shown_and_it_is_said_how_to_tell_outcomes(lived: Path, tmp_path: Path) -> None:
    folder = kept(lived, tmp_path)
    report = newest(folder)
    coverage = replace(details(report).coverage, labelled=0, lag_median=None, lag_90=None)
    bare = replace(details(report), coverage=coverage, metrics=(), slices=(), calibration=(), confusion=None)
    window = Window(start=report.window.start + timedelta(days=100), end=report.window.end + timedelta(days=100))
    put(folder, replace(report, window=window, performance=None, details=bare))
    found = shown(folder, {"from": f"{window.start:%Y-%m-%d}"})
    assert "no outcomes are known yet" in found and "flyball outcomes FILE" in found


def test_a_regression_shows_its_errors(lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = kept(lived, tmp_path)
    report = newest(folder)
    bins = tuple(ErrorBin(answer=float(at), error=at / 10, lower=at / 10 - 0.1, upper=at / 10 + 0.1, rows=100) for at in range(10))
    residuals = Residuals(rows=1000, mean=0.45, lower=0.3, upper=0.6, quantiles=(-2.0, -1.0, 0.4, 1.5, 3.0), bins=bins)
    put(folder, replace(report, details=replace(details(report), residuals=residuals, confusion=None, calibration=())))
    ask = asked(folder, "performance")
    spec = ask.project.spec()
    ask = replace(ask, project=replace(ask.project, spec=lambda: replace(spec, model=replace(spec.model, task="regression"))))
    found = "".join(str(part.body) for part in page(ask).parts)
    well_formed(found)
    assert "Error by answer" in found and "0.4500 [0.3000, 0.6000]" in found and "Confusion" not in found


def test_it_is_whole_in_chinese(lived: Path) -> None:
    found = shown(lived, language="zh")
    assert "随时间的变化" in found and "混淆矩阵" in found and "dashboard.performance" not in found


def test_it_is_fetched_again_while_somebody_looks_and_its_charts_have_titles(lived: Path) -> None:
    part = page(asked(lived, "performance")).parts[0]
    assert 'data-every="60"' in section(part)
    charts = re.findall(r"<svg(?![^>]*aria-hidden)[^>]*>", str(part.body))
    assert charts and all("aria-labelledby" in one for one in charts)
    ids = re.findall(r' id="([^"]+)"', str(part.body))
    assert len(ids) == len(set(ids))


def test_names_in_the_address_are_shown_harmless(lived: Path) -> None:
    found = shown(lived, {"version": "<script>"})
    assert "<script>" not in found and clean("<script>") == "<script>"
