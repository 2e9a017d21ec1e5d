"""The evaluation as Markdown and as a page: what reviewers see, and nothing that names from the data could make of it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.evaluation.records import Check, Decision
from flyball.loop.making.examined import Against, Bin, Examined, examine
from flyball.loop.making.trained import TrainResult
from flyball.loop.making.training import train
from flyball.render.review.markdown import MOST, mark, markdown, with_tests
from flyball.render.review.page import page
from flyball.spec.load import load_spec
from projects import NOW, SPEC, make_project, workshop_of

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow and DVC say when they are imported and used is not ours to answer for
BETTER = SPEC.replace("C = 1.0", "C = 0.001")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[TrainResult, Examined]]:
    """A first training, which becomes champion, and another beside it."""
    from flyball.loop.engine import follow_up
    from flyball.settings import read_settings
    from flyball.wiring import open_world

    folder = make_project(tmp_path_factory.mktemp("reviewed") / "project")
    found = []
    for text in (SPEC, BETTER):
        (folder / "flyball.toml").write_text(text)
        spec = load_spec(folder)
        result = train(spec, workshop_of(folder), now=NOW, register=text is SPEC)
        found.append((result, examine(spec, workshop_of(folder), result)))
        if text is SPEC:
            follow_up(open_world(read_settings(folder)), spec, now=NOW, actor="ada")
    return found


def test_a_first_training_has_nobody_to_be_compared_with(both: list[tuple[TrainResult, Examined]]) -> None:
    result, found = both[0]
    assert found.against is None and found.moved is None
    text = markdown(result, found)
    assert "There is no champion to compare with." in text
    assert text.splitlines()[0] == mark("churn") == "<!-- flyball churn -->"


def test_a_candidate_stands_beside_the_champion_on_the_same_rows(both: list[tuple[TrainResult, Examined]]) -> None:
    result, found = both[1]
    assert found.against is not None and found.moved is not None
    assert set(found.against.gains) == {"roc_auc", "brier"}
    for name, gain in found.against.gains.items():
        sign = 1 if name == "roc_auc" else -1
        assert gain.gain == pytest.approx(sign * (found.against.candidate[name] - found.against.champion[name]), abs=1e-9)
    assert set(found.moved.columns) == {"x0", "x1", "plan", "ratio"}
    text = markdown(result, found)
    assert "Against the champion `churn@1`" in text and "### Drift of the new rows" in text
    assert f"{found.against.gains['brier'].gain:+.4f}" in text
    assert len(found.reliability) == len(found.champion_reliability) == 10
    shown = page(result, found)
    assert shown.count("<svg") == 2 + 1 + 4 and "<script" not in shown and "http" not in shown.replace("http-equiv", "")


def test_it_is_told_in_chinese_too(both: list[tuple[TrainResult, Examined]]) -> None:
    text = markdown(*both[1], "zh")
    assert "门禁结论为" in text and "新数据的偏移" in text
    assert "现任版本" in page(*both[1], "zh")


NASTY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60) | st.sampled_from(
    [
        "</details><img src=x onerror=alert(1)>",
        "[a](javascript:x)",
        "@team #12 !3",
        "a|b\n|---|",
        "``` `x`",
        "https://evil.example",
        "<!-- -->",
    ]
)


@settings(deadline=None, max_examples=80)
@given(name=NASTY)
def test_no_name_becomes_markup_a_link_or_a_mention(name: str, both: list[tuple[TrainResult, Examined]]) -> None:
    result, found = both[1]
    assert found.moved is not None
    check = Check(metric=name, verdict=Verdict.FAIL, reason=because("gate.no_comparison", metric=name))
    moved = replace(found.moved, columns={name: found.moved.columns["x0"]})
    other = replace(result, model=name, slices={name: {"brier": 0.1}}, gate=Decision(verdict=Verdict.FAIL, checks=(check,)))
    text = markdown(other, replace(found, moved=moved))
    lines = text.splitlines()
    assert lines[0] == mark(name)
    outside = re.sub(r"`[^`\n]*`", "", "\n".join(lines[1:]))
    assert not re.search(r"<(?!details>|summary>|/details>|/summary>)", outside)
    assert not re.search(r"(?<!\\)\[|\w@\w|^@|(?<!\\)\]\(|://\w", outside)
    widths = [len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")]
    heads = [widths[at] for at, line in enumerate(one for one in lines if one.startswith("|")) if set(line) <= set("|- ")]
    assert set(widths) <= set(heads)


def test_a_comment_fits_whatever_there_is_to_say(both: list[tuple[TrainResult, Examined]]) -> None:
    result, found = both[1]
    checks = tuple(Check(metric="m" * 70, verdict=Verdict.PASS, reason=because("gate.empty")) for _ in range(2000))
    text = markdown(replace(result, gate=Decision(verdict=Verdict.PASS, checks=checks)), found)
    assert len(text) <= MOST + 10


def test_why_nothing_could_be_compared_is_told(both: list[tuple[TrainResult, Examined]]) -> None:
    result, found = both[1]
    nothing = Against(version=1, candidate={}, champion={}, gains={})
    assert "No row is new to both" in markdown(result, replace(found, against=nothing))
    assert "could not be compared with: it is \\_gone\\_" in markdown(
        result, replace(found, against=replace(nothing, trouble="it is _gone_"))
    )


def test_that_nothing_changed_is_said_first_and_nothing_that_is_not_so(both: list[tuple[TrainResult, Examined]]) -> None:
    result, found = both[0]
    again = replace(result, status="unchanged", version=1, test_rows=0)  # as a training that was found again is told
    text = markdown(again, found)
    assert "Nothing that the model is made of changes here" in text.split("\n\n")[2] and "`churn@1`" in text.split("\n\n")[2]
    assert f"judged on {found.held:,} held out" in text and found.held == result.test_rows > 0
    assert "There is no champion to compare with." not in text.partition("### Gate")[0]


def test_only_an_address_of_the_web_is_linked() -> None:
    assert "https://a.example/x" in with_tests("x", 0, [], link="https://a.example/x")
    for link in ("javascript:alert(1)", "https://a b", "https://a](x", ""):
        assert link == "" or link not in with_tests("x", 0, [], link=link)


def test_the_page_is_drawn_of_bins_that_are_all_alike(both: list[tuple[TrainResult, Examined]], tmp_path: Path) -> None:
    result, found = both[0]
    alike = (Bin(said=0.5, true=0.5, rows=3),) * 2
    assert "<svg" in page(result, replace(found, reliability=alike))
