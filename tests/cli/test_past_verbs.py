"""history, retrains, why, trace, journal and reproduce as a person calls them, on a project with two versions."""

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from projects import make_project
from recorded import an_answer
from trained import command, flyball

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow and DVC say of themselves is not ours to answer for


def edit(project: Path, *statements: str) -> None:
    """Change the journal as somebody would who has the file and no scruples."""
    with closing(sqlite3.connect(project / "flyball.db")) as connection, connection:
        for trigger in ("journal_is_never_edited", "journal_is_never_shortened"):
            connection.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            connection.execute(statement)


def size(project: Path) -> int:
    return int(flyball(project, "journal", "--head").out.partition(":")[0])


def test_history_tells_what_stood_at_a_time_and_what_changed_it(recorded: Path) -> None:
    then = flyball(recorded, "history", "churn", "--at", "2024-04-01T12:00:00Z", "--json").json
    assert (then["champion"], then["challenger"], then["seq"]) == (1, None, 2)
    now = flyball(recorded, "history", "--at", "2024-04-03T00:00:00Z", "--json").json
    assert (now["champion"], now["challenger"], now["shadow"]) == (1, 2, [2])
    assert now["rollout"]["strategy"] == "shadow"
    assert flyball(recorded, "history", "--at", "2020-01-01T00:00:00Z", "--json").json["champion"] is None
    told = flyball(recorded, "history", "--json").json["changes"]
    assert [(one["action"], one["version"]) for one in told] == [("promote", 1), ("compare", 2)]
    between = flyball(recorded, "history", "--from", "2024-04-01T12:00:00Z", "--to", "2024-04-05T00:00:00Z", "--json").json
    assert (between["start"]["champion"], [one["action"] for one in between["changes"]]) == (1, ["compare"])
    said = flyball(recorded, "history").out
    assert "promote 1" in said and "2024-04-02 00:00" in said


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("history", "--at", "yesterday"), "2026-01-31T00:00:00Z"),
        (("history", "--at", "2024-04-01T12:00:00Z", "--to", "2024-04-01T12:00:00Z"), "one or the other"),
        (("history", "--from", "2024-04-02T00:00:00Z", "--to", "2024-04-01T00:00:00Z"), "is before"),
        (("history", "other"), "this project's model is 'churn'"),
        (("journal", "--expect", "5:abc"), "SEQ:HASH"),
        (("journal", "--head", "--verify"), "give one of them"),
        (("reproduce", "churn@x"), "names no version"),
    ],
)
def test_what_cannot_be_meant_is_told(recorded: Path, words: tuple[str, ...], hint: str) -> None:
    said = flyball(recorded, *words)
    assert said.status == 2
    assert hint in said.err


def test_retrains_lists_the_price_of_each_training(recorded: Path) -> None:
    first, second = flyball(recorded, "retrains", "--json").json["trainings"]
    assert (first["cause"], first["outcome"], first["version"], first["became"]) == ("manual", "registered", 1, "champion")
    assert second["became"] == "in comparison"
    assert first["rows"] > 1000 and first["seconds"] > 0 and first["cpu_seconds"] > 0
    assert first["window"][0].startswith("2024-01-01")
    said = flyball(recorded, "retrains", "--all").out
    assert "CPU s" in said and "in comparison" in said


def test_why_tells_the_gate_the_price_and_the_rules_of_the_comparison(recorded: Path) -> None:
    said = flyball(recorded, "why", "churn@2").out
    assert said.startswith("churn@2: in comparison")
    assert "cost" in said and "rules: shadow against 1 by brier" in said
    assert "what it bought: nothing was compared on live rows yet" in said
    told = flyball(recorded, "why", "2", "--json").json
    assert (told["standing"], told["bought"], told["training"]["version"]) == ("in comparison", [], 2)
    assert [one["action"] for one in told["events"]] == ["registered", "compare"]


def test_trace_shows_the_chain_and_verifies_it(recorded: Path) -> None:
    answer = an_answer(recorded)
    said = flyball(recorded, "trace", answer, "--verify")
    assert said.status == 0, said.out + said.err
    for part in ("in production then: churn@1", "commit", "DVC md5", "mlflow artifacts download", "answer       pass", "data         pass"):
        assert part in said.out
    told = flyball(recorded, "trace", answer, "--json").json
    assert told["production"]["champion"] == 1
    assert told["lineage"]["snapshot"] == told["registered"]["snapshot"]


def test_journal_prints_every_entry_with_who_and_why(recorded: Path) -> None:
    said = flyball(recorded, "journal")
    assert len([line for line in said.out.splitlines() if line.lstrip()[:1].isdigit()]) == size(recorded)
    lines = [json.loads(line) for line in flyball(recorded, "journal", "--json", "--after", "1").out.splitlines()]
    assert [line["seq"] for line in lines] == list(range(2, size(recorded) + 1))
    assert lines[0]["kind"] == "promoted" and lines[0]["prev_hash"] != lines[0]["hash"]


def test_a_sound_journal_verifies_and_holds_its_anchor(recorded: Path) -> None:
    anchor = flyball(recorded, "journal", "--head").out.strip()
    assert flyball(recorded, "journal", "--verify").status == 0
    assert flyball(recorded, "freeze", "--reason", "audit").status == 0
    grown = flyball(recorded, "journal", "--expect", anchor, "--json")
    assert (grown.status, grown.json["sound"]) == (0, True)


EDITS: dict[str, tuple[Callable[[int], str], str]] = {
    "edited": (lambda _: "UPDATE journal SET body = replace(body, '\"manual\"', '\"drift\"') WHERE seq = 1", "entry 1 (registered, by"),
    "edited at the end": (lambda last: f"UPDATE journal SET actor = 'eve' WHERE seq = {last}", "by eve) is not what was appended"),
    "removed": (lambda _: "DELETE FROM journal WHERE seq = 2", "2 to 2 is missing"),
    "cut off": (lambda last: f"DELETE FROM journal WHERE seq = {last}", "servers were told of entry"),
}


@pytest.mark.parametrize("kind", EDITS)
def test_whoever_edits_the_journal_past_the_triggers_is_found_out(recorded: Path, kind: str) -> None:
    statement, told = EDITS[kind]
    edit(recorded, statement(size(recorded)))
    said = flyball(recorded, "journal", "--verify")
    assert said.status == 1
    assert told in said.out
    assert flyball(recorded, "journal", "--verify", "--json").json["sound"] is False


@pytest.mark.parametrize(
    "verb",
    [
        ("promote", "churn@2", "--force", "--reason", "x"),
        ("rollback", "churn"),
        ("tick",),
        ("freeze", "--reason", "x"),
        ("train",),
        ("reproduce", "churn@1"),
        ("status",),
    ],
    ids=lambda words: words[0],
)
def test_an_edited_journal_stops_every_verb_that_decides(recorded: Path, verb: tuple[str, ...]) -> None:
    edit(recorded, "UPDATE journal SET actor = 'eve' WHERE seq = 2")
    said = flyball(recorded, *verb)
    assert said.status == 1
    assert "entry 2 of the journal of 'churn' is not what was appended" in said.err
    assert "flyball journal --verify" in said.err


def test_a_cut_off_end_that_no_server_knows_needs_an_anchor(recorded: Path) -> None:
    assert flyball(recorded, "freeze", "--reason", "a decision somebody would rather not have taken").status == 0
    anchor = flyball(recorded, "journal", "--head").out.strip()
    edit(recorded, f"DELETE FROM journal WHERE seq = {size(recorded)}")
    assert flyball(recorded, "journal", "--verify").status == 0
    said = flyball(recorded, "journal", "--expect", anchor)
    assert said.status == 1
    assert "its end was cut off" in said.out


def test_follow_prints_what_is_appended_until_it_is_told_to_stop(recorded: Path) -> None:
    words = command(recorded, "journal", "--follow", "--json", "--after", str(size(recorded)))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert flyball(recorded, "freeze", "--reason", "audit").status == 0
            line = json.loads(process.stdout.readline())
        finally:
            process.terminate()  # where this runs in the background, an interrupt may be ignored
            process.communicate(timeout=30)
    assert (line["action"], line["kind"]) == ("freeze", "frozen")


def test_a_project_in_which_nothing_happened_has_a_past_without_anything_in_it(tmp_path: Path) -> None:
    project = make_project(tmp_path / "new")
    assert flyball(project, "history", "--at", "2026-01-01T00:00:00Z", "--json").json["champion"] is None
    assert flyball(project, "history", "--json").json["changes"] == []
    assert "nothing had happened yet" in flyball(project, "history", "--at", "2026-01-01T00:00:00Z").out
    assert flyball(project, "retrains", "--json").json["trainings"] == []
    assert flyball(project, "journal", "--verify", "--json").json["sound"] is True
    assert flyball(project, "journal", "--head", "--json").json["seq"] == 0
    assert flyball(project, "why", "1").status == 1
    assert flyball(project, "reproduce", "1").status == 1


def test_reproduce_says_byte_for_byte_and_keeps_the_scratch_where_asked(recorded: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    said = flyball(recorded, "reproduce", "churn@1", "--keep", str(kept))
    assert said.status == 0, said.err
    assert "byte for byte the same" in said.out
    assert (kept / "again" / "model.pkl").is_file()
    assert flyball(recorded, "reproduce", "churn@1", "--keep", str(kept)).status == 2
    assert "reproduce churn@1" in flyball(recorded, "journal", "--after", "3").out
