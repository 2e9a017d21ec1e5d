"""Pipelines of GitLab CI: jobs for merge requests, and for what makes a new version and puts it to work."""

import shlex

from flyball.core.errors import SpecError
from flyball.core.slug import slug
from flyball.plan.make import ADMIN, REPORT
from flyball.plan.records import Step
from flyball.render.calendar import cron
from flyball.render.dump import Tree, to_yaml
from flyball.render.pipelines.parts import (
    RETRAIN,
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

BY = "GitLab CI"
TOKEN = "GITLAB_TOKEN"  # noqa: S105 - the name of a variable
_STAGES = {"check": "build", "data": "build", "train": "build", "test": "test", "register": "deploy", "deploy": "deploy"}
_MOST_RETRIES = 2
_PAYLOAD = '${TRIGGER_PAYLOAD:+--request "$TRIGGER_PAYLOAD"}'


def files(order: Order) -> Files:
    """`.gitlab/flyball-MODEL.yml` for each project, and `.gitlab-ci.yml` that includes them."""
    models = pipelines(order, by=BY)
    made = {}
    for model in models:
        needs_runner(model, by="gitlab.com")
        secrets = given(model.plan.review if order.review else model.plan.renew)
        first = head("gitlab", model, *_notes(model, order.review), secrets=secrets)
        made[_path(model)] = to_yaml(jobs(model, review_only=order.review), head=first)
    about = (
        "Made by `flyball render gitlab`; change flyball.toml and render again.\nIn a file of your own, include these beside what it has."
    )
    includes: Tree = [{"local": f"/{_path(model)}"} for model in models]
    return {".gitlab-ci.yml": to_yaml({"include": includes}, head=about), **made}


def jobs(model: Pipeline, *, review_only: bool = False) -> dict[str, Tree]:
    """The jobs of a model, those of merge requests first."""
    plan = model.plan
    made: dict[str, Tree] = {f".flyball-{plan.slug}": _shared(model)}
    made |= {f"{plan.slug}:review:{step.name}": _job(model, step, "review") for step in plan.review}
    made[f"{plan.slug}:review:comment"] = _comment(model)
    if not review_only:
        made |= {f"{plan.slug}:{step.name}": _job(model, step, "renew") for step in plan.renew}
    return made


def _path(model: Pipeline) -> str:
    return f".gitlab/flyball-{model.plan.slug}.yml"


def _notes(model: Pipeline, review_only: bool) -> list[str]:
    """What GitLab keeps outside of files, and has to be made by hand or by its API."""
    notes = [f"For the comment on merge requests: {TOKEN}, an access token of the project with the scope api."]
    if review_only:
        return notes
    if ADMIN in model.plan.secrets:
        notes.append(
            f"Make {ADMIN} a protected variable, and {model.spec.deliver.branch!r} a protected branch: reviews then do not get it."
        )
    if model.plan.every:
        found = cron(model.plan.every, model.plan.slug, key="retrain.every")
        said = f" ({found.rounded})" if found.rounded else ""
        notes.append(
            f"Retraining: make a pipeline schedule (Build, Pipeline schedules) with the interval {found.line} in UTC{said}, "
            f"on the branch {model.spec.deliver.branch!r}, with the variable {RETRAIN} = {model.plan.slug}."
        )
    notes.append(f"A trigger of the loop names the variable too: ...&variables[{RETRAIN}]={model.plan.slug}")
    return notes


def _shared(model: Pipeline) -> dict[str, Tree]:
    """What every job has: Python, the project's packages, and the caches of both."""
    spec, place = model.spec, model.place
    begin = [f"cd {shlex.quote(place)}"] if place else []
    begin += [f"export {name}={shlex.quote(text)}" for name, text in model.plan.variables.items()]
    begin += [
        'export PIP_CACHE_DIR="$CI_PROJECT_DIR/.cache/pip" FLYBALL_ACTOR="gitlab/$GITLAB_USER_LOGIN"',
        shlex.join(spec.deliver.install),
    ]
    return {
        "image": f"python:{spec.deliver.python}",
        "interruptible": False,
        "before_script": [*begin],
        "cache": {
            "key": f"flyball-{model.plan.slug}-{spec.deliver.python}",
            "paths": [".cache/pip/", _globbed(below(place, ".dvc/cache/"))],
            "when": "always",
        },
    }


def _job(model: Pipeline, step: Step, occasion: str) -> dict[str, Tree]:
    plan, spec = model.plan, model.spec
    of = f"{plan.slug}:review:" if occasion == "review" else f"{plan.slug}:"
    job: dict[str, Tree] = {
        "extends": f".flyball-{plan.slug}",
        "stage": _STAGES[step.name],
        "needs": [f"{of}{name}" for name in _needed(step)],
        "rules": _rules(model, occasion),
        "script": [_run(step)],
        "timeout": f"{minutes(step)} minutes",
    }
    if step.retries:
        job["retry"] = min(step.retries, _MOST_RETRIES)
    if step.name == "train" and spec.deliver.runner:
        job["tags"] = list(spec.deliver.runner)
    if occasion == "renew":
        job["resource_group"] = f"flyball-{plan.slug}"
    else:
        job["interruptible"] = True
    if step.name == "deploy":
        job["environment"] = {"name": slug(plan.environment) if plan.environment else "production"}
    kept = _kept(model, step)
    return {**job, "artifacts": kept} if kept else job


def _needed(step: Step) -> list[str]:
    """The steps whose files a step gets: beside the one before it the training, whose evaluation the others read."""
    return [*(["train"] if step.name == "register" else []), *step.needs]


def _run(step: Step) -> str:
    return f"{command(step)} {_PAYLOAD}" if step.name == "register" else command(step)


def _kept(model: Pipeline, step: Step) -> dict[str, Tree]:
    if step.name == "train":
        paths: list[Tree] = [below(model.place, f"{REPORT}/")]
        if not model.shared:
            paths += [below(model.place, name) for name in STATE]
        return {"paths": paths, "when": "always", "expire_in": "30 days" if model.shared else "1 day"}
    if step.name == "test":
        path = below(model.place, f"{REPORT}/tests.xml")
        return {"reports": {"junit": path}, "paths": [path], "when": "always", "expire_in": "30 days"}
    return {}


def _comment(model: Pipeline) -> dict[str, Tree]:
    of = f"{model.plan.slug}:review:"
    return {
        "extends": f".flyball-{model.plan.slug}",
        "stage": "test",
        "needs": [f"{of}train", {"job": f"{of}test", "optional": True}],
        "rules": [{"if": f'$CI_PIPELINE_SOURCE == "merge_request_event" && ${TOKEN}', "when": "always"}],
        "script": [f'if [ -f {REPORT}/training.json ]; then {review_command(model)} --link "$CI_PIPELINE_URL"; fi'],
        "timeout": "10 minutes",
    }


def _rules(model: Pipeline, occasion: str) -> list[Tree]:
    branch, changes = model.spec.deliver.branch, {"changes": [f"{_globbed(model.place)}/**/*"]} if model.place else {}
    if "$" in branch or ('"' in branch and "'" in branch):
        raise SpecError(f"the rules of GitLab cannot name the branch {branch!r}", hint="deliver.branch: a name without $ and quotes")
    if occasion == "review":
        return [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"', **changes}]
    quote = "'" if '"' in branch else '"'
    there = f"$CI_COMMIT_BRANCH == {quote}{branch}{quote}"
    pushed = f"$CI_PIPELINE_SOURCE == {quote}push{quote} && {there}"
    asked = f'$CI_PIPELINE_SOURCE =~ /^(schedule|trigger|web)$/ && ${RETRAIN} == "{model.plan.slug}" && {there}'
    return [{"if": pushed, **changes}, {"if": asked}]


def _globbed(path: str) -> str:
    """A path in which no sign stands for others."""
    return "".join(f"[{letter}]" if letter in "*?[]{}" else letter for letter in path)
