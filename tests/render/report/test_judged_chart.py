"""How answers compare with the truth, as it is drawn."""

from xml.etree import ElementTree

from flyball.monitoring.records import CalibrationBin, ErrorBin
from flyball.render.report.judged import between, errors, reliability, shares


def kinds(markup: object) -> list[str]:
    return [one.get("class", "") for one in ElementTree.fromstring(str(markup)).iter()]


def test_a_calibration_curve_has_a_dot_its_bounds_and_its_rows_for_each_bin() -> None:
    bins = [CalibrationBin(score=at / 10, actual=at / 12, lower=0.0, upper=0.9, rows=100 * (at + 1)) for at in range(10)]
    found = kinds(reliability(bins, title="t", key="k"))
    assert found.count("dot now") == found.count("bar-now") == found.count("solid ref") == 10
    assert found.count("limit") == 1


def test_errors_stand_against_none_with_the_bounds_there_are() -> None:
    bins = [
        ErrorBin(answer=1e6, error=-5.0, lower=-6.0, upper=-4.0, rows=50),
        ErrorBin(answer=2e6, error=3.0, lower=None, upper=None, rows=9),
    ]
    made = errors(bins, title="t", key="k")
    assert kinds(made).count("dot now") == 2 and kinds(made).count("bar-now") == 1
    assert "1M: -5 [-6, -4], 50" in made
    assert kinds(errors(bins[:1], title="t", key="k")).count("dot now") == 1


def test_a_value_between_its_bounds_is_hidden_from_readers_who_have_the_numbers() -> None:
    made = between(0.2, 0.1, 0.3, span=(0.0, 1.0), against=0.25)
    assert 'aria-hidden="true"' in made
    assert kinds(made) == ["between", "limit", "bar-now", "dot now"]
    assert kinds(between(0.2, None, None, span=(0.0, 1.0), against=None)) == ["between", "dot now"]


def test_parts_of_a_whole_leave_out_those_that_are_none() -> None:
    assert kinds(shares([(10, "now"), (0, "lost"), (5, "ref")], title="t", about="a", key="k"))[-2:] == ["solid now", "solid ref"]
    assert kinds(shares([(0, "now")], title="t", about="a", key="k"))[0] == "shares"
