"""Workflows of GitHub Actions: one for proposed changes, one for what makes a new version and puts it to work."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta

from flyball.core.errors import SpecError
from flyball.core.slug import slug
from flyball.plan.make import ADMIN, REPORT
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
    given,
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
_OF_ROWS = ("data", "train", "test")
_OWN = "GITHUB_TOKEN"


def files(order: Order) -> Files:
    """`.github/workflows/flyball-MODEL-review.yml`, and unless only that is wanted `flyball-MODEL.yml`."""
    made = {}
    for model in pipelines(order, by=BY):
        needs_runner(model, by="GitHub")
        _named(model)
        name = f".github/workflows/flyball-{model.plan.slug}"
        made[f"{name}-review.yml"] = to_yaml(review(model), head=head("github", model, secrets=_to_make(model.plan.review)))
        if not order.review:
            rounded = cron(model.plan.every, model.plan.slug, key="retrain.every", least=_LEAST).rounded if model.plan.every else ""
            first = head("github", model, *_notes(model), rounded, secrets=_to_make(model.plan.renew))
            made[f"{name}.yml"] = to_yaml(renew(model), head=first)
    return made


def _named(model: Pipeline) -> None:
    """SpecError for a secret that GitHub does not let anybody make."""
    for name in model.plan.secrets:
        if name.upper().startswith("GITHUB_") and name.upper() != _OWN:
            raise SpecError(
                f"GitHub lets nobody make a secret named {name}: names that begin with GITHUB_ are its own",
                hint=f"name the variable GH_{name[len('GITHUB_') :]} in flyball.toml",
            )


def _to_make(steps: Sequence[Step]) -> list[str]:
    return [name for name in given(steps) if name != _OWN]


def _notes(model: Pipeline) -> list[str]:
    """What has to be set in the repository beside the secrets."""
    branch = model.spec.deliver.branch
    notes = [
        f"Jobs run on {branch} alone. GitHub runs schedules and the loop's requests on the repository's default branch: that has to be it."
    ]
    asks = _environments(model)
    if asks:
        where = " and ".join(dict.fromkeys(asks.values()))
        notes.append(f"{ADMIN} is better made in the environments {where} than in the repository, with {branch} as their only branch.")
    return notes


def _environments(model: Pipeline) -> dict[str, str]:
    """The environments of GitHub by the steps that act. Of two, so that who must agree is asked once for a version, before it answers."""
    if not model.plan.environment:
        return {}
    name = slug(model.plan.environment)
    return {"register": f"{name}-register", "deploy": name}


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
    branch = f"github.ref == {expression(f'refs/heads/{model.spec.deliver.branch}')}"
    ours = f"{branch} && (github.event_name != 'repository_dispatch' || github.event.client_payload.model == {expression(plan.model)})"
    on: dict[str, Tree] = {"push": {"branches": [_pattern(model.spec.deliver.branch)], **_paths(model)}}
    if plan.every:
        on["schedule"] = [{"cron": cron(plan.every, plan.slug, key="retrain.every", least=_LEAST).line}]
    on["repository_dispatch"] = {"types": ["flyball-train"]}
    on["workflow_dispatch"] = {}
    return {
        "name": f"flyball {plan.slug}",
        "on": on,
        "permissions": {"contents": "read"},
        # what does nothing here is in a group of its own: in this one it would take the place of a run that waits
        "concurrency": {
            "group": f"flyball-{plan.slug}${{{{ !({ours}) && format('-{{0}}', github.run_id) || '' }}}}",
            "cancel-in-progress": False,
        },
        "jobs": {step.name: _job(model, step, ours if not step.needs else "") for step in plan.renew},
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
    spec = model.spec
    own = not spec.deliver.runner or step.name != "train"
    limit = min(minutes(step), int(OWN_HOURS.total_seconds() // 60)) if own else minutes(step)
    job: dict[str, Tree] = {"name": step.name}
    if step.needs:
        job["needs"] = list(step.needs)
    if condition:
        job["if"] = condition
    job |= {"runs-on": "ubuntu-24.04" if own else list(spec.deliver.runner), "timeout-minutes": limit}
    if step.name in (found := _environments(model)):
        job["environment"] = found[step.name]
    if step.name == "train":
        job["outputs"] = {"evaluation": "${{ steps.evaluation.outputs.artifact-url }}"}
    job["steps"] = [*_begin(model), *_rows(model, step), *_given(model, step), _verb(model, step), *_left(model, step)]
    return _in_place(model, job)


def _begin(model: Pipeline) -> list[Tree]:
    spec = model.spec
    key = f"flyball-{model.plan.slug}-${{{{ runner.os }}}}-{spec.deliver.python}-"
    dependencies = "${{ hashFiles('**/requirements*.txt', '**/*.lock', '**/pyproject.toml') }}"
    return [
        {"uses": USES["checkout"], "with": {"persist-credentials": False}},
        {"uses": USES["python"], "with": {"python-version": spec.deliver.python}},
        {"uses": USES["cache"], "with": {"path": "~/.cache/pip", "key": key + dependencies, "restore-keys": key}},
        {"name": "install", "run": literal(shlex.join(spec.deliver.install))},
    ]


def _rows(model: Pipeline, step: Step) -> list[Tree]:
    """What DVC has fetched. Under a key of its own: what is kept first under a key is never replaced."""
    if step.name not in _OF_ROWS:
        return []
    key = f"flyball-{model.plan.slug}-rows-"
    path = literal(below(model.place, ".dvc/cache"))
    return [
        {"uses": USES["cache"], "with": {"path": path, "key": key + "${{ hashFiles('**/*.dvc', '**/dvc.lock') }}", "restore-keys": key}}
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
    env = {name: f"${{{{ secrets.{name} }}}}" for name in step.secrets}
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
    about: dict[str, Tree] = {
        "name": f"flyball-{model.plan.slug}-{name}",
        "path": "\n".join(literal(_globbed(below(model.place, path))) for path in paths),
        "if-no-files-found": "ignore" if always else "error",
        "overwrite": True,
        "retention-days": 30 if always else 1,
    }
    if name == "state":
        about["include-hidden-files"] = True
    return {**step, "with": about}


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
