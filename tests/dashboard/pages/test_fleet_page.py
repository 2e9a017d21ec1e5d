"""The list of models has a row for each, also for one that cannot be read, and those that need somebody come first."""

import asyncio
import shutil
from pathlib import Path

import pytest

from dashboarded import client, well_formed, write
from flyball.dashboard.pages.fleet import fleet
from flyball.journal.events import Frozen
from flyball.wiring import open_dashboard
from trained import Shop


@pytest.fixture
def folders(lived: Path, shop: Shop, tmp_path: Path) -> list[Path]:
    """A model that lives, one without a version, one whose database is none, and one whose file is none."""
    living = Path(shutil.copytree(lived, tmp_path / "living"))
    found = [living]
    for name in ("fresh", "dead", "torn"):
        (tmp_path / name).mkdir()
        text = (shop.folder / "flyball.toml").read_text(encoding="utf-8").replace('name = "', f'name = "{name}-')
        (tmp_path / name / "flyball.toml").write_text(text, encoding="utf-8")
        found.append(tmp_path / name)
    (tmp_path / "dead" / "flyball.db").write_text("this is no database, and never was one")
    (tmp_path / "torn" / "flyball.toml").write_text("nonsense [", encoding="utf-8")
    return found


def test_a_model_that_cannot_be_read_has_its_row_and_the_others_stand(folders: list[Path]) -> None:
    part = fleet(open_dashboard(folders), "en")
    well_formed(str(part.body))
    assert part.every and str(part.body).count("<tr>") == 5
    assert str(part.body).count("This model cannot be read:") == 2
    assert "is not a database" in part.body and "not TOML" in part.body and "flight-delay" in part.body


def test_what_needs_somebody_comes_first(folders: list[Path]) -> None:
    body = str(fleet(open_dashboard(folders), "en").body)
    assert body.index("torn") < body.index("fresh-") and body.index("dead-") < body.index("flight-delay")


@pytest.mark.parametrize(("language", "person"), [("en", "a person"), ("zh", "人工")])
def test_a_row_says_who_is_waited_for_and_leads_on(folders: list[Path], language: str, person: str) -> None:
    write(folders[0], Frozen(reason="<i>audit</i>", until=None))
    body = str(fleet(open_dashboard(folders[:2]), language, chosen=language).body)  # type: ignore[arg-type]  # one of two
    assert f"<strong>{person}</strong>" in body and "&lt;i&gt;audit" in body and "<i>" not in body
    assert f'/decisions?lang={language}"' in body and "UTC UTC" not in body


def test_the_list_is_the_first_page_of_several_models_and_is_fetched_again(folders: list[Path]) -> None:
    async def ask() -> None:
        async with client(open_dashboard(folders)) as asks:
            page = await asks.get("/")
            assert page.status_code == 200 and '<section id="part-fleet" data-part="fleet" data-every=' in page.text
            assert 'href="?lang=zh"' in page.text and "data-theme-button" in page.text
            again = await asks.get("/", params={"part": "fleet", "lang": "zh"})
            assert again.text.startswith("<section") and "全部模型" in again.text
            well_formed(again.text)

    asyncio.run(ask())


def test_one_model_needs_no_list(lived: Path) -> None:
    async def ask() -> None:
        async with client(open_dashboard([lived])) as asks:
            assert (await asks.get("/")).headers["location"].endswith("/loop")
            assert (await asks.get("/?lang=zh")).headers["location"].endswith("/loop?lang=zh")

    asyncio.run(ask())
