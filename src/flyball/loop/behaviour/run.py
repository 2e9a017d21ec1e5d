"""All tests of a version, one after the other: what is built in, what `tests.toml` declares, what the project wrote in Python."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter

import numpy as np

from flyball.core.errors import FlyballError, NotFoundError
from flyball.core.reason import Reason, because
from flyball.core.schema import did_you_mean
from flyball.core.table import Table
from flyball.core.verdict import Verdict
from flyball.loop.behaviour.built_in import Codec, Measured, latency, measured, missing, repeatable, round_trips, unseen
from flyball.loop.behaviour.changed import values_of
from flyball.loop.behaviour.declared import Declared, guarded
from flyball.loop.behaviour.records import Behaved, BehaviourReport, Subject
from flyball.loop.replaying.rows import readable
from flyball.ports.behaving import ProjectTests, Ran
from flyball.serving.engine import load_engine
from flyball.spec.behaviour import Behaviour, Behaviours, Latency

Progress = Callable[[str], None]
_TIMED = 300
_TIMED_NATIVE = 40
_VERDICTS: Mapping[str, Verdict] = {"passed": Verdict.PASS, "failed": Verdict.FAIL, "undecided": Verdict.UNDECIDED}
_BUILT_IN = ("round trip", "repeatable", "missing values", "unseen categories", "latency")
_PYTHON = "model_tests.py"


def run_behaviours(
    subject: Subject,
    behaviours: Behaviours,
    codecs: Mapping[str, Codec],
    project: ProjectTests,
    *,
    refuses_unseen: bool = False,
    only: Sequence[str] = (),
    progress: Progress = lambda _: None,
    timer: Callable[[], float] = perf_counter,
) -> BehaviourReport:
    """The report of every test, or of those whose name contains one of `only` (without regard to case and `_`).

    A model that fails in the middle of a test has failed it, and the others go on. SpecError for a test that this model cannot be asked,
    NotFoundError if `only` names none.
    """
    began = timer()
    run = _Run(subject, behaviours, _Wanted(only, behaviours), progress, timer)
    run.built_in(codecs, refuses_unseen)
    run.latency()
    run.declared()
    run.python(project)
    if not run.tests:
        raise NotFoundError("no test of that name", hint=f"names contain: {', '.join(run.wanted.names[:20])}")
    return BehaviourReport(
        model=subject.model,
        version=subject.version,
        run_id=subject.run_id,
        bundle=subject.bundle,
        engine=subject.manifest.engine,
        rows=subject.rows.rows,
        seen=subject.seen,
        tests=tuple(run.tests),
        seconds=timer() - began,
    )


class _Run:
    """One run over the tests: the rows they are given, and what has come of them so far."""

    def __init__(self, subject: Subject, behaviours: Behaviours, wanted: "_Wanted", progress: Progress, timer: Callable[[], float]) -> None:
        self._subject, self._behaviours, self.wanted = subject, behaviours, wanted
        self._progress, self._timer = progress, timer
        self._held = _some(subject.rows, behaviours.built_in.rows)
        self._features = readable(self._held, subject.manifest.schema) if self._held.rows else self._held
        self.tests: list[Behaved] = []

    def built_in(self, codecs: Mapping[str, Codec], refuses_unseen: bool) -> None:
        """What every version is asked, as far as `[built_in]` has not switched it off."""
        subject, features, asked = self._subject, self._features, self._behaviours.built_in
        if asked.round_trip:
            known = _some(subject.all_rows, asked.round_trip_rows)
            sent = readable(known, subject.manifest.schema) if known.rows else known
            self._add("round trip", "built in", lambda: round_trips(subject, codecs, sent))
        if asked.repeatable:
            self._add("repeatable", "built in", lambda: [repeatable(subject, features)])
        if asked.missing:
            self._add("missing values", "built in", lambda: [missing(subject, features)])
        if asked.unseen:
            self._add("unseen categories", "built in", lambda: [unseen(subject, features, refused=refuses_unseen)])

    def latency(self) -> None:
        """The engine is measured once for all budgets."""
        budgets = [test for test in self._behaviours.tests if isinstance(test, Latency) and self.wanted(test.name)]
        if not budgets and not (self._behaviours.built_in.latency and self.wanted("latency")):
            return
        self._do("latency", "latency", lambda: latency(budgets, self._look(asked=bool(budgets)), shown=True))

    def declared(self) -> None:
        """The other tests of `tests.toml`, in their order."""
        declared = Declared(self._subject, self._held, self._features)
        for test in self._behaviours.tests:
            if not isinstance(test, Latency):
                self._add(test.name, _kind(test), partial(declared.run, test))

    def python(self, project: ProjectTests) -> None:
        """The project's own functions."""
        if not self._behaviours.python or not self.wanted(_PYTHON, in_python=True):
            return
        self._progress(_PYTHON)
        found = _python(self._subject, self._held, project)
        self.tests += [test for test in found if test.name == _PYTHON or self.wanted(test.name)]

    def _add(self, name: str, kind: str, make: Callable[[], Sequence[Behaved]]) -> None:
        if self.wanted(name):
            self._do(name, kind, make)

    def _do(self, name: str, kind: str, make: Callable[[], Sequence[Behaved]]) -> None:
        self._progress(name)
        began = self._timer()
        found = guarded(make, name, kind)
        spent = (self._timer() - began) / max(1, len(found))
        self.tests += [replace(one, seconds=spent) for one in found]

    def _look(self, *, asked: bool) -> Callable[[], Measured] | None:
        """What measures the engine as a server has it. One that runs Python code is only started for it where a budget asks."""
        subject, features = self._subject, self._features
        native = subject.manifest.engine == "native"
        if not features.rows or (native and not asked):
            return None
        engine = load_engine(subject.path, subject.manifest, trusted=native)
        rows = values_of(features.take(slice(0, _TIMED_NATIVE if native else _TIMED)), subject.manifest.schema)
        return lambda: measured(engine, rows, self._timer)


class _Wanted:
    """Which tests were asked for: all of them, or those whose name contains one of some texts."""

    def __init__(self, only: Sequence[str], behaviours: Behaviours) -> None:
        self._only = tuple(map(_plain, only))
        self.names = [*_BUILT_IN, *(test.name for test in behaviours.tests)]
        known = list(map(_plain, self.names))
        for given, text in zip(only, self._only, strict=True):
            if not behaviours.python and not any(text in name for name in known):
                near = did_you_mean(given, self.names)
                raise NotFoundError(f"no test is called {given!r}{near}", hint=f"there are: {', '.join(self.names[:20])}")

    def __call__(self, name: str, *, in_python: bool = False) -> bool:
        return not self._only or in_python or any(text in _plain(name) for text in self._only)


def _python(subject: Subject, held: Table, project: ProjectTests) -> list[Behaved]:
    """The project's own functions; where they cannot be run at all, that is one failure."""
    if not held.rows:
        return [Behaved(name=_PYTHON, kind="python", verdict=Verdict.UNDECIDED, reason=because("behaviour.no_rows"))]
    try:
        ran = project.run(subject.path, subject.bundle, held, subject.target)
    except FlyballError as error:
        reason = because("behaviour.python_error", error=error.message, where=error.hint)
        return [Behaved(name=_PYTHON, kind="python", verdict=Verdict.FAIL, reason=reason)]
    if not ran:
        return [Behaved(name=_PYTHON, kind="python", verdict=Verdict.UNDECIDED, reason=because("behaviour.python_none"))]
    return [Behaved(name=one.name, kind="python", verdict=_VERDICTS[one.outcome], reason=_said(one), seconds=one.seconds) for one in ran]


def _said(one: Ran) -> Reason:
    match one.outcome:
        case "passed":
            return because("behaviour.python_passed")
        case "undecided":
            return because("behaviour.python_undecided", message=one.message)
        case _:
            return because("behaviour.python_failed", message=one.message, where=one.where)


def _kind(test: Behaviour) -> str:
    return {"SliceBound": "slice"}.get(type(test).__name__, type(test).__name__.lower())


def _plain(name: str) -> str:
    """A name without regard to case; the names of functions have lines where others have spaces."""
    return name.casefold().replace("_", " ")


def _some(rows: Table, most: int) -> Table:
    """The rows, or so many of them, evenly from the first to the last."""
    if rows.rows <= most:
        return rows
    return rows.take(np.linspace(0, rows.rows - 1, most).astype(np.int64))
