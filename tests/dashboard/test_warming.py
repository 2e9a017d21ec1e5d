"""What the first page would wait for is read beforehand; what cannot be read is left to whoever asks."""

import shutil
from pathlib import Path

import dashboarded
from flyball.dashboard.warming import warm
from flyball.wiring import open_dashboard


def test_what_pages_read_is_kept_before_anybody_asked(lived: Path) -> None:
    ports = open_dashboard([lived])
    warm(ports)
    (project,) = ports.projects
    entries = project.world().journal.read(project.name)
    first = project.folded.state(project.name, entries)
    assert first.champion is not None
    assert project.folded.state(project.name, entries).versions is first.versions


def test_a_project_that_cannot_be_read_keeps_no_other_from_being_read(lived: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(lived, tmp_path / "broken"))
    (broken / "flyball.db").unlink()
    (broken / "flyball.db").mkdir()
    (broken / "flyball.toml").write_text("[model", encoding="utf-8")
    ports = open_dashboard([broken, lived])
    warm(ports)
    assert ports.projects[0].name == "broken"
    assert "loop" in dashboarded.made(lived, "loop")
