"""The page of one prediction: found by its id, told with its features, and led back to the data; and the list of the newest."""

from pathlib import Path

import pytest

from dashboarded import asked, made
from flyball.dashboard.pages.prediction import NEWEST, Row, rows_of


def newest(folder: Path, version: int = 0) -> list[Row]:
    ask = asked(folder, "prediction")
    return rows_of(ask, ask.world.journal.read(ask.model), version)


def test_the_newest_predictions_can_be_chosen(lived: Path) -> None:
    rows = newest(lived)
    assert 0 < len(rows) <= NEWEST and rows == sorted(rows, key=lambda row: row.at, reverse=True)
    assert all(row.variant != "shadow" for row in rows)
    page = made(lived, "prediction")
    assert all(f"id={row.prediction_id}" in page for row in rows)


def test_those_of_a_version_are_its_own(lived: Path) -> None:
    rows = newest(lived, 1)
    assert rows and {row.version for row in rows} == {1}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_answer_is_told_with_its_features_and_the_way_back(lived: Path, language: str) -> None:
    row = newest(lived)[0]
    page = made(lived, "prediction", "zh" if language == "zh" else "en", id=row.prediction_id)
    assert row.prediction_id in page and "carrier" in page and "<svg" in page
    assert f"model?version={row.version}" in page and "SHA-256" in page
    assert "of the reference of version" in page or language == "zh"


@pytest.mark.parametrize("wanted", ["nobody", "<script>alert(1)</script>", "' OR 1=1 --", "\u202e", "x" * 5000])
def test_an_id_that_nobody_made_is_told_and_the_newest_are_shown(lived: Path, wanted: str) -> None:
    page = made(lived, "prediction", id=wanted)
    assert 'role="alert"' in page and newest(lived)[0].prediction_id in page and "<script>" not in page


@pytest.mark.parametrize("number", ["0", "2", "999", "x", "-1"])
def test_pages_of_features_that_are_not_there_show_what_is(lived: Path, number: str) -> None:
    assert "weekday" in made(lived, "prediction", id=newest(lived)[0].prediction_id, features=number)
