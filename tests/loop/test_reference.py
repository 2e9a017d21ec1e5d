"""A version gets another reference: the same engine in another bundle, and monitoring begins anew."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flyball.adapters.memory.journal import MemoryJournal
from flyball.core.errors import DataError, NotFoundError, RefusedError
from flyball.core.table import Table
from flyball.data.profile import reference_digest
from flyball.journal.events import Entry, Frozen
from flyball.journal.explain import about, tell
from flyball.journal.state import fold
from flyball.loop.reference import in_columns, reference_of, version_meant
from flyball.registry.bundle import read_file, read_manifest
from flyball.spec.load import parse_spec
from flyball.words.sentences import sentence
from referenced import SPEC, T0, Place, rows
from served import MIXED, MODEL


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_version_keeps_its_files_and_gets_the_reference_in_a_bundle_of_its_own(place: Place) -> None:
    before = place.state.versions[3].registered.bundle
    made = place.make(rows(3000))
    assert made.changed and made.version == 3 and made.replaced == 0 and made.notes == ()
    assert place.state.versions[3].registered.bundle == made.bundle != before
    old, fresh = (place.shelf.bundles.path(digest) for digest in (before, made.bundle))
    for name in ("model.onnx", "notes/card.md"):
        assert read_file(fresh, read_manifest(fresh, made.bundle), name) == read_file(old, read_manifest(old, before), name)
    assert read_manifest(fresh, made.bundle).lineage == read_manifest(old, before).lineage
    _, reference = reference_of(place.shelf.bundles, place.state, 3)
    assert reference == made.reference and reference.rows == 3000
    assert list(reference.columns) == ["hour", "temp", "rain", "score", "answer"]
    assert not list((place.folder / "work").iterdir())


def test_servers_are_handed_the_new_bundle_and_the_journal_says_who_and_why(place: Place) -> None:
    made = place.make(rows(3000))
    deployed = place.shelf.deployments.current(MODEL)
    assert deployed is not None and deployed.bundles == {3: made.bundle} and deployed.champion == 3
    entry = place.shelf.journal.read(MODEL)[-1]
    assert entry.actor == "ann"
    assert sentence(tell(entry).reason) == (f"version 3 is compared with 3000 rows of january.csv from now on (bundle {made.bundle[:12]})")
    assert [one.action for one in about(place.shelf.journal.read(MODEL), 3)] == ["adopted", "promote", "reference"]


def test_the_scores_are_what_the_engine_says_of_the_rows(place: Place) -> None:
    table = rows(3000)
    column = place.make(table).reference.columns["score"]
    said = 1.0 / (1.0 + np.exp(-0.1 * np.nan_to_num(table["temp"])))
    assert column.edges[0] == pytest.approx(said.min(), abs=1e-6) and column.edges[-1] == pytest.approx(said.max(), abs=1e-6)
    assert (column.rows, column.missing) == (3000, 0)


def test_days_calibrate_it_and_what_is_missing_for_that_is_said(place: Place) -> None:
    assert place.make(rows(3000)).reference.columns["temp"].calibration
    minutes = np.datetime64("2025-11-01", "us") + np.arange(3000).astype("timedelta64[ms]")
    few = place.make(rows(3000).with_columns({"at": minutes}))
    assert few.notes == ("not calibrated: january.csv spans 0.0 days, too few to learn what windows of a day do by themselves",)
    assert not few.reference.columns["temp"].calibration
    table = rows(3000)
    without = place.make(Table({name: values for name, values in table.columns.items() if name != "at"}))
    assert without.notes == (
        "not calibrated: january.csv has no column 'at' to tell its days by, so the margins alone decide what is drift",
    )
    assert without.reference.rows == 3000


def test_without_a_time_in_the_spec_the_margins_decide(tmp_path: Path) -> None:
    made = Place(tmp_path, SPEC.replace('time = "at"\n', "")).make(rows(500))
    assert made.notes == ("not calibrated: the spec names no [data] time, so the margins alone decide what is drift",)


def test_the_same_rows_change_nothing(place: Place) -> None:
    first = place.make(rows(3000))
    again = place.make(rows(3000))
    assert (again.changed, again.bundle) == (False, first.bundle)
    assert len(place.shelf.journal.read(MODEL)) == 3
    other = place.make(rows(400, seed=1))
    assert (other.changed, other.replaced) == (True, 3000)


def test_without_scores_they_are_not_watched(place: Place) -> None:
    made = place.make(rows(3000), scores=False)
    assert list(made.reference.columns) == ["hour", "temp", "rain"]
    assert made.notes == ("without scores: what the model says is not watched, and that is the column that tells most",)


def test_a_column_without_any_value_is_said(place: Place) -> None:
    made = place.make(rows(3000).with_columns({"temp": np.full(3000, np.nan)}))
    assert made.notes == ("nothing in temp: every value of january.csv is missing there",)


def test_rows_that_cannot_be_a_reference_are_refused_and_nothing_is_written(place: Place) -> None:
    table = rows(3000)
    tempp = Table({("tempp" if name == "temp" else name): values for name, values in table.columns.items()})
    with pytest.raises(DataError, match=r"january\.csv has no column 'temp'; did you mean 'tempp'\?"):
        place.make(tempp)
    with pytest.raises(DataError, match=r"january\.csv has no column 'hour' and 2 more: temp, rain"):
        place.make(Table({"at": table["at"]}))
    with pytest.raises(DataError, match=r"january\.csv has 99 rows; a reference needs 100"):
        place.make(rows(99))
    words = np.array([12.0] * 2997 + ["warm", None, "12.5"], dtype=object)
    with pytest.raises(DataError, match=r"column 'temp' of january\.csv holds 1 values that are no numbers, such as 'warm'"):
        place.make(table.with_columns({"temp": words}))
    untimed = table["at"].copy()
    untimed[:7] = np.datetime64("NaT")
    with pytest.raises(DataError, match=r"7 rows of january\.csv have no 'at'"):
        place.make(table.with_columns({"at": untimed}))
    with pytest.raises(NotFoundError, match="there is no version 8"):
        place.make(table, version=8)
    assert len(place.shelf.journal.read(MODEL)) == 2


def test_a_folder_without_versions_or_champion_says_what_to_do() -> None:
    with pytest.raises(NotFoundError, match="has no version yet"):
        version_meant(fold(MODEL, []), None)


class Interrupted(MemoryJournal):
    """A journal in which something happens between one reading and the next."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], object]] = []

    def read(self, model: str, *, after: int = 0) -> list[Entry]:
        found = super().read(model, after=after)
        if self.meanwhile:
            self.meanwhile.pop()()
        return found


def test_a_reference_that_came_in_between_is_not_undone(tmp_path: Path) -> None:
    journal = Interrupted()
    place = Place(tmp_path, journal=journal)
    journal.meanwhile = [lambda: place.make(rows(500, seed=2))]
    with pytest.raises(RefusedError, match="got another reference meanwhile"):
        place.make(rows(3000))
    assert reference_of(place.shelf.bundles, place.state, 3)[1].rows == 500


def test_what_the_loop_does_in_between_stands_and_the_reference_comes_after_it(tmp_path: Path) -> None:
    journal = Interrupted()
    place = Place(tmp_path, journal=journal)

    def freeze() -> None:
        journal.append(MODEL, [Frozen(reason="an audit", until=None)], expected=2, actor="bob", at=T0)

    journal.meanwhile = [freeze, lambda: None]  # the second reading is out of date before it is used
    assert place.make(rows(3000)).changed
    assert [type(entry.event).__name__ for entry in journal.read(MODEL)][2:] == ["Frozen", "Referenced"]


def test_texts_are_read_as_the_model_reads_them_and_whole_numbers_stay_whole() -> None:
    table = Table(
        {
            "hour": np.array([1, 2], dtype=object),
            "carrier": np.array([7, ""], dtype=object),
            "temp": np.array(["1.5", None], dtype=object),
        }
    )
    found = in_columns(table, MIXED, "x.csv")
    assert found["hour"].dtype == np.int64
    assert found["carrier"].tolist() == ["7", None]
    assert found["temp"][0] == 1.5 and np.isnan(found["temp"][1])


def test_a_reference_with_other_counts_on_the_same_cells_is_another(tmp_path: Path) -> None:
    place = Place(tmp_path)
    table = rows(3000)
    first = place.make(table.with_columns({"rain": np.arange(3000) % 2 == 0}), scores=False)
    second = place.make(table.with_columns({"rain": np.arange(3000) % 20 == 0}), scores=False)
    assert reference_digest(second.reference) == reference_digest(first.reference), "counts of live rows stay good"
    assert second.changed and second.bundle != first.bundle
    assert reference_of(place.shelf.bundles, place.state, 3)[1] == second.reference


def test_a_season_alone_makes_another_reference(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.make(rows(3000), scores=False)
    place.spec = parse_spec(SPEC + '[monitor]\nseason = "day"\n', folder=tmp_path)
    made = place.make(rows(3000), scores=False)
    assert made.changed and made.reference.season == "day"
