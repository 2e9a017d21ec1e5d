"""A declarative Jenkinsfile. Every text from outside is a Groovy string in single quotes, in which nothing is executed."""

import shlex
from collections.abc import Iterable, Sequence

from flyball.plan.make import REPORT
from flyball.plan.records import Step
from flyball.render.calendar import cron
from flyball.render.pipelines.parts import ACTION, Pipeline, below, command, given, head, minutes, needs_gpu, pipelines, review_command
from flyball.render.records import Files, Order
from flyball.spec.delivery import Resources

BY = "Jenkins"
_VENV = ".flyball-venv"
_REVIEWED = ("check", "data", "train", "test")


def files(order: Order) -> Files:
    """`Jenkinsfile` for one project; for several `Jenkinsfile.MODEL` each."""
    models = pipelines(order, by=BY)
    for model in models:
        needs_gpu(model, by=BY)
    names = ["Jenkinsfile"] if len(models) == 1 else [f"Jenkinsfile.{model.plan.slug}" for model in models]
    return {name: jenkinsfile(model, review_only=order.review) for name, model in zip(names, models, strict=True)}


def quoted(text: str) -> str:
    """A text as Groovy reads it back, byte for byte, and does not look into.

    >>> print(quoted("it's $HOME"))
    'it\\'s $HOME'
    """
    if not text:
        return '""'  # three quotes in a row begin another kind of text, and some readers stumble over two
    signs = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
    return "'" + "".join(signs.get(letter, letter) for letter in text) + "'"


def jenkinsfile(model: Pipeline, *, review_only: bool = False) -> str:
    """The text of a Jenkinsfile: a line for each statement, indented by its depth."""
    spec, plan = model.spec, model.plan
    notes = [cron(plan.every, plan.slug, key="retrain.every").rounded if plan.every and not review_only else ""]
    if not _comment(model):
        notes.append('For a comment on pull requests: [deliver] secrets = ["GITHUB_TOKEN"] (or GITLAB_TOKEN), and the credential.')
    if spec.resources != Resources() and not spec.deliver.runner:
        notes.append(
            "Any agent may train: what [train] resources asks for is not kept here. [deliver] runner names the labels of one that has it."
        )
    steps = plan.review if review_only else plan.renew
    made = head("jenkins", model, *notes, secrets=given(steps))
    comment = made.replace("Secrets to make", "Credentials to make (secret text)")
    label = " && ".join(spec.deliver.runner)
    stages = [_stage(model, step) for step in steps]
    lines = [
        *(f"// {line}" for line in comment.splitlines()),
        "pipeline {",
        *_in([f"agent {{ label {quoted(label)} }}" if label else "agent any"]),
        *_in(_block("options", ["disableConcurrentBuilds()", "buildDiscarder(logRotator(numToKeepStr: '30'))"])),
        *_in([] if review_only else _triggers(model)),
        *_in([] if review_only else _parameters()),
        *_in(_block("environment", _environment(model))),
        *_in(_block("stages", [*_install(model), *(line for stage in stages for line in stage)])),
        *_in(_block("post", _block("always", _after(model)))),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _in(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _block(name: str, lines: Sequence[str]) -> list[str]:
    return [f"{name} {{", *_in(lines), "}"]


def _triggers(model: Pipeline) -> list[str]:
    if not model.plan.every:
        return []
    fields = cron(model.plan.every, model.plan.slug, key="retrain.every").line.split()
    line = " ".join([fields[0] if "*" in fields[0] else "H", *fields[1:]])
    main = f"env.BRANCH_NAME == {quoted(model.spec.deliver.branch)}"
    return _block("triggers", [f"cron({main} ? {quoted(line)} : {quoted('')})"])


def _parameters() -> list[str]:
    said = quoted("The action of the loop that this build answers; empty otherwise.")
    return _block("parameters", [f"string(name: '{ACTION}', defaultValue: {quoted('')}, description: {said})"])


def _environment(model: Pipeline) -> list[str]:
    path = f'PATH = "${{env.WORKSPACE}}/{_VENV}/bin:${{env.PATH}}"'
    return [path, "FLYBALL_ACTOR = 'jenkins'", *_credentials(_of_all(model))]


def _of_all(model: Pipeline) -> list[str]:
    """What every step is given, and the comment too."""
    return [name for name in model.plan.secrets if all(name in step.secrets for step in model.plan.renew)]


def _credentials(names: Iterable[str]) -> list[str]:
    return [f"{name} = credentials('{name}')" for name in names]


def _install(model: Pipeline) -> list[str]:
    python = f"python{model.spec.deliver.python}"
    own = [_sh(f"rm -rf {REPORT}"), _sh(shlex.join(model.spec.deliver.install))]  # a workspace outlives its build
    lines = [_sh(shlex.join([python, "-m", "venv", _VENV])), *_placed(model, own)]
    return _block("stage('install')", _block("steps", lines))


def _stage(model: Pipeline, step: Step) -> list[str]:
    run = [_sh(_with_variables(model, command(step)))]
    if step.name == "register":
        run = [_sh(_with_variables(model, command(step)) + f' --action "${ACTION}"')]
    if step.retries:
        run = _block(f"retry({step.retries + 1})", run)
    options = _block("options", [f"timeout(time: {minutes(step)}, unit: 'MINUTES')"])
    own = _credentials(name for name in step.secrets if name not in _of_all(model))
    secrets = _block("environment", own) if own else []
    main = _block("when", [f"branch comparator: 'EQUALS', pattern: {quoted(model.spec.deliver.branch)}"])
    guard = main if step.name not in _REVIEWED else []
    return _block(f"stage('{step.name}')", [*guard, *options, *secrets, *_block("steps", _placed(model, run))])


def _comment(model: Pipeline) -> list[str]:
    """Under a change of GitHub or GitLab, if the job is given what opens it; also where the gate or a test has said no."""
    if not {"GITHUB_TOKEN", "GITLAB_TOKEN"} & {*model.plan.secrets}:
        return []
    run = f'if [ -n "$CHANGE_ID" ] && [ -f {REPORT}/training.json ]; then {review_command(model)} --link "$BUILD_URL"; fi'
    return _placed(model, [_sh(run)])


def _after(model: Pipeline) -> list[str]:
    evaluation, tests = below(model.place, f"{REPORT}/**"), below(model.place, f"{REPORT}/tests.xml")
    return [
        f"archiveArtifacts artifacts: {quoted(evaluation)}, allowEmptyArchive: true",
        f"junit testResults: {quoted(tests)}, allowEmptyResults: true",
        *_comment(model),
    ]


def _with_variables(model: Pipeline, run: str) -> str:
    given = [f"{name}={text}" for name, text in model.plan.variables.items()]
    return f"{shlex.join(['env', *given])} {run}" if given else run


def _placed(model: Pipeline, lines: Sequence[str]) -> list[str]:
    return _block(f"dir({quoted(model.place)})", lines) if model.place else list(lines)


def _sh(run: str) -> str:
    return f"sh {quoted(run)}"
