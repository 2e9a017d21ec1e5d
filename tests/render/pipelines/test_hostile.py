"""Whatever is written in any field of the spec: a pipeline reads back as the same tree, and its shells are given exactly those words."""

import io
import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from actions import evaluate, filled
from flyball.core.errors import SpecError
from flyball.render import github, gitlab
from flyball.render.cron import in_crontab
from flyball.render.jenkins import jenkinsfile, quoted
from flyball.render.pipelines.parts import pipelines
from flyball.render.systemd import word
from flyball.render.targets import render
from groovy import parsed, stages, unquoted
from rendered import delivered

QUICK = (Phase.explicit, Phase.reuse, Phase.generate)  # each example starts shells: making a failing one smaller would take minutes
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40)
NASTY = st.sampled_from(
    [
        "${{ github.token }}",
        "}}",
        "${{",
        "$(touch /tmp/owned)",
        "`id`",
        "'",
        '"',
        "\\",
        "\n",
        "\r\n",
        "%",
        "$$",
        "$[[ x ]]",
        "\u2028",
        "é🦔",
        "#",
        "\\u0027",
    ]
)
FIELDS = st.lists(TEXTS | NASTY, min_size=1, max_size=4).map("".join).filter(lambda text: bool(text.strip()))
NAMES = FIELDS.map(lambda text: "".join(letter for letter in text if letter.isprintable() and letter not in "/:")).filter(
    lambda text: bool(text.strip())
)


def ordered(name: str, text: str, environment: str, install: list[str], place: str) -> Any:
    root = Path("/srv/all")
    try:
        return delivered(name, text=text, environment=environment, install=install, folder=root / place, root=root)
    except SpecError:
        assume(False)


def words(script: str) -> list[str]:
    """The words of a shell's line as a real shell takes it apart; nothing in it may be run."""
    code = 'for word in "$@"; do printf "%s\\0" "$word"; done'
    env = {"PATH": os.environ["PATH"], "FLYBALL_ACTION": "", "HOME": "/nonexistent"}
    done = subprocess.run(["bash", "-c", f"set -- {script}\n{code}"], capture_output=True, check=True, env=env)
    return done.stdout.decode().split("\0")[:-1]


@settings(deadline=None, max_examples=30, phases=QUICK)
@given(name=NAMES, text=FIELDS, environment=FIELDS, install=st.lists(FIELDS, min_size=1, max_size=3), place=NAMES)
def test_githubs_expressions_and_shells_give_back_what_was_written(
    name: str, text: str, environment: str, install: list[str], place: str
) -> None:
    order = ordered(name, text, environment, install, place)
    (model,) = pipelines(order, by="GitHub Actions")
    context: dict[str, Any] = {
        "github": {"token": "LEAKED", "event_name": "repository_dispatch", "event": {"client_payload": {"model": name}}}
    }
    context["github"] |= {"ref": "refs/heads/main", "run_id": "77"}
    trees: list[Any] = [github.review(model), github.renew(model)]
    for made, tree in zip(render("github", order).values(), trees, strict=True):
        assert yaml.safe_load(made) == json.loads(json.dumps(tree))
        assert YAML(typ="safe", pure=True).load(io.StringIO(made)) == tree
        for job_name, job in tree["jobs"].items():
            assert filled(job["defaults"]["run"]["working-directory"], context) == model.place
            for step in job["steps"]:
                if step.get("name") == "install":
                    assert words(filled(step["run"], context)) == install
                if "AWS_REGION" in step.get("env", {}):
                    assert filled(step["env"]["MESSAGE"], context) == text
                    (planned,) = [one for one in (*model.plan.review, *model.plan.renew) if one.name == job_name][:1]
                    assert words(filled(step["run"], context))[:3] == ["flyball", *planned.verb[:2]]
    condition = trees[1]["jobs"]["check"]["if"]
    assert evaluate(condition, context) is True
    group = trees[1]["concurrency"]["group"]
    assert filled(group, context) == f"flyball-{model.plan.slug}"
    context["github"]["event"]["client_payload"]["model"] = name + "x"
    assert evaluate(condition, context) is False
    assert filled(group, context) == f"flyball-{model.plan.slug}-77", "it takes no place from a run that waits"


@settings(deadline=None, max_examples=30, phases=QUICK)
@given(name=NAMES, text=FIELDS, environment=FIELDS, install=st.lists(FIELDS, min_size=1, max_size=3), place=NAMES)
def test_gitlabs_scripts_and_jenkins_texts_give_back_what_was_written(
    name: str, text: str, environment: str, install: list[str], place: str
) -> None:
    order = ordered(name, text, environment, install, place)
    (model,) = pipelines(order, by="GitLab CI")
    files = render("gitlab", order)
    tree: Any = gitlab.jobs(model)
    read = yaml.safe_load(files[f".gitlab/flyball-{model.plan.slug}.yml"])
    assert read == json.loads(json.dumps(tree))
    begin = read[f".flyball-{model.plan.slug}"]["before_script"]
    assert words(begin[0]) == ["cd", model.place]
    assert words(begin[-1]) == install
    assert [f"MESSAGE={text}"] == [words(line)[1] for line in begin if line.startswith("export MESSAGE")]
    assert words(read[f"{model.plan.slug}:check"]["script"][0]) == ["flyball", "--env", environment, "check"]

    jenkins = jenkinsfile(model)
    parsed(jenkins)
    runs = {stage.name: stage.runs for stage in stages(jenkins)}
    assert words(runs["install"][-1]) == install
    assert words(runs["check"][0]) == ["env", "AWS_REGION=eu-west-1", f"MESSAGE={text}", "flyball", "--env", environment, "check"]


@settings(deadline=None, max_examples=300)
@given(text=FIELDS)
def test_every_text_survives_its_quotes(text: str) -> None:
    assert unquoted(quoted(text)) == text
    assert filled(github.literal(text), {}) == text
    assert evaluate(github.expression(text), {}) == text
    assert "${{" not in github.expression(text)


def units(line: str) -> list[str]:
    """The words of an ExecStart as systemd takes it apart (systemd.service(5), Command lines; systemd.syntax(7), Quoting)."""
    plain = line.replace("%%", "%")
    found = shlex.shlex(plain, posix=True, punctuation_chars=False)
    found.whitespace_split, found.escapedquotes, found.commenters = True, '"', ""
    return [one.replace("$$", "$") for one in found]


@settings(deadline=None, max_examples=200)
@given(text=FIELDS.map(lambda text: "".join(letter for letter in text if letter.isprintable())).filter(bool))
def test_systemd_and_cron_are_given_the_word_that_was_written(text: str) -> None:
    assert units(word(text)) == [text]
    assert in_crontab(shlex.quote(text)).replace("\\%", "%") == shlex.quote(text)


@pytest.mark.parametrize("text", ["a\nb", "a\x1bb"])
def test_what_no_line_can_hold_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="control characters"):
        render("cron", delivered(text=text))
    with pytest.raises(SpecError, match="control character"):
        render("github", delivered(folder=Path(f"/srv/{text}"), root=Path("/srv")))
