"""Every reason has a sentence in both languages, and every sentence names only values."""

import re
import string
from pathlib import Path

import pytest

from flyball.core.reason import Value, because
from flyball.words.sentences import CATALOGUES, catalogue, sentence

SOURCE = Path(__file__).parents[2] / "src" / "flyball"
CALL = re.compile(r'because\(\s*"([a-z_]+\.[a-z_.]+)"')
STAGES = [path for path in SOURCE.rglob("*.py") if "testing" not in path.parts]  # the suites make reasons of their own
USED = sorted({code for path in STAGES for code in CALL.findall(path.read_text(encoding="utf-8"))})


def test_the_code_uses_reasons() -> None:
    assert len(USED) > 30


@pytest.mark.parametrize("code", USED)
def test_every_reason_in_the_code_has_a_sentence(code: str) -> None:
    assert code in catalogue()


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_both_languages_name_the_same_values(code: str) -> None:
    english, chinese = ({name for _, name, _, _ in string.Formatter().parse(text) if name} for text in catalogue()[code])
    assert chinese <= english, "a value that only the Chinese sentence names"
    words = "".join(text for text, _, _, _ in string.Formatter().parse(catalogue()[code][0]))
    if re.search("[A-Za-z]", words):  # else there are only values and marks between them
        assert re.search(r"[一-鿿]", catalogue()[code][1]), "the Chinese sentence is Chinese"


def test_values_that_are_words_are_chinese_in_a_chinese_sentence() -> None:
    reason = because("retrain.registered", version=7, gate="x", verdict="undecided")
    assert sentence(reason, "zh") == "训练产生了版本 7，门槛结论：未定"
    assert sentence(reason) == "the training made version 7, gate: undecided"


def test_every_catalogue_file_is_listed() -> None:
    files = {path.stem for path in (SOURCE / "words").glob("*.py")} - {"__init__", "sentences"}
    assert files == set(CATALOGUES)


def test_a_sentence_says_its_values_in_the_readers_language() -> None:
    reason = because("suppressed.outcomes", found=37, needed=500)
    assert sentence(reason) == "only 37 outcomes came since the last training; 500 are needed"
    assert "37" in sentence(reason, "zh")


def test_a_value_that_is_not_known_is_a_dash() -> None:
    assert "- [-, -]" in sentence(
        because("rollout.undecided", version=2, against=1, metric="brier", gain=None, lower=None, upper=None, rows=0, days=0)
    )


def test_a_value_that_an_older_version_did_not_write_is_a_dash() -> None:
    assert sentence(because("suppressed.outcomes", found=37)) == "only 37 outcomes came since the last training; - are needed"


@pytest.mark.parametrize(
    ("code", "values", "told"),
    [
        ("report.moved", {"count": 1, "watched": 9}, "1 of 9 columns has certainly moved"),
        ("report.moved", {"count": 2, "watched": 9}, "2 of 9 columns have certainly moved"),
        ("report.errors", {"count": 1, "column": "age"}, "data quality: 1 finding blocks retraining, it is about age"),
        ("alerts.firing", {"model": "churn", "count": 1}, "churn: 1 alert fires"),
        ("alerts.firing", {"model": "churn", "count": 3}, "churn: 3 alerts fire"),
        (
            "performance.no_value",
            {"rows": 1, "blocks": 1, "metric": "f1", "labelled": 1, "matured": 2, "strange": 0, "broken": 0},
            "f1 cannot be computed from 1 row in 1 day; 1 of 2 matured predictions has an outcome.",
        ),
        (
            "performance.no_value_rows",
            {"rows": 4, "blocks": 4, "metric": "f1", "labelled": 4, "matured": 9, "strange": 1, "broken": 2},
            "f1 cannot be computed from 4 rows; 4 of 9 matured predictions have an outcome; 1 label unknown to the model left out; "
            "2 broken scores left out.",
        ),
        (
            "report.coverage",
            {"predicted": 1, "matured": 0, "labelled": 0, "median": None, "ninety": None},
            "Coverage: 1 prediction, 0 matured, 0 with an outcome.",
        ),
        (
            "multivariate.few_units",
            {"before": 1, "now": 1, "needed": 5},
            "insufficient data: rows of 1 unit of the training and of 1 recent one, 5 of each are needed",
        ),
    ],
)
def test_words_follow_their_number_and_what_is_none_is_left_out(code: str, values: dict[str, Value], told: str) -> None:
    assert sentence(because(code, **values)) == told


def test_a_word_whose_number_is_not_known_is_one_of_several() -> None:
    assert sentence(because("report.watch_alerts")) == "- alerts firing"


def test_a_code_of_a_newer_version_is_shown_not_lost() -> None:
    assert sentence(because("future.thing", a=1)) == "future.thing (a=1)"
