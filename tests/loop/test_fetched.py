"""The bundle of a version on a machine that lost its store: what the registry has, held against the journal."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from flyball.adapters.memory.journal import MemoryJournal
from flyball.adapters.memory.registry import MemoryRegistry
from flyball.core.errors import IntegrityError, NotFoundError
from flyball.journal.events import Promoted, Registered
from flyball.loop.adopt import Shelf
from flyball.loop.fetched import engine_of
from flyball.loop.reference import ReferenceMade, Wanted, make_reference
from referenced import T0, Place, rows
from served import MODEL


class Trained(Place):
    """The project of `Place`, whose version 1 was trained here and stands in a registry."""

    shelf: Shelf

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        adopted = self.state.versions[3].registered
        self.first = adopted.bundle
        self.registry = MemoryRegistry()
        self.registry.register(MODEL, "r", self.shelf.bundles.path(self.first), identity="j", tags={})
        events = [entry.event for entry in self.shelf.journal.read(MODEL)]
        self.shelf = replace(self.shelf, journal=MemoryJournal())
        mine = [
            replace(event, version=1, source="", identity="j") if isinstance(event, Registered) else replace(event, version=1)
            for event in events
            if isinstance(event, Registered | Promoted)
        ]
        self.shelf.journal.append(MODEL, mine, expected=0, actor="ann", at=T0)

    def referenced(self, registry: MemoryRegistry | None) -> ReferenceMade:
        wanted = Wanted(table=rows(3000), source="january.csv", scores=False, trusted=False)
        return make_reference(
            self.shelf, self.spec, wanted, version=None, work=self.folder / "work", actor="ann", now=T0, registry=registry
        )

    def lose(self) -> None:
        shutil.rmtree(self.folder / "bundles")

    def engine(self) -> tuple[Path, str]:
        target = self.folder / "fetched"
        target.mkdir(exist_ok=True)
        return engine_of(self.state, 1, bundles=self.shelf.bundles, registry=self.registry, key=self.shelf.key, folder=target)

    @property
    def stored(self) -> set[str]:
        folder = self.folder / "bundles"
        return {path.name for path in folder.iterdir()} if folder.exists() else set()


@pytest.fixture
def place(tmp_path: Path) -> Trained:
    return Trained(tmp_path)


def test_a_bundle_that_is_here_is_not_fetched(place: Trained) -> None:
    assert place.engine() == (place.folder / "bundles" / place.first, place.first)


def test_a_lost_bundle_comes_back_from_the_registry(place: Trained) -> None:
    place.lose()
    assert place.engine() == (place.folder / "bundles" / place.first, place.first)


def test_a_bundle_with_another_reference_comes_back_too(place: Trained) -> None:
    made = place.referenced(place.registry)
    assert not any("on this machine only" in note for note in made.notes)
    place.lose()
    assert place.engine() == (place.folder / "bundles" / made.bundle, made.bundle)


def test_where_it_was_not_kept_the_registered_one_lends_its_engine_and_is_not_stored(place: Trained) -> None:
    made = place.referenced(None)
    assert any(f"copy .flyball/bundles/{made.bundle} to any other machine" in note for note in made.notes)
    place.lose()
    folder, digest = place.engine()
    assert digest == place.first != made.bundle
    assert (folder / "model.onnx").read_bytes() == (place.folder / "model.onnx").read_bytes()
    assert place.stored == set()


def test_a_bundle_that_the_journal_does_not_name_is_never_taken(place: Trained) -> None:
    place.referenced(None)
    place.lose()
    alien = MemoryRegistry()
    folder = place.folder / "alien"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    alien.register(MODEL, "r", folder, identity="j", tags={})
    place.registry = alien
    with pytest.raises(IntegrityError, match="is not one that the journal names"):
        place.engine()
    assert place.stored == set()


def test_nothing_anywhere_says_so(place: Trained) -> None:
    place.lose()
    place.registry = MemoryRegistry()
    with pytest.raises(NotFoundError, match="is not on this machine, and not in the registry"):
        place.engine()
    with pytest.raises(NotFoundError) as found:
        place.shelf.bundles.path(place.first)
    assert "the artifact flyball/bundle of the version's run" in found.value.hint
