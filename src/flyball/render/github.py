"""Workflows of GitHub Actions: one for proposed changes, one for what makes a new version and puts it to work."""

import shlex
from collections.abc import Mapping
from datetime import timedelta

from flyball.core.slug import slug
from flyball.plan.make import REPORT
from flyball.plan.records import Step
from flyball.render.calendar import cron
from flyball.render.dump import Tree, to_yaml
from flyball.render.pipelines.parts import (
    ACTION,
    OWN_HOURS,
    STATE,
    Pipeline,
    below,
    command,
    head,
    minutes,
    needs_runner,
    pipelines,
    review_command,
)
from flyball.render.records import Files, Order

BY = "GitHub Actions"
USES = {
    "checkout": "actions/checkout@v7.0.1",
    "python": "actions/setup-python@v7.0.0",
    "cache": "actions/cache@v5.0.5",
    "upload": "actions/upload-artifact@v7.0.0",
    "download": "actions/download-artifact@v8.0.1",
}
_LEAST = timedelta(minutes=5)
_OURS = "github.event.pull_request.head.repo.full_name == github.repository"
_AFTER_TRAINING = ("test", "register")


def files(order: Order) -> Files:
    """`.github/workflows/flyball-MODEL-review.yml`, and unless only that is wanted `flyball-MODEL.yml`."""
    made = {}
    for model in pipelines(order, by=BY):
        needs_runner(model, by="GitHub")
        name = f".github/workflows/flyball-{model.plan.slug}"
        made[f"{name}-review.yml"] = to_yaml(review(model), head=head("github", model))
        if not order.review:
            rounded = cron(model.plan.every, model.plan.slug, key="retrain.every", least=_LEAST).rounded if model.plan.every else ""
            made[f"{name}.yml"] = to_yaml(renew(model), head=head("github", model, rounded))
    return made


def review(model: Pipeline) -> dict[str, Tree]:
    """What a pull request has to stand: it registers nothing, and its evaluation is a comment."""
    plan = model.plan
    jobs: dict[str, Tree] = {step.name: _job(model, step, _guard(model)) for step in plan.review}
    jobs["comment"] = _comment(model)
    return {
        "name": f"flyball review {plan.slug}",
        "on": {"pull_request": {"branches": [_pattern(model.spec.deliver.branch)], **_paths(model)}},
        "permissions": {"contents": "read"},
        "concurrency": {"group": f"flyball-{plan.slug}-review-${{{{ github.event.pull_request.number }}}}", "cancel-in-progress": True},
        "jobs": jobs,
    }


def renew(model: Pipeline) -> dict[str, Tree]:
    """What makes a version: a push, the schedule, the loop, a person. One at a time, and none is ended for another."""
    plan = model.plan
    asked = f"github.event_name != 'repository_dispatch' || github.event.client_payload.model == {expression(plan.model)}"
    on: dict[str, Tree] = {"push": {"branches": [_pattern(model.spec.deliver.branch)], **_paths(model)}}
    if plan.every:
        on["schedule"] = [{"cron": cron(plan.every, plan.slug, key="retrain.every", least=_LEAST).line}]
    on["repository_dispatch"] = {"types": ["flyball-train"]}
    on["workflow_dispatch"] = {}
    return {
        "name": f"flyball {plan.slug}",
        "on": on,
        "permissions": {"contents": "read"},
        "concurrency": {"group": f"flyball-{plan.slug}", "cancel-in-progress": False},
        "jobs": {step.name: _job(model, step, asked if not step.needs else "") for step in plan.renew},
    }


def literal(text: str) -> str:
    """A text in which GitHub finds no expression.

    >>> literal("a ${{ b }}")
    "a ${{ '${{' }} b }}"
    """
    return text.replace("${{", "${{ '${{' }}")


def expression(text: str) -> str:
    """A text as it is written inside an expression.

    >>> expression("it's"), expression("${{")
    ("'it''s'", "format('{0}{1}{1}', '$', '{', '}')")
    """
    quoted = text.replace("'", "''")
    if "${{" not in text and "}}" not in text:
        return f"'{quoted}'"
    held = "".join({"$": "{0}", "{": "{1}", "}": "{2}"}.get(letter, letter) for letter in quoted)
    return f"format('{held}', '$', '{{', '}}')"


def _job(model: Pipeline, step: Step, condition: str) -> dict[str, Tree]:
    spec, plan = model.spec, model.plan
    own = not spec.deliver.runner or step.name != "train"
    limit = min(minutes(step), int(OWN_HOURS.total_seconds() // 60)) if own else minutes(step)
    job: dict[str, Tree] = {"name": step.name}
    if step.needs:
        job["needs"] = list(step.needs)
    if condition:
        job["if"] = condition
    job |= {"runs-on": "ubuntu-24.04" if own else list(spec.deliver.runner), "timeout-minutes": limit}
    if step.name in ("register", "deploy") and plan.environment:
        job["environment"] = slug(plan.environment)
    if step.name == "train":
        job["outputs"] = {"evaluation": "${{ steps.evaluation.outputs.artifact-url }}"}
    job["steps"] = [*_begin(model), *_given(model, step), _verb(model, step), *_left(model, step)]
    return _in_place(model, job)


def _begin(model: Pipeline) -> list[Tree]:
    spec = model.spec
    key = f"flyball-{model.plan.slug}-${{{{ runner.os }}}}-{spec.deliver.python}-"
    dependencies = "${{ hashFiles('**/requirements*.txt', '**/*.lock', '**/pyproject.toml', '**/*.dvc') }}"
    return [
        {"uses": USES["checkout"], "with": {"persist-credentials": False}},
        {"uses": USES["python"], "with": {"python-version": spec.deliver.python}},
        {
            "uses": USES["cache"],
            "with": {
                "path": "\n".join(["~/.cache/pip", literal(below(model.place, ".dvc/cache"))]),
                "key": key + dependencies,
                "restore-keys": key,
            },
        },
        {"name": "install", "run": literal(shlex.join(spec.deliver.install))},
    ]


def _given(model: Pipeline, step: Step) -> list[Tree]:
    """What the steps before have left for this one."""
    if step.name not in _AFTER_TRAINING:
        return []
    found: list[Tree] = [_download(model, "evaluation", REPORT)]
    if model.shared:
        return found
    private: Tree = {"name": "keep the key private", "run": "chmod 600 .flyball/key"}  # artifacts know no modes
    return [*found, _download(model, "state", ""), private]


def _verb(model: Pipeline, step: Step) -> dict[str, Tree]:
    env = {name: f"${{{{ secrets.{name} }}}}" for name in model.plan.secrets}
    env |= {name: literal(text) for name, text in model.plan.variables.items()}
    run = literal(command(step))
    if step.name == "register":
        env[ACTION] = "${{ github.event.client_payload.action }}"
        run += f' --action "${ACTION}"'
    env["FLYBALL_ACTOR"] = "github/${{ github.triggering_actor }}"
    return {"name": step.says, "run": run, "env": dict(env)}


def _left(model: Pipeline, step: Step) -> list[Tree]:
    """What this step leaves for people and for the steps after it."""
    if step.name == "test":
        return [_upload(model, "tests", [f"{REPORT}/tests.xml"], always=True)]
    if step.name != "train":
        return []
    summary: Tree = {
        "name": "summary",
        "if": "${{ !cancelled() }}",
        "run": f'if [ -f {REPORT}/evaluation.md ]; then cat {REPORT}/evaluation.md >> "$GITHUB_STEP_SUMMARY"; fi',
    }
    left: list[Tree] = [summary, {"id": "evaluation", **_upload(model, "evaluation", [REPORT], always=True)}]
    return [*left, *([] if model.shared else [_upload(model, "state", list(STATE), always=False)])]


def _comment(model: Pipeline) -> dict[str, Tree]:
    ready = "!cancelled() && needs.train.outputs.evaluation != ''"
    env = {
        "GITHUB_TOKEN": "${{ github.token }}",
        "FLYBALL_LINK": "${{ needs.train.outputs.evaluation }}",
    }
    return _in_place(
        model,
        {
            "name": "comment",
            "needs": ["train", "test"],
            "if": f"{ready} && {_OURS}",
            "runs-on": "ubuntu-24.04",
            "timeout-minutes": 10,
            "permissions": {"contents": "read", "pull-requests": "write"},
            "steps": [
                *_begin(model),
                _download(model, "evaluation", REPORT),
                {**_download(model, "tests", REPORT), "continue-on-error": True},
                {
                    "name": "comment the evaluation on the pull request",
                    "run": literal(review_command(model)) + ' --link "$FLYBALL_LINK"',
                    "env": dict(env),
                },
            ],
        },
    )


def _guard(model: Pipeline) -> str:
    """A change from a fork is given no secrets, and could do nothing without them."""
    return _OURS if model.plan.secrets else ""


def _in_place(model: Pipeline, job: Mapping[str, Tree]) -> dict[str, Tree]:
    if not model.place:
        return dict(job)
    steps = job["steps"]
    return {**job, "defaults": {"run": {"working-directory": literal(model.place)}}, "steps": steps}


def _upload(model: Pipeline, name: str, paths: list[str], *, always: bool) -> dict[str, Tree]:
    step: dict[str, Tree] = {"uses": USES["upload"]}
    if always:
        step["if"] = "${{ !cancelled() }}"
    given: dict[str, Tree] = {
        "name": f"flyball-{model.plan.slug}-{name}",
        "path": "\n".join(literal(_globbed(below(model.place, path))) for path in paths),
        "if-no-files-found": "ignore" if always else "error",
        "overwrite": True,
        "retention-days": 30 if always else 1,
    }
    if name == "state":
        given["include-hidden-files"] = True
    return {**step, "with": given}


def _download(model: Pipeline, name: str, into: str) -> dict[str, Tree]:
    path = literal(below(model.place, into) if into else model.place or ".")
    return {"uses": USES["download"], "with": {"name": f"flyball-{model.plan.slug}-{name}", "path": path}}


def _paths(model: Pipeline) -> dict[str, Tree]:
    return {"paths": [f"{_pattern(model.place)}/**"]} if model.place else {}


def _pattern(text: str) -> str:
    """A text in which GitHub's filters find no pattern."""
    return "".join(f"\\{letter}" if letter in "*?+[]!\\" else letter for letter in text)


def _globbed(path: str) -> str:
    """A path in which no sign stands for others."""
    return "".join(f"[{letter}]" if letter in "*?[]" else letter for letter in path)
