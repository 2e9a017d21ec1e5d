"""`flyball test`: the model's own behavioural tests."""

import sys
import tempfile
from pathlib import Path

import click

from flyball.cli.frame import as_json, console, project, say, show_json, show_table, told, version_of
from flyball.cli.train_report import read_report
from flyball.core.codec import to_plain
from flyball.core.errors import StoreError, UsageError
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.journal.state import fold
from flyball.loop.behaviour.records import Behaved, BehaviourReport
from flyball.render.junit import Case, junit
from flyball.settings import Settings
from flyball.spec.behaviour import Behaviours
from flyball.spec.load_behaviour import load_behaviours
from flyball.spec.records import Spec
from flyball.wiring import open_project_tests, open_workshop


@click.command()
@click.argument("version", metavar="[NAME@V]", required=False)
@click.option("--run", "run_id", default=None, metavar="RUN", help="Test what this run of `train --no-register` made.")
@click.option(
    "--report",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    metavar="DIR",
    help="Test what `flyball train --report DIR` made, on whatever machine.",
)
@click.option("--only", multiple=True, metavar="TEXT", help="Only tests whose name contains this; may be given several times.")
@click.option("--junit", "file", default=None, metavar="FILE", help="Write a JUnit report, which every CI system reads.")
@click.option("--allow-undecided", is_flag=True, help="Exit 0 although tests could not be decided, as long as none failed.")
@click.option("--list", "listed", is_flag=True, help="Only say which tests there are.")
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    version: str | None,
    run_id: str | None,
    folder: Path | None,
    only: tuple[str, ...],
    file: str | None,
    allow_undecided: bool,
    listed: bool,
    as_json: bool,
) -> None:
    """Ask a version what the project's own tests say it has to do: tests.toml, and functions in model_tests.py.

    Without NAME@V: what `flyball train` made last in this folder, registered or not; else the newest version. Built in, whatever is
    declared: the same scores through every protocol, twice, and one by one; a number where values are missing or new; how long a row takes.
    Exit 1 if a test fails or cannot be decided.

    \b
    flyball train --no-register && flyball test      in a pull request
    flyball test churn@3 --junit report.xml          a version that is there
    flyball test --only "support calls"              only these
    """
    settings, spec = project(ctx)
    behaviours = load_behaviours(settings.folder, spec.model.task)
    if listed:
        _list(behaviours, as_json)
        return
    if sum(one is not None for one in (version, run_id, folder)) > 1:
        raise UsageError("a version, --run and --report each name a model", hint="write one of them")
    if folder is not None:
        run_id = read_report(settings.folder / folder, spec.model.name)
    target = None if file is None else _target(file)
    report = tested(settings, spec, behaviours, None if version is None else version_of(version, spec.model.name), run_id, only)
    if target is not None:
        _write(target, report, settings, lenient=allow_undecided)
    if as_json:
        show_json(plain(report, settings))
    else:
        show(report, settings)
    good = (Verdict.PASS, Verdict.NOT_APPLICABLE, Verdict.UNDECIDED) if allow_undecided else (Verdict.PASS,)
    if report.verdict not in good:
        sys.exit(1)


def tested(
    settings: Settings, spec: Spec, behaviours: Behaviours, version: int | None, run_id: str | None, only: tuple[str, ...]
) -> BehaviourReport:
    """The report on a version, on a run, or on what was made last."""
    from flyball.loop.behaviour.run import run_behaviours
    from flyball.loop.behaviour.subject import chosen, last_candidate, subject_of
    from flyball.server.dialects.round_trip import CODECS

    workshop = open_workshop(settings, spec, echo=say)
    functions = open_project_tests(settings, spec, echo=lambda line: click.echo(line, err=True, nl=not line.endswith("\n")))
    try:
        which: int | str | None = version if version is not None else run_id
        if which is None:
            state = fold(spec.model.name, workshop.journal.read(spec.model.name))
            which = chosen(state, last_candidate(settings.state, spec.model.name))
        with tempfile.TemporaryDirectory(prefix="flyball-test-") as folder:
            subject = subject_of(spec, workshop, which, Path(folder))
            say(f"testing {subject.name}, {subject.rows.rows} rows")
            refuses = spec.serve.unseen == "refuse"
            return run_behaviours(subject, behaviours, CODECS, functions, refuses_unseen=refuses, only=only, progress=say)
    finally:
        workshop.trainer.close()
        functions.close()


def show(report: BehaviourReport, settings: Settings) -> None:
    """The report for people: what failed comes last, where it is seen."""
    rows = [(test.verdict.value, test.name, told(test.reason, settings)) for test in _ordered(report)]
    show_table(("verdict", "test", "why"), rows)
    for test in report.tests:
        for line in _details(test) if test.verdict is Verdict.FAIL else ():
            console().print(f"{test.name}: {line}")
    if report.seen and report.rows:
        say(f"note: {told(because('behaviour.seen'), settings)}")
    counts = [(verdict, sum(test.verdict is verdict for test in report.tests)) for verdict in Verdict]
    said = ", ".join(f"{count} {verdict.value}" for verdict, count in counts if count)
    name = f"{report.model}@{report.version}" if report.version is not None else f"{report.model}, run {report.run_id}"
    console().print(f"{name}: {report.verdict.value} ({said}), in {report.seconds:.1f} s")


def plain(report: BehaviourReport, settings: Settings) -> dict[str, object]:
    """The report as `test --json` prints it."""
    return {
        "model": report.model,
        "version": report.version,
        "run_id": report.run_id,
        "bundle": report.bundle,
        "engine": report.engine,
        "rows": report.rows,
        "held_out": not report.seen,
        "verdict": report.verdict.value,
        "tests": [
            {
                "name": test.name,
                "kind": test.kind,
                "verdict": test.verdict.value,
                "reason": told(test.reason, settings),
                "numbers": dict(test.numbers),
                "examples": to_plain(test.examples),
                "seconds": test.seconds,
            }
            for test in report.tests
        ],
        "seconds": report.seconds,
    }


def _ordered(report: BehaviourReport) -> list[Behaved]:
    order = (Verdict.PASS, Verdict.NOT_APPLICABLE, Verdict.UNDECIDED, Verdict.FAIL)
    return sorted(report.tests, key=lambda test: order.index(test.verdict))


def _details(test: Behaved) -> list[str]:
    where = test.reason.values.get("where")
    lines = str(where).splitlines() if where else []
    for example in test.examples:
        lines.append(", ".join(f"{key} {value:.4f}" if isinstance(value, float) else f"{key} {value}" for key, value in example.items()))
    return lines


def _list(behaviours: Behaviours, as_json: bool) -> None:
    built_in = [name for name in ("round_trip", "repeatable", "missing", "unseen", "latency") if getattr(behaviours.built_in, name)]
    found = [("built in", name.replace("_", " ")) for name in built_in]
    found += [(type(test).__name__.replace("SliceBound", "slice").lower(), test.name) for test in behaviours.tests]
    if behaviours.python:
        found.append(("python", "model_tests.py"))
    if as_json:
        show_json([{"kind": kind, "name": name} for kind, name in found])
    else:
        show_table(("kind", "test"), found)


def _target(file: str) -> Path:
    path = Path(file)
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"--junit {file}: this is no file in a folder that exists", hint="write for example --junit report.xml")
    return path


def _write(path: Path, report: BehaviourReport, settings: Settings, *, lenient: bool) -> None:
    cases = [
        Case(
            group=f"{report.model}.{test.kind}",
            name=test.name,
            verdict=test.verdict,
            sentence=told(test.reason, settings),
            details="\n".join(_details(test)),
            seconds=test.seconds,
        )
        for test in report.tests
    ]
    properties = [("model", report.model), ("version", str(report.version or "")), ("run_id", report.run_id), ("engine", report.engine)]
    try:
        path.write_text(junit(report.model, cases, properties=properties, lenient=lenient), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}", hint="name another file with --junit") from error
    say(f"wrote {path}")
