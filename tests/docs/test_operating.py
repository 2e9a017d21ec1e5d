"""The page on running the server names every limit with its default."""

import re
from dataclasses import fields
from pathlib import Path

from flyball.server.limits import LARGEST_HEAD, MOST_HEADERS
from flyball.server.settings import ServerSettings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")


def test_every_limit_of_a_server_stands_there_with_its_default() -> None:
    defaults = {one.name: one.default for one in fields(ServerSettings)}
    limits = {name for name in defaults if name.startswith("max_") or name.endswith("_timeout")}
    limits |= {"keep_alive", "lame_duck", "remembered_ids"}
    said = {}
    for line in PAGE.splitlines():
        if line.startswith("| ") and (named := re.search(r"\(`([a-z_]+)`", line)):
            said[named[1]] = line.split("|")[2].strip()
    assert set(said) == limits
    for name, text in said.items():
        assert float(re.findall(r"[\d.]+", text)[0]) == defaults[name], name


def test_the_limits_of_a_head_stand_there() -> None:
    assert f"{LARGEST_HEAD} bytes" in PAGE and f"| {MOST_HEADERS} |" in PAGE
